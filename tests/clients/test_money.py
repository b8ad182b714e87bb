"""Minor units of currencies with none, two, three and four decimals."""

from decimal import Decimal

import pytest

from exporter.clients.money import EXPONENTS, major
from exporter.errors import Malformed


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (1250, "eur", "12.50"),
        (1250, "USD", "12.50"),
        (-1, "usd", "-0.01"),
        (0, "eur", "0.00"),
        (1250, "jpy", "1250"),
        (1250, "isk", "1250"),
        (1250, "kwd", "1.250"),
        (1250, "CLF", "0.1250"),
        (10**18 + 1, "eur", "10000000000000000.01"),
        (5, "zzz", "0.05"),
    ],
)
def test_an_amount_in_major_units_is_exact(minor: int, currency: str, expected: str) -> None:
    assert str(major(minor, currency)) == expected


def test_a_provider_may_have_exponents_of_its_own() -> None:
    assert major(100, "isk", {**EXPONENTS, "ISK": 2}) == Decimal("1.00")


@pytest.mark.parametrize(
    ("minor", "currency"),
    [(1.5, "eur"), ("5", "eur"), (None, "eur"), (True, "eur"), (5, "euro"), (5, ""), (5, None), (5, "e1r")],
)
def test_what_is_no_amount_or_no_currency_is_malformed(minor: int, currency: str) -> None:
    with pytest.raises(Malformed):
        major(minor, currency)
