"""A customer's way through the shop."""

from fastapi.testclient import TestClient

from shop.main import app

# Without `with`, so that the lifespan does not begin and nothing is sent to a receiver of logs.
client = TestClient(app)


def post(path, body=None, status=200):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def an_order(**checkout):
    cart = post("/carts", status=201)["id"]
    post(f"/carts/{cart}/pieces", {"sku": "mug", "quantity": 2})
    post(f"/carts/{cart}/pieces", {"sku": "tea"})
    return post(f"/carts/{cart}/order", {"email": "ann@example.com", **checkout}, status=201)


def test_a_cart_adds_up():
    cart = post("/carts", status=201)["id"]
    assert post(f"/carts/{cart}/pieces", {"sku": "pot", "quantity": 3}) == {"total": 11700}
    shown = client.get(f"/carts/{cart}").json()
    assert shown == {"pieces": {"pot": 3}, "total": 11700, "average_price": 3900}


def test_what_is_not_there_is_told():
    assert client.get("/carts/999999").status_code == 404
    cart = post("/carts", status=201)["id"]
    post(f"/carts/{cart}/pieces", {"sku": "anvil"}, status=422)


def test_a_day_of_delivery_that_is_over_is_left_out():
    assert an_order(deliver_by="2020-01-01T12:00:00Z")["deliver_by"] is None
    assert an_order(deliver_by="2999-01-01T12:00:00Z")["deliver_by"] == "2999-01-01T12:00:00Z"


def test_a_parcel_has_a_label():
    order = an_order(address={"street": "High Street 1", "city": "Leeds"})["id"]
    assert client.get(f"/orders/{order}/label").json() == {"label": f"#{order}, High Street 1, Leeds"}
