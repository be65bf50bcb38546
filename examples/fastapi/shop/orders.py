"""What customers have bought, and when and where it goes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from .carts import Cart


class Address(BaseModel):
    street: str
    city: str


@dataclass
class Order:
    id: int
    total: int
    deliver_by: datetime | None = None
    # None where the customer fetches it from the shop.
    address: Address | None = None
    paid: int = 0


def place(id: int, cart: Cart, deliver_by: datetime | None, address: Address | None) -> Order:
    """Makes an order of a cart. A day of delivery that is over is left out."""
    if deliver_by is not None and deliver_by < datetime.now(UTC):
        deliver_by = None
    return Order(id, cart.total(), deliver_by, address)


def label(order: Order) -> str:
    """What stands on the parcel."""
    return f"#{order.id}, {order.address.street}, {order.address.city}"
