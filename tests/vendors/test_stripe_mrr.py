"""Recurring revenue as Stripe defines it, worked out by hand for each rule."""

from decimal import Decimal
from typing import Any

import pytest

from exporter.collectors.stripe import mrr
from exporter.collectors.stripe.amounts import major_units
from exporter.collectors.stripe.objects import Coupon, Item, Price, Recurring
from exporter.errors import Malformed


def price(amount: int | str | None = 1000, interval: str = "month", count: int = 1, **fields: Any) -> Price:
    recurring = {"interval": interval, "interval_count": count, "usage_type": fields.pop("usage_type", "licensed")}
    amounts = {"unit_amount_decimal": None if amount is None else str(amount)}
    base = {"id": "price_1", "product": "prod_1", "currency": "usd", "billing_scheme": "per_unit", "recurring": recurring}
    return Price.model_validate({**base, **amounts, **fields})


def tiered(mode: str, *tiers: tuple[int | None, int, int]) -> Price:
    """A price of tiers: up to how many, per unit, in addition."""
    steps = [{"up_to": up_to, "unit_amount": unit, "flat_amount": flat or None} for up_to, unit, flat in tiers]
    return price(None, billing_scheme="tiered", tiers_mode=mode, tiers=steps)


def coupon(duration: str = "forever", **fields: Any) -> Coupon:
    return Coupon.model_validate({"id": "C", "duration": duration, **fields})


def total(
    *items: tuple[Price, int | None], coupons: tuple[Coupon, ...] = (), own: tuple[Coupon, ...] = (), currency: str = "usd"
) -> Decimal:
    """What a subscription brings a month, in minor units; `own` are the coupons of its first item."""
    held = [(Item(price=each, quantity=quantity), own if not number else ()) for number, (each, quantity) in enumerate(items)]
    return sum((line.amount for line in mrr.lines(held, coupons, currency)), Decimal(0))


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


@pytest.mark.parametrize(
    ("interval", "count", "expected"),
    [
        ("month", 1, "1200"),
        ("month", 3, "400"),
        ("year", 1, "100"),
        ("year", 2, "50"),
        ("day", 1, "36500"),
        ("day", 30, "1216.6667"),
        ("week", 1, "5214.2857"),
        ("week", 2, "2607.1429"),
    ],
)
def test_a_price_is_spread_over_the_months_of_its_period(interval: str, count: int, expected: str) -> None:
    recurring = Recurring.model_validate({"interval": interval, "interval_count": count})
    assert rounded(mrr.monthly(Decimal(1200), recurring)) == Decimal(expected).quantize(Decimal("0.0001"))


def test_thirds_of_a_cent_add_up() -> None:
    yearly = price(10000, "year")
    assert total(*[(yearly, 1)] * 3) == Decimal(2500)


def test_the_quantity_counts_and_is_one_where_it_is_not_said() -> None:
    assert total((price(1900), 3)) == 5700
    assert total((price(1900), None)) == 1900
    assert total((price(1900), 0)) == 0


def test_amounts_may_be_fractions_of_a_cent() -> None:
    assert total((price("0.5"), 1001)) == Decimal("500.5")


def test_usage_and_one_off_prices_add_nothing() -> None:
    assert total((price(1000), 1), (price(9999, usage_type="metered"), None)) == 1000
    assert total((price(1000, recurring=None), 1)) == 0


@pytest.mark.parametrize(("quantity", "up", "down"), [(0, 0, 0), (1, 300, 0), (10, 300, 300), (11, 600, 300), (20, 600, 600)])
def test_a_quantity_may_be_charged_by_the_package(quantity: int, up: int, down: int) -> None:
    for rounding, expected in (("up", up), ("down", down)):
        package = price(300, transform_quantity={"divide_by": 10, "round": rounding})
        assert total((package, quantity)) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"), [(0, 0), (1, 500), (10, 5000), (11, 4400), (50, 20000), (51, 51 * 300 + 2000)]
)
def test_volume_pricing_charges_all_units_by_the_tier_that_the_quantity_falls_into(quantity: int, expected: int) -> None:
    seats = tiered("volume", (10, 500, 0), (50, 400, 0), (None, 300, 2000))
    assert total((seats, quantity)) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(0, 700), (1, 1200), (10, 5700), (11, 6100), (50, 21700), (51, 21700 + 300 + 2000), (60, 21700 + 3000 + 2000)],
)
def test_graduated_pricing_charges_each_unit_by_its_own_tier(quantity: int, expected: int) -> None:
    seats = tiered("graduated", (10, 500, 700), (50, 400, 0), (None, 300, 2000))
    assert total((seats, quantity)) == expected


