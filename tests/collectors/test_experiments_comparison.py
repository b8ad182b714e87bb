"""The statistics of experiments: worked examples as published, two libraries as oracles, and what repeated looks do to them."""

import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from scipy import integrate, stats
from statsmodels.stats import proportion

from exporter.collectors.experiments.comparison import Arm, Comparison, compare, sample_ratio_p_value

PLANNED = 2000


def rates(variant: tuple[int, int], control: tuple[int, int], planned: int = PLANNED) -> Comparison:
    """Converted and all of the variant, and of the control."""
    (converted, units), (converted0, units0) = variant, control
    return compare(Arm.of_rate(units, converted), Arm.of_rate(units0, converted0), planned)


def of_summary(units: int, mean: float, deviation: float) -> Arm:
    """An arm of which size, mean and standard deviation were published."""
    total = Decimal(mean) * units
    return Arm.of_mean(units, total, Decimal(deviation) ** 2 * (units - 1) + total * total / units)


def of_values(values: list[float]) -> Arm:
    exact = [Decimal(value) for value in values]
    return Arm.of_mean(len(values), sum(exact, Decimal(0)), sum((value * value for value in exact), Decimal(0)))


def test_two_proportions_as_statsmodels_documents_them() -> None:
    """https://www.statsmodels.org/stable/generated/statsmodels.stats.proportion.proportions_ztest.html: prints 0.159."""
    assert rates((5, 83), (12, 99)).p_value == pytest.approx(0.159, abs=0.0005)


def test_the_interval_of_a_difference_as_newcombe_published_it() -> None:
    """Statistics in Medicine 17 (1998), 873-890, method 10: 56/70 less 48/80, 0.0524 to 0.3339."""
    found = rates((56, 70), (48, 80))
    assert (found.difference, found.lower, found.upper) == pytest.approx((0.2, 0.0524, 0.3339), abs=0.00005)


def test_the_lift_of_a_rate_as_scipy_documents_it() -> None:
    """Katz's method; 10 of 75 and 12 of 225 are the example of Sahai and Khurshid, Statistics in Epidemiology, 3.1.2.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats._result_classes.RelativeRiskResult.confidence_interval.html
    """
    found = rates((10, 75), (12, 225))
    assert (found.lift, found.lift_lower, found.lift_upper) == pytest.approx((1.5, 0.1261564003469628, 4.549850800541033))


