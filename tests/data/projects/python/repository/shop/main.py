"""Charges the orders of the day."""

import logging

from shop import pricing

ORDERS = [
    {"id": 1001, "items": [{"quantity": 2, "unit_cents": 450}], "coupon": None},
    {"id": 1002, "items": [{"quantity": 1, "unit_cents": 1999}], "coupon": "WELCOME10"},
    {"id": 1003, "items": [{"quantity": 3, "unit_cents": 250}], "coupon": "WINTER15"},
    {"id": 1004, "items": [{"quantity": 1, "unit_cents": 700}], "coupon": "SPRING25"},
]

logger = logging.getLogger("shop.orders")


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for order in ORDERS:
        try:
            logger.info("order %d charged: %d cents", order["id"], pricing.total(order))
        except Exception:
            logger.exception("order %d could not be charged", order["id"])


if __name__ == "__main__":
    main()
