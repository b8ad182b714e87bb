"""Money as payment providers send it: whole numbers of the currency's smallest unit.

Source: ISO 4217 list one of 2026-01-01, https://www.six-group.com/en/products-services/financial-information/market-reference-data/data-standards.html
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from exporter.errors import Malformed

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: Mapping[str, int] = MappingProxyType({code: number for number, codes in _CODES.items() for code in codes.split()})
"""How many decimals a currency has, by its code in capitals, where that is not two."""

_USUAL = 2


def major(minor: int, currency: str, exponents: Mapping[str, int] = EXPONENTS) -> Decimal:
    """The amount in major units, exactly: 1250 cents are 12.50. `exponents` may be a provider's own. Raises `Malformed`."""
    if isinstance(minor, bool) or not isinstance(minor, int):
        raise Malformed(f"expected an amount as a whole number of the smallest unit, got {type(minor).__name__}")
    code = currency.upper() if isinstance(currency, str) else ""
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Malformed("expected a currency as three letters of ISO 4217, got something else")
    return Decimal(minor).scaleb(-exponents.get(code, _USUAL))
