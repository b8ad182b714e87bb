"""Amounts as Stripe writes them, as decimals in major units.

Source: https://docs.stripe.com/currencies#minor-units and https://docs.stripe.com/currencies#special-cases
"""

from decimal import Decimal

from exporter.clients.money import EXPONENTS, major

# Amounts in ISK and UGX keep two decimals that are always 0, those in MGA have none: there Stripe departs from ISO 4217.
# HUF and TWD are paid out in whole units only, yet written with two decimals as ever.
_DEPARTURES = {"ISK": 2, "UGX": 2, "MGA": 0}
_EXPONENTS = {**EXPONENTS, **_DEPARTURES}


def major_units(minor: Decimal | int, currency: str) -> Decimal:
    """An amount of the currency's minor units, which need not be whole, in its major units."""
    return minor * major(1, currency, _EXPONENTS)
