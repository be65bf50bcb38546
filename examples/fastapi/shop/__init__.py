"""A small shop: carts, orders and payments."""