@pytest.mark.parametrize(("duration", "expected"), [("forever", 500), ("repeating", 1000), ("once", 1000)])
def test_only_a_coupon_that_lasts_forever_counts(duration: str, expected: int) -> None:
    assert total((price(1000), 1), coupons=(coupon(duration, percent_off=50),)) == expected


def test_a_coupon_of_a_hundred_per_cent_leaves_nothing() -> None:
    assert total((price(1000), 1), coupons=(coupon(percent_off=100),)) == 0


def test_percentages_are_decimals() -> None:
    assert total((price(1000), 3), coupons=(coupon(percent_off=25.5),)) == 2235
    assert total((price(1000), 1), coupons=(coupon(percent_off=33.3),)) == 667


def test_a_fixed_amount_comes_off_each_invoice_not_each_month() -> None:
    assert total((price(12000, "year"), 1), coupons=(coupon(amount_off=2400, currency="usd"),)) == 800
    assert total((price(3000, "month", 3), 1), coupons=(coupon(amount_off=300, currency="usd"),)) == 900


def test_a_fixed_amount_takes_off_no_more_than_there_is() -> None:
    assert total((price(1000), 1), coupons=(coupon(amount_off=5000, currency="usd"),)) == 0
    assert total((price(1000), 1), (price(500), 1), own=(coupon(amount_off=5000, currency="usd"),)) == 500


def test_a_fixed_amount_of_another_currency_does_not_count_unless_it_has_this_one_too() -> None:
    assert total((price(1000), 1), coupons=(coupon(amount_off=500, currency="eur"),)) == 1000
    both = coupon(amount_off=500, currency="eur", currency_options={"usd": {"amount_off": 600}})
    assert total((price(1000), 1), coupons=(both,)) == 400


def test_an_items_coupons_come_before_the_subscriptions() -> None:
    ten_off, half = coupon(amount_off=1000, currency="usd"), coupon(percent_off=50)
    assert total((price(3000), 1), own=(ten_off,), coupons=(half,)) == 1000
    assert total((price(3000), 1), own=(half,), coupons=(ten_off,)) == 500


def test_several_coupons_count_one_after_the_other() -> None:
    half, ten_off = coupon(percent_off=50), coupon(amount_off=1000, currency="usd")
    assert total((price(4000), 1), coupons=(half, half)) == 1000
    assert total((price(4000), 1), coupons=(half, ten_off)) == 1000
    assert total((price(4000), 1), coupons=(ten_off, half)) == 1500


def test_a_coupon_may_be_for_some_products_only() -> None:
    other = price(1000, id="price_2", product="prod_2")
    restricted = coupon(percent_off=50, applies_to={"products": ["prod_2"]})
    assert total((price(1000), 1), (other, 1), coupons=(restricted,)) == 1500
    assert total((price(1000), 1), own=(restricted,)) == 1000


def test_what_a_coupon_takes_off_is_shared_by_the_prices() -> None:
    small, large = price(1000), price(3000, id="price_2", product="prod_2")
    held = [(Item(price=small, quantity=1), ()), (Item(price=large, quantity=1), ())]
    lines = mrr.lines(held, (coupon(amount_off=1000, currency="usd"),), "usd")
    assert [line.amount for line in lines] == [750, 2250]


def test_a_price_has_amounts_in_several_currencies() -> None:
    both = price(1000, currency_options={"eur": {"unit_amount": 900, "unit_amount_decimal": "900"}})
    assert total((both, 2), currency="eur") == 1800
    assert total((both, 2), currency="usd") == 2000


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (1250, "usd", "12.50"), (500, "JPY", "500"), (5124, "kwd", "5.124"), (500, "isk", "5"), (500, "ugx", "5"),
        (500, "mga", "500"), (1045, "huf", "10.45"), (80000, "twd", "800"), (-4000, "krw", "-4000"),
        (Decimal("0.5"), "usd", "0.005"),
    ],
)  # fmt: skip
def test_amounts_have_as_many_decimals_as_stripe_gives_the_currency(minor: Decimal | int, currency: str, expected: str) -> None:
    assert major_units(minor, currency) == Decimal(expected)


def test_what_is_no_currency_is_refused() -> None:
    with pytest.raises(Malformed):
        major_units(1, "dollars")
