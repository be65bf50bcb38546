import unittest

from shop import pricing


def order(coupon):
    return {"id": 1, "items": [{"quantity": 2, "unit_cents": 500}], "coupon": coupon}


class Total(unittest.TestCase):
    def test_without_a_coupon(self):
        self.assertEqual(pricing.total(order(None)), 1000)

    def test_with_a_coupon(self):
        self.assertEqual(pricing.total(order("WELCOME10")), 900)

    def test_an_expired_coupon_takes_off_nothing(self):
        self.assertEqual(pricing.total(order("WINTER15")), 1000)


if __name__ == "__main__":
    unittest.main()
