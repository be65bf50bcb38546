"""What customers mean to buy. Prices are in cents."""

from dataclasses import dataclass, field

PRICES = {"mug": 1290, "pot": 3900, "tea": 450}


@dataclass
class Cart:
    id: int
    pieces: dict[str, int] = field(default_factory=dict)

    def add(self, sku: str, quantity: int) -> None:
        self.pieces[sku] = self.pieces.get(sku, 0) + quantity

    def total(self) -> int:
        return sum(PRICES[sku] * quantity for sku, quantity in self.pieces.items())

    def average_price(self) -> int:
        """What a piece costs on average, which the shop shows beside the total."""
        return self.total() // sum(self.pieces.values())
