"""How orders are paid for."""

from shop.orders import Order
from shop.payments import charge


def test_a_card_pays_an_order():
    order = Order(1, 3030)
    assert charge(order, "card") == 3030
    assert order.paid == 3030


def test_a_voucher_pays_an_order():
    order = Order(2, 3030)
    assert charge(order, "voucher") == 3030
    assert order.paid == 3030
