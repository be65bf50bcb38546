"""The shop's routes. `uvicorn shop.main:app` serves them.

What a route did not expect is not caught here: FastAPI itself logs it, with its stack trace, to OpenTelemetry's global
provider, which `telemetry.start` sets. Catch and log it as well, and it counts twice.
"""

import logging
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from . import orders, payments, telemetry
from .carts import PRICES, Cart

logger = logging.getLogger("shop")
ids = count(1)
carts: dict[int, Cart] = {}
placed: dict[int, orders.Order] = {}


@asynccontextmanager
async def lifespan(_: FastAPI):
    provider = telemetry.start()
    yield
    # Sends what is still waiting.
    provider.shutdown()


app = FastAPI(title="shop", lifespan=lifespan)


class Piece(BaseModel):
    sku: str
    quantity: Annotated[int, Field(ge=1, le=99)] = 1


class Checkout(BaseModel):
    email: str
    deliver_by: datetime | None = None
    address: orders.Address | None = None


class Payment(BaseModel):
    method: Literal["card", "voucher"]


def found(things: dict, id: int):
    if id not in things:
        logger.info("nothing has the id %d", id)
        raise HTTPException(404, "There is no such thing.")
    return things[id]


@app.post("/carts", status_code=201)
def open_cart() -> dict:
    cart = Cart(next(ids))
    carts[cart.id] = cart
    return {"id": cart.id}


@app.post("/carts/{id}/pieces")
def add_piece(id: int, piece: Piece) -> dict:
    cart = found(carts, id)
    if piece.sku not in PRICES:
        raise HTTPException(422, "The shop does not have that.")
    cart.add(piece.sku, piece.quantity)
    return {"total": cart.total()}


@app.get("/carts/{id}")
def show_cart(id: int) -> dict:
    cart = found(carts, id)
    return {"pieces": cart.pieces, "total": cart.total(), "average_price": cart.average_price()}


@app.post("/carts/{id}/order", status_code=201)
def check_out(id: int, checkout: Checkout) -> dict:
    order = orders.place(next(ids), found(carts, id), checkout.deliver_by, checkout.address)
    placed[order.id] = order
    logger.info("order %d of %s placed, %d cents", order.id, checkout.email, order.total)
    return {"id": order.id, "total": order.total, "deliver_by": order.deliver_by}


@app.post("/orders/{id}/payment")
def pay(id: int, payment: Payment) -> dict:
    order = found(placed, id)
    paid = payments.charge(order, payment.method)
    logger.info("order %d paid by %s, %d cents", id, payment.method, paid)
    return {"paid": paid}


@app.get("/orders/{id}/label")
def show_label(id: int) -> dict:
    return {"label": orders.label(found(placed, id))}