def test_two_means_as_r_documents_them() -> None:
    """R's t.test(extra ~ group, data = sleep), Student's data: p-value = 0.07939, interval -3.3654832 to 0.2054832.

    https://www.rdocumentation.org/packages/stats/topics/t.test
    """
    one, other = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0), (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
    found = compare(of_values(list(one)), of_values(list(other)), PLANNED)
    assert found.p_value == pytest.approx(0.07939, abs=0.000005)
    assert (found.lower, found.upper) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_two_means_as_nist_published_them() -> None:
    """https://www.itl.nist.gov/div898/handbook/eda/section3/eda353.htm: T = -12.94627 at 136.8750 degrees of freedom."""
    found = compare(of_summary(249, 20.14458, 6.41470), of_summary(79, 30.48101, 6.10771), PLANNED)
    assert found.lower is not None
    assert found.upper is not None
    reach = (found.upper - found.lower) / 2
    assert found.difference / reach * stats.t.ppf(0.975, 136.8750) == pytest.approx(-12.94627, abs=0.0001)
    assert found.p_value == pytest.approx(2 * stats.t.sf(12.94627, 136.8750), rel=1e-3)


@pytest.mark.parametrize(
    ("units", "weights", "p_value"),
    [
        # https://en.wikipedia.org/wiki/Sample_ratio_mismatch
        ({"a": 600, "b": 400}, {"a": 1, "b": 1}, 2.54e-10),
        # https://srm.osc.garden
        ({"a": 44_000, "b": 45_000}, {"a": 50, "b": 50}, 0.0008),
    ],
)
def test_sizes_against_planned_weights_as_published(units: dict[str, int], weights: dict[str, int], p_value: float) -> None:
    found = sample_ratio_p_value(units, {name: Decimal(weight) for name, weight in weights.items()})
    assert found == pytest.approx(p_value, rel=0.01)


def test_sizes_against_unequal_weights_are_judged_as_by_scipy() -> None:
    found = sample_ratio_p_value({"a": 530, "b": 240, "c": 260}, {"a": Decimal(2), "b": Decimal(1), "c": Decimal(1)})
    assert found == pytest.approx(stats.chisquare([530, 240, 260], [515, 257.5, 257.5]).pvalue)


@pytest.mark.parametrize("seed", range(20))
def test_rates_are_compared_as_by_statsmodels(seed: int) -> None:
    dice = np.random.default_rng(seed)
    units = [int(number) for number in dice.integers(20, 3000, 2)]
    converted = [int(dice.binomial(number, dice.uniform(0.01, 0.99))) for number in units]
    found = rates((converted[0], units[0]), (converted[1], units[1]))
    _, p_value = proportion.proportions_ztest(converted, units)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    expected = proportion.confint_proportions_2indep(
        converted[0], units[0], converted[1], units[1], method="newcomb", compare="diff"
    )
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-9)
    low, high = proportion.confint_proportions_2indep(
        converted[0], units[0], converted[1], units[1], method="log", compare="ratio"
    )
    assert (found.lift_lower, found.lift_upper) == pytest.approx((low - 1, high - 1), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_means_are_compared_as_by_scipy(seed: int) -> None:
    dice = np.random.default_rng(seed)
    one, other = (list(map(float, dice.exponential(dice.uniform(1, 3), dice.integers(3, 400)))) for _ in range(2))
    found, expected = compare(of_values(one), of_values(other), PLANNED), stats.ttest_ind(one, other, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert (found.lower, found.upper) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-6)


def test_a_large_sum_loses_nothing_of_a_small_variance() -> None:
    arm = of_values([1e9 + 1, 1e9 + 2, 1e9 + 3])
    assert (arm.mean, arm.variance) == (1e9 + 2, 1)


@pytest.mark.parametrize("planned", [200, 20_000])
def test_the_sequential_p_value_is_one_over_the_likelihood_ratio_mixed_over_effects(planned: int) -> None:
    """The definition of https://arxiv.org/abs/1512.04922, integrated by number."""
    variant, control = (130, 900), (90, 1100)
    pooled, units = (130 + 90) / 2000, 2000
    variances = [share * (1 - share) + (share - pooled) ** 2 for share in (130 / 900, 90 / 1100)]
    error = math.sqrt(variances[0] / 900 + variances[1] / 1100)
    tau = error * math.sqrt(units * (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / planned)
    difference = 130 / 900 - 90 / 1100

    def weighed(effect: float) -> float:
        normal = stats.norm(0, tau).pdf(effect)
        return float(normal * stats.norm(effect, error).pdf(difference) / stats.norm(0, error).pdf(difference))

    ratio, _ = integrate.quad(weighed, -20 * tau, 20 * tau, points=[0, difference], limit=500)
    assert rates(variant, control, planned).sequential_p_value == pytest.approx(1 / ratio, rel=1e-6)


def test_the_sequential_interval_is_that_of_the_mixture_and_agrees_with_the_p_value() -> None:
    """The asymptotic confidence sequence of https://arxiv.org/abs/2103.06476, with size and variance of both arms together."""
    width = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / PLANNED
    for converted in range(60, 160, 5):
        found = rates((converted, 700), (60, 500))
        shares, pooled = (converted / 700, 60 / 500), (converted + 60) / 1200
        parts = [share * (1 - share) + (share - pooled) ** 2 for share in shares]
        deviation, grown = math.sqrt(1200 * (parts[0] / 700 + parts[1] / 500)), 1200 * width + 1
        reach = deviation * math.sqrt(2 * grown / (1200**2 * width) * math.log(math.sqrt(grown) / 0.05))
        expected = (found.difference - reach, found.difference + reach)
        assert (found.sequential_lower, found.sequential_upper) == pytest.approx(expected)
        assert found.sequential_p_value is not None
        assert (found.sequential_p_value < 0.05) == (expected[0] > 0 or expected[1] < 0)


def test_the_sequential_interval_is_narrowest_near_the_planned_units() -> None:
    def breadth(planned: int) -> float:
        found = rates((300, 1000), (250, 1000), planned)
        assert found.sequential_upper is not None
        assert found.sequential_lower is not None
        return found.sequential_upper - found.sequential_lower

    assert breadth(2000) < min(breadth(1000), breadth(4000))
    assert breadth(2000) == pytest.approx(min(breadth(planned) for planned in range(1000, 4000, 50)), rel=0.002)


Look = Callable[[np.random.Generator], list[tuple[Arm, Arm]]]


def looks_at_rates(dice: np.random.Generator, effect: float = 0, ripens: float = 1, each: int = 40) -> list[tuple[Arm, Arm]]:
    """A hundred looks while units arrive, and convert at once or, at `ripens` below 1, some looks later."""
    units, converted, pending, looks = 0, np.zeros(2, int), np.zeros(2, int), []
    for _ in range(100):
        units += each
        pending += dice.binomial(each, [0.1 + effect, 0.1])
        ripe = dice.binomial(pending, ripens)
        pending, converted = pending - ripe, converted + ripe
        looks.append((Arm.of_rate(units, int(converted[0])), Arm.of_rate(units, int(converted[1]))))
    return looks


def looks_at_means(dice: np.random.Generator) -> list[tuple[Arm, Arm]]:
    """As above: most units are worth nothing, a few a lot; the control is twice as large as the variant."""
    looks, arms = [], [[Decimal(0), Decimal(0)], [Decimal(0), Decimal(0)]]
    for number in range(1, 101):
        for arm, each in zip(arms, (20, 40), strict=True):
            values = np.rint(dice.lognormal(3, 1, each)) * (dice.random(each) < 0.2)
            arm[0] += Decimal(float(values.sum()))
            arm[1] += Decimal(float((values**2).sum()))
        looks.append((Arm.of_mean(20 * number, *arms[0]), Arm.of_mean(40 * number, *arms[1])))
    return looks


def fooled(look: Look, runs: int = 1000) -> tuple[int, int]:
    """In how many runs the naive and the sequential p-value were 0.05 or less at one of the looks, or more."""
    naive = sequential = 0
    for seed in range(runs):
        found = [compare(variant, control, PLANNED) for variant, control in look(np.random.default_rng(seed))]
        naive += any(one.p_value is not None and one.p_value <= 0.05 for one in found)
        sequential += any(one.sequential_p_value is not None and one.sequential_p_value <= 0.05 for one in found)
    return naive, sequential


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(looks_at_rates, id="rates"),
        pytest.param(lambda dice: looks_at_rates(dice, ripens=0.1), id="rates that take their time", marks=pytest.mark.slow),
        pytest.param(lambda dice: looks_at_rates(dice, each=3), id="rates of few", marks=pytest.mark.slow),
        pytest.param(looks_at_means, id="skewed means", marks=pytest.mark.slow),
    ],
)
def test_who_looks_a_hundred_times_is_fooled_by_the_naive_p_value_and_not_by_the_sequential_one(look: Look) -> None:
    naive, sequential = fooled(look)
    assert sequential <= 50
    assert naive > 200


