"""Prices of orders, in cents."""

DISCOUNTS = {"WELCOME10": 10, "SPRING25": 25}


def subtotal(order):
    return sum(item["quantity"] * item["unit_cents"] for item in order["items"])


def discount(order):
    """What the order's coupon takes off; a code that is unknown or expired takes off nothing."""
    code = order.get("coupon")
    if code is None:
        return 0
    return subtotal(order) * DISCOUNTS[code] // 100


def total(order):
    return subtotal(order) - discount(order)
