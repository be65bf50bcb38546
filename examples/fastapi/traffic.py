"""Customers of the shop: `traffic.py URL [--rounds N] [--every SECONDS]`.

In each round some buy what the shop can sell, and some do what sets off its bugs. `--every` goes on with a round at a
time after those. Prints how many requests were answered with which status.
"""

import argparse
import json
import time
import urllib.error
import urllib.request
from collections import Counter

told = Counter()


def ask(url, body=None):
    """The answer to a POST of `body`, or to a GET without one; None where the shop refused or failed."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            told[answer.status] += 1
            return json.load(answer)
    except urllib.error.HTTPError as error:
        told[error.code] += 1
        return None


def cart(shop, **pieces):
    id = ask(f"{shop}/carts", {})["id"]
    for sku, quantity in pieces.items():
        ask(f"{shop}/carts/{id}/pieces", {"sku": sku, "quantity": quantity})
    return f"{shop}/carts/{id}"


def order(shop, cart, **checkout):
    answer = ask(f"{cart}/order", {"email": "ann@example.com", **checkout})
    return answer and f"{shop}/orders/{answer['id']}"


def a_round(shop):
    # What works: a cart, an order, a card, a label, and two things that are not there.
    full = cart(shop, mug=2, tea=1)
    ask(full)
    sent = order(shop, full, deliver_by="2999-01-01T12:00:00Z", address={"street": "High Street 1", "city": "Leeds"})
    ask(f"{sent}/payment", {"method": "card"})
    ask(f"{sent}/label")
    ask(f"{shop}/carts/999999")
    ask(f"{full}/pieces", {"sku": "anvil"})
    # What does not: vouchers twice, since they are the most popular of the broken things.
    for _ in range(2):
        ask(f"{order(shop, full)}/payment", {"method": "voucher"})
    # An order that is fetched has no address.
    ask(f"{order(shop, full)}/label")
    # A time without a zone, as an older version of the mobile app sends it.
    order(shop, full, deliver_by="2999-01-01T12:00:00")
    # A cart with nothing in it.
    ask(cart(shop))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("url")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--every", type=float)
    given = arguments.parse_args()
    for _ in range(given.rounds):
        a_round(given.url)
    print(", ".join(f"{count} × {status}" for status, count in sorted(told.items())), flush=True)
    while given.every:
        time.sleep(given.every)
        a_round(given.url)


if __name__ == "__main__":
    main()