def test_an_effect_is_found_all_the_same() -> None:
    _, sequential = fooled(lambda dice: looks_at_rates(dice, effect=0.03), runs=100)
    assert sequential >= 90


def test_the_sequential_interval_holds_the_effect_at_all_looks_at_once() -> None:
    missed = 0
    for seed in range(300):
        looks = looks_at_rates(np.random.default_rng(seed), effect=0.05)
        found = [compare(variant, control, PLANNED) for variant, control in looks]
        missed += any(
            one.sequential_lower is not None
            and one.sequential_upper is not None
            and not one.sequential_lower <= 0.05 <= one.sequential_upper
            for one in found
        )
    assert missed <= 15


@pytest.mark.parametrize("converted", [0, 10])
def test_where_nothing_varies_there_is_no_p_value(converted: int) -> None:
    found = rates((converted, 10), (converted, 10))
    assert (found.difference, found.p_value, found.sequential_p_value, found.sequential_lower) == (0, None, None, None)
    assert found.lower is not None
    assert found.lower < 0  # yet ten units do not say that there is no difference


def test_lift_needs_a_control_above_zero_and_its_interval_a_variant_above_zero() -> None:
    nothing, all_gone = rates((5, 10), (0, 10)), rates((0, 10), (5, 10))
    assert (nothing.lift, nothing.lift_lower) == (None, None)
    assert (all_gone.lift, all_gone.lift_lower, all_gone.lift_upper) == (-1, None, None)
    assert nothing.p_value == all_gone.p_value


def test_one_unit_has_no_mean_to_test() -> None:
    found = compare(of_values([3.0]), of_values([1.0, 2.0]), PLANNED)
    assert (found.difference, found.lower, found.p_value) == (1.5, None, None)
    same = compare(of_values([1.0, 1.0]), of_values([1.0, 1.0]), PLANNED)
    assert (same.p_value, same.sequential_p_value) == (None, None)


def test_a_few_units_far_apart_do_not_convince_the_sequential_test() -> None:
    found = compare(of_values([9.0, 9.0, 9.001]), of_values([1.0, 1.0, 1.001]), PLANNED)
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.sequential_p_value is not None
    assert found.sequential_p_value > 0.9


def test_sizes_of_nobody_or_of_one_variant_say_nothing() -> None:
    assert sample_ratio_p_value({"a": 0, "b": 0}, {"a": Decimal(1), "b": Decimal(1)}) is None
    assert sample_ratio_p_value({"a": 9}, {"a": Decimal(1)}) is None
