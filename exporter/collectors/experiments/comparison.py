"""Two arms of an experiment compared: difference, lift, intervals, p-values; and how far the arms' sizes are from the plan.

- rates: the pooled two-proportion z test; interval of the difference by Newcombe's hybrid of Wilson's scores, method 10:
  https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
- means: Welch's t test and interval: https://www.itl.nist.gov/div898/handbook/eda/section3/eda353.htm
- lift: the ratio of the two less 1; interval on the logarithm of the ratio, for rates Katz's: https://doi.org/10.2307/2530610
- at any time: the mixture SPRT of Johari, Pekelis and Walsh, https://arxiv.org/abs/1512.04922, for estimates that are normal in
  the limit as in https://arxiv.org/abs/2103.06476 (Waudby-Smith et al.), who also say what the mixture's width is best
- sizes: Pearson's chi-square test: https://en.wikipedia.org/wiki/Sample_ratio_mismatch
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from scipy import special

_ALPHA = 0.05
_Z = float(special.ndtri(1 - _ALPHA / 2))


@dataclass(frozen=True, slots=True)
class Arm:
    """What one variant's units gave."""

    units: int
    mean: float
    variance: float
    """Of a single unit."""
    binary: bool
    """Whether a unit gives 1 or 0, so that the mean is a rate."""

    @classmethod
    def of_rate(cls, units: int, converted: int) -> Self:
        rate = converted / units
        return cls(units, rate, rate * (1 - rate), binary=True)

    @classmethod
    def of_mean(cls, units: int, total: Decimal, squares: Decimal) -> Self:
        """Of units' values added up, and of their squares added up: exact numbers, since their difference is small."""
        spread = float(squares - total * total / units)
        return cls(units, float(total / units), max(0.0, spread) / (units - 1) if units > 1 else 0.0, binary=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant against the control. None where the figures do not say: nothing varies, or there is no one to compare."""

    difference: float
    lower: float | None
    upper: float | None
    p_value: float | None
    lift: float | None
    lift_lower: float | None
    lift_upper: float | None
    sequential_p_value: float | None
    sequential_lower: float | None
    sequential_upper: float | None


def compare(variant: Arm, control: Arm, planned_units: int) -> Comparison:
    """How the variant differs from the control. `planned_units`: at how many units of both the sequential test is sharpest."""
    lower, upper, p_value = (_rates if control.binary else _means)(variant, control)
    return Comparison(
        variant.mean - control.mean,
        lower,
        upper,
        p_value,
        *_lift(variant, control),
        *_at_any_time(variant, control, planned_units),
    )


def sample_ratio_p_value(units: Mapping[str, int], weights: Mapping[str, Decimal]) -> float | None:
    """How likely sizes at least as far from the planned shares are by chance alone."""
    total, shares = sum(units.values()), float(sum(weights.values()))
    if not total or len(units) < 2:
        return None
    planned = {name: total * float(weights[name]) / shares for name in units}
    distance = sum((units[name] - planned[name]) ** 2 / planned[name] for name in units)
    return float(special.chdtrc(len(units) - 1, distance))


Tested = tuple[float | None, float | None, float | None]


def _rates(variant: Arm, control: Arm) -> Tested:
    """Newcombe's interval and the p-value of the pooled z test, two-sided and without a correction for continuity."""
    (low1, high1), (low0, high0) = _wilson(variant), _wilson(control)
    difference = variant.mean - control.mean
    lower = difference - math.hypot(variant.mean - low1, high0 - control.mean)
    upper = difference + math.hypot(high1 - variant.mean, control.mean - low0)
    pooled = _common_mean(variant, control)
    error = math.sqrt(pooled * (1 - pooled) * (1 / variant.units + 1 / control.units))
    return lower, upper, 2 * float(special.ndtr(-abs(difference) / error)) if error else None


def _wilson(arm: Arm) -> tuple[float, float]:
    share = _Z * _Z / arm.units
    middle = (arm.mean + share / 2) / (1 + share)
    reach = _Z * math.sqrt(arm.variance / arm.units + share / (4 * arm.units)) / (1 + share)
    return middle - reach, middle + reach


def _means(variant: Arm, control: Arm) -> Tested:
    parts = [(arm.variance / arm.units, arm.units - 1) for arm in (variant, control)]
    squared = sum(part for part, _ in parts)
    if not squared or not all(freedom for _, freedom in parts):
        return None, None, None
    error, freedom = math.sqrt(squared), squared**2 / sum(part**2 / freedom for part, freedom in parts)
    difference = variant.mean - control.mean
    reach = float(special.stdtrit(freedom, 1 - _ALPHA / 2)) * error
    return difference - reach, difference + reach, 2 * float(special.stdtr(freedom, -abs(difference) / error))


def _lift(variant: Arm, control: Arm) -> Tested:
    if control.mean <= 0:
        return None, None, None
    lift = variant.mean / control.mean - 1
    if variant.mean <= 0:
        return lift, None, None
    error = math.sqrt(sum(arm.variance / arm.units / arm.mean**2 for arm in (variant, control)))
    lower, upper = (math.exp(math.log1p(lift) + side * _Z * error) - 1 for side in (-1, 1))
    return lift, lower, upper


def _at_any_time(variant: Arm, control: Arm, planned_units: int) -> Tested:
    """The p-value and interval of a normal mixture whose tau squared is `width` times the variance of a unit of both arms.

    The variance is taken about the mean of all units, as if there were no difference: so few units can never say much.
    """
    middle, units = _common_mean(variant, control), variant.units + control.units
    squared = sum((arm.variance + (arm.mean - middle) ** 2) / arm.units for arm in (variant, control))
    if not squared:
        return None, None, None
    difference, surprise = variant.mean - control.mean, -2 * math.log(_ALPHA)
    spread = units * (surprise + math.log1p(surprise)) / planned_units
    evidence = difference**2 / squared * spread / (1 + spread) / 2 - math.log1p(spread) / 2
    reach = math.sqrt(squared * (1 + spread) / spread * (surprise + math.log1p(spread)))
    return min(1.0, math.exp(-evidence)), difference - reach, difference + reach


def _common_mean(variant: Arm, control: Arm) -> float:
    return (variant.units * variant.mean + control.units * control.mean) / (variant.units + control.units)
