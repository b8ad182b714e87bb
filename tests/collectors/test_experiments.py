"""The collector `experiments` against a real server: the demo's experiments worked out a second way, and the edges by hand."""

import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg
import pytest
from scipy import stats
from statsmodels.stats import proportion

from exporter.collectors.experiments import COMPARED, Experiments
from exporter.collectors.experiments.comparison import Arm, compare
from exporter.demo import chapters
from exporter.demo.chapters import Row
from exporter.demo.chapters.experiments import EXPERIMENTS
from exporter.demo.story import tell
from exporter.document import Document
from exporter.errors import Malformed, SettingsError
from exporter.fields import Secret
from exporter.packs import contract
from exporter.settings import settings_of

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)
START = datetime(2026, 5, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

Labels = tuple[str, ...]
Figures = dict[str, dict[Labels, float]]
Asking = Callable[..., Any]
Told = Mapping[str, list[Row]]


@pytest.fixture
async def ask(database: str) -> AsyncIterator[Asking]:
    """Asks for the figures at an instant, by metric and labels without `source`; takes settings, or a collector."""
    made: list[Experiments] = []

    async def asking(as_of: datetime, collector: Experiments | None = None, **settings: Any) -> Figures:
        collector = collector or Experiments(name="shop", dsn=Secret(database), **settings)
        made.append(collector)
        collector._as_of = as_of
        found: Figures = defaultdict(dict)
        async for sample in collector.collect():
            assert sample.labels[0] == "shop"
            assert sample.labels[1:] not in found[sample.metric.name]
            found[sample.metric.name][sample.labels[1:]] = sample.value
        return found

    yield asking
    for collector in made:
        await collector.close()


# --- the demo's experiments


@pytest.fixture(scope="module")
def told() -> Told:
    story = tell(1, NOW)
    return chapters.tell(story, 1, story.begins_at, (NOW - story.begins_at) // DAY + 15, ["experiments"])


@pytest.fixture
def company(database: str, told: Told) -> None:
    """The chapter's tables and views, filled."""
    with psycopg.connect(database) as connection:
        connection.execute("create schema shop")
        connection.execute("create schema bellwether")
        connection.execute(chapters.schema("experiments"))
        for table, rows in told.items():
            with connection.cursor() as cursor, cursor.copy(f"copy shop.{table} from stdin".encode()) as copy:
                for row in rows:
                    copy.write_row(row)


class Planned(NamedTuple):
    """A row of shop.experiments."""

    name: str
    variant: str
    control: bool
    weight: int
    began: datetime
    ended: datetime | None


class Exposure(NamedTuple):
    """A row of shop.exposures."""

    subject: str
    variant: str
    user: str
    at: datetime


class Given(NamedTuple):
    """A row of shop.outcomes."""

    id: str
    user: str
    what: str
    at: datetime
    cents: int | None


class Trial:
    """One experiment as of an instant, unit by unit, out of the chapter's rows."""

    def __init__(self, name: str, told: Told, as_of: datetime) -> None:
        self.planned = [plan for plan in (Planned(*row) for row in told["experiments"]) if plan.name == name]  # type: ignore[arg-type]
        [self.control] = [plan.variant for plan in self.planned if plan.control]
        began, ended = self.planned[0].began, self.planned[0].ended
        self.until = min(as_of, ended) if ended else as_of
        met: dict[str, dict[str, datetime]] = defaultdict(dict)
        for row in (Exposure(*row) for row in told["exposures"]):  # type: ignore[arg-type]
            if row.subject == name and began <= row.at <= self.until:
                met[row.user][row.variant] = min(row.at, met[row.user].get(row.variant, row.at))
        self.crossovers = sum(len(first) > 1 for first in met.values())
        self.units = {
            plan.variant: {user: first[plan.variant] for user, first in met.items() if list(first) == [plan.variant]}
            for plan in self.planned
        }

    def values(self, told: Told, metric: str) -> dict[str, list[float]]:
        """What each unit with such an outcome gave, by variant: in units of currency."""
        found: dict[str, dict[str, float]] = {variant: {} for variant in self.units}
        for row in (Given(*row) for row in told["outcomes"]):  # type: ignore[arg-type]
            for variant, units in self.units.items():
                if row.what == metric and row.user in units and units[row.user] < row.at <= self.until:
                    found[variant][row.user] = found[variant].get(row.user, 0) + (row.cents or 0) / 100
        return {variant: list(values.values()) for variant, values in found.items()}


@pytest.mark.parametrize("as_of", [NOW, NOW - 30 * DAY])
async def test_every_figure_is_that_of_the_story(as_of: datetime, told: Told, company: None, ask: Asking) -> None:
    found = await ask(as_of)
    trials = {name: Trial(name, told, as_of) for name in EXPERIMENTS}
    assert found["experiment_running"] == {("guided_setup",): as_of != NOW, ("checkout",): 1}
    assert found["experiment_exposed_units"] == {
        (name, variant): len(units) for name, trial in trials.items() for variant, units in trial.units.items()
    }
    assert found["experiment_crossover_units"] == {(name,): trial.crossovers for name, trial in trials.items()}
    assert all(trial.crossovers > 1 for trial in trials.values())
    expected: Figures = defaultdict(dict)
    for name, trial in trials.items():
        sizes = {variant: len(units) for variant, units in trial.units.items()}
        weights = [plan.weight for plan in trial.planned]
        shares = [weight * sum(sizes.values()) / sum(weights) for weight in weights]
        expected["experiment_sample_ratio_p_value"][(name,)] = stats.chisquare(list(sizes.values()), shares).pvalue
        for metric in ("activation", "purchase", "complaint"):
            values = trial.values(told, metric)
            if any(values.values()):
                expect(expected, (name, metric), trial.control, sizes, values)
    assert {labels[2] for labels in expected["experiment_mean_value"]} == {"purchase"}
    for metric_name, series in expected.items():
        assert found[metric_name].keys() == series.keys(), metric_name
        assert found[metric_name] == pytest.approx(series, rel=1e-9), metric_name
    above = {"experiment_running", "experiment_exposed_units", "experiment_crossover_units"}
    in_test_experiments_comparison = {metric.name for metric in COMPARED.values()} - expected.keys()
    assert found.keys() == expected.keys() | above | in_test_experiments_comparison


def expect(expected: Figures, key: Labels, control: str, sizes: dict[str, int], values: dict[str, list[float]]) -> None:
    """Put what is to be said of one metric of one experiment, as libraries work it out."""
    whole = {variant: values[variant] + [0.0] * (size - len(values[variant])) for variant, size in sizes.items()}
    for variant, size in sizes.items():
        labels = (key[0], variant, key[1])
        expected["experiment_converted_units"][labels] = len(values[variant])
        expected["experiment_conversion_ratio"][labels] = len(values[variant]) / size
        if key[1] == "purchase":
            expected["experiment_mean_value"][labels] = sum(whole[variant]) / size
        if variant == control:
            continue
        counts, of = (len(values[variant]), len(values[control])), (size, sizes[control])
        low, high = proportion.confint_proportions_2indep(counts[0], of[0], counts[1], of[1], method="newcomb", compare="diff")
        put(expected, (*labels, "rate"), (counts[0] / of[0], counts[1] / of[1]), (low, high))
        if any(counts):
            expected["experiment_p_value"][(*labels, "rate")] = proportion.proportions_ztest(counts, of)[1]
        if key[1] == "purchase":
            test = stats.ttest_ind(whole[variant], whole[control], equal_var=False)
            means = (sum(whole[variant]) / size, sum(whole[control]) / sizes[control])
            put(expected, (*labels, "mean"), means, tuple(test.confidence_interval()))
            expected["experiment_p_value"][(*labels, "mean")] = test.pvalue


def put(expected: Figures, labels: Labels, figures: tuple[float, float], interval: tuple[float, ...]) -> None:
    """Difference and lift; `figures` are the variant's and the control's."""
    expected["experiment_difference"][labels] = figures[0] - figures[1]
    expected["experiment_difference_lower"][labels], expected["experiment_difference_upper"][labels] = interval
    if figures[1]:
        expected["experiment_lift_ratio"][labels] = figures[0] / figures[1] - 1


async def test_the_true_lifts_lie_inside_the_intervals(company: None, ask: Asking) -> None:
    found = await ask(NOW, guardrails={"complaint": "higher", "purchase": "lower"})
    told = [
        (name, variant, outcome, experiment.lifts.get((variant, outcome), 0.0))
        for name, experiment in EXPERIMENTS.items()
        for variant in list(experiment.weights)[1:]
        for outcome in experiment.rates
    ]
    assert len(told) == 5
    for *labels, lift in told:
        key = (*labels, "rate")
        assert found["experiment_lift_lower_ratio"][key] < lift < found["experiment_lift_upper_ratio"][key], key
        sequential = [found[f"experiment_sequential_difference_{end}"][key] for end in ("lower", "upper")]
        assert sequential[0] < lift * EXPERIMENTS[labels[0]].rates[labels[2]] < sequential[1], key
    # Found although looked at daily: what is strong. Suggested by the naive p-value alone: what is weak.
    assert found["experiment_sequential_p_value"]["guided_setup", "guided", "activation", "rate"] < 0.01
    assert found["experiment_sequential_p_value"]["checkout", "one_page", "purchase", "rate"] == 1
    assert found["experiment_guardrail_breached"] == {
        (name, variant, metric, measure): float((variant, metric) == ("one_page", "complaint"))
        for name, variant in (("guided_setup", "guided"), ("checkout", "short"), ("checkout", "one_page"))
        for metric, measure in (("complaint", "rate"), ("purchase", "rate"), ("purchase", "mean"))
    }
    assert min(found["experiment_sample_ratio_p_value"].values()) > 0.001


async def test_an_ended_experiment_stands_still_and_then_is_shown_no_more(company: None, ask: Asking) -> None:
    ended = NOW.replace(hour=0, minute=0) - timedelta(days=20)
    first, later = await ask(ended + SECOND), await ask(ended + 30 * DAY - SECOND)
    for name in first.keys() - {"experiment_running"}:
        of_first = {labels: value for labels, value in first[name].items() if labels[0] == "guided_setup"}
        assert of_first == {labels: value for labels, value in later[name].items() if labels[0] == "guided_setup"}, name
    gone = await ask(ended + 30 * DAY)
    assert {labels[0] for series in gone.values() for labels in series} == {"checkout"}
    assert ("guided_setup",) in (await ask(ended + 30 * DAY, shown="60d"))["experiment_running"]


# --- the edges


@pytest.fixture
def shop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """The contract's views as empty tables, in an autocommit connection."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create schema bellwether")
        for name in ("experiments", "exposures", "outcomes"):
            columns = ", ".join(f"{column.name} {column.type}" for column in contract.views()[name].columns)
            connection.execute(f"create table bellwether.{name} ({columns})".encode())
        yield connection


def plan(shop: psycopg.Connection[Any], *, name: str = "sofa", ended_at: datetime | None = None, **variants: int) -> None:
    for position, (variant, weight) in enumerate((variants or {"a": 1, "b": 1}).items()):
        row = (name, variant, position == 0, weight, START, ended_at)
        shop.execute("insert into bellwether.experiments values (%s, %s, %s, %s, %s, %s)", row)


def expose(shop: psycopg.Connection[Any], user: str, variant: str, at: datetime, subject: str = "sofa") -> None:
    shop.execute("insert into bellwether.exposures values (%s, %s, %s, %s)", (subject, variant, user, at))


def give(shop: psycopg.Connection[Any], user: str, at: datetime, value: float | None = None, metric: str = "buy") -> None:
    shop.execute("insert into bellwether.outcomes values (%s, %s, %s, %s)", (user, metric, at, value))


async def test_before_anything_there_is_nothing(shop: psycopg.Connection[Any], ask: Asking) -> None:
    assert await ask(NOW) == {}
    plan(shop)
    assert await ask(START - SECOND) == {}


async def test_an_experiment_without_users_has_sizes_and_no_ratios(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    assert await ask(START, metrics=["buy"]) == {
        "experiment_running": {("sofa",): 1},
        "experiment_crossover_units": {("sofa",): 0},
        "experiment_exposed_units": {("sofa", "a"): 0, ("sofa", "b"): 0},
        "experiment_converted_units": {("sofa", "a", "buy"): 0, ("sofa", "b", "buy"): 0},
    }


async def test_a_user_counts_once_from_the_first_time_within_the_experiment(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop, ended_at=START + 9 * DAY)
    expose(shop, "early", "a", START - SECOND)
    expose(shop, "first", "a", START)
    expose(shop, "first", "a", START + DAY)
    expose(shop, "last", "b", START + 9 * DAY)
    expose(shop, "late", "b", START + 9 * DAY + SECOND)
    expose(shop, "elsewhere", "b", START + DAY, subject="chair")
    assert (await ask(START + 8 * DAY))["experiment_exposed_units"] == {("sofa", "a"): 1, ("sofa", "b"): 0}
    assert (await ask(START + 20 * DAY))["experiment_exposed_units"] == {("sofa", "a"): 1, ("sofa", "b"): 1}
    running = [(await ask(START + 9 * DAY + offset))["experiment_running"]["sofa",] for offset in (-SECOND, 0 * SECOND)]
    assert running == [1, 0]


async def test_who_met_two_variants_is_left_out_from_then_on(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    for user, variant, day in (("both", "a", 1), ("both", "b", 3), ("odd", "a", 1), ("odd", "retired", 3), ("one", "b", 1)):
        expose(shop, user, variant, START + day * DAY)
    expose(shop, "lost", "retired", START + DAY)
    give(shop, "both", START + 2 * DAY)
    before, after = await ask(START + 2 * DAY), await ask(START + 3 * DAY)
    assert before["experiment_crossover_units"] == {("sofa",): 0}
    assert before["experiment_converted_units"]["sofa", "a", "buy"] == 1
    assert before["experiment_exposed_units"] == {("sofa", "a"): 2, ("sofa", "b"): 1}  # a variant that is not planned has none
    assert after["experiment_crossover_units"] == {("sofa",): 2}
    assert after["experiment_exposed_units"] == {("sofa", "a"): 0, ("sofa", "b"): 1}
    assert "experiment_converted_units" not in after


async def test_only_what_comes_after_the_first_exposure_and_before_the_end_counts(
    shop: psycopg.Connection[Any], ask: Asking
) -> None:
    plan(shop, ended_at=START + 9 * DAY)
    moments = {"before": DAY - SECOND, "same": DAY, "after": DAY + SECOND, "end": 9 * DAY, "over": 9 * DAY + SECOND}
    for user, moment in moments.items():
        expose(shop, user, "b", START + DAY)
        give(shop, user, START + moment)
    give(shop, "stranger", START + 2 * DAY)
    assert (await ask(START + 5 * DAY))["experiment_converted_units"]["sofa", "b", "buy"] == 1
    assert (await ask(START + 20 * DAY))["experiment_converted_units"]["sofa", "b", "buy"] == 2


@pytest.mark.parametrize("seed", range(4))
async def test_later_runs_say_what_a_first_one_would(
    seed: int, database: str, shop: psycopg.Connection[Any], ask: Asking
) -> None:
    """People come, cross over and give, rows appear late, up to the allowance; one experiment is ended, also in hindsight."""
    chance = random.Random(seed)
    plan(shop)
    plan(shop, name="chair")
    rows: list[tuple[datetime, Callable[[], None]]] = []
    for _ in range(400):
        user, at = f"u{chance.randrange(60)}", START + chance.randrange(600) * SECOND / 10
        variant = "ab"[len(user) % 2] if chance.random() < 0.95 else "b"
        write = partial(expose, shop, user, variant, at, chance.choice(["sofa", "chair"]))
        if chance.random() < 0.5:
            write = partial(give, shop, user, at, chance.choice([None, 1, 2.5]), chance.choice(["buy", "wave"]))
        rows.append((at + chance.choice([0, 0, 1, 5]) * SECOND, write))
    rows.sort(key=lambda row: row[0])
    collector = Experiments(name="shop", dsn=Secret(database), late_by=5)
    for second in (3, 4, 10, 11, 25, 26, 28, 40, 60, 70, 90, 50):  # in the end the server's clock is set back
        as_of = START + second * SECOND
        while rows and rows[0][0] <= as_of:
            rows.pop(0)[1]()
        if second == 28:
            shop.execute("update bellwether.experiments set ended_at = %s where experiment = 'chair'", (START + 15 * SECOND,))
        if second == 60:
            shop.execute("update bellwether.experiments set ended_at = null")
        found, expected = await ask(as_of, collector), await ask(as_of)
        assert found.keys() == expected.keys()
        for name, series in expected.items():
            assert found[name] == pytest.approx(series, rel=1e-12), (second, name)


async def test_whom_it_has_counted_it_does_not_look_for_again(
    database: str, shop: psycopg.Connection[Any], ask: Asking
) -> None:
    plan(shop)
    collector = Experiments.model_validate({"name": "shop", "dsn": Secret(database), "recount_every": "3d"})
    expose(shop, "one", "a", START)
    await ask(START + DAY, collector)
    shop.execute("delete from bellwether.exposures")
    expose(shop, "two", "b", START + 2 * DAY)
    assert (await ask(START + 3 * DAY, collector))["experiment_exposed_units"] == {("sofa", "a"): 1, ("sofa", "b"): 1}
    assert (await ask(START + 4 * DAY, collector))["experiment_exposed_units"] == {("sofa", "a"): 0, ("sofa", "b"): 1}


async def test_one_that_has_ended_is_counted_anew_too(database: str, shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    shop.execute("update bellwether.experiments set ended_at = %s", (START + DAY,))
    collector = Experiments.model_validate({"name": "shop", "dsn": Secret(database), "recount_every": "3d"})
    expose(shop, "one", "a", START)
    await ask(START + 2 * DAY, collector)
    shop.execute("delete from bellwether.exposures")
    assert (await ask(START + 5 * DAY - SECOND, collector))["experiment_exposed_units"]["sofa", "a"] == 1
    assert (await ask(START + 5 * DAY, collector))["experiment_exposed_units"]["sofa", "a"] == 0


async def test_the_mean_is_that_of_all_units_and_values_add_up_per_unit(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    for number in range(4):
        expose(shop, f"a{number}", "a", START)
        expose(shop, f"b{number}", "b", START)
    for user, value in (("a0", 10), ("b0", 10), ("b0", 20), ("b1", 5.5), ("b2", None)):
        give(shop, user, START + DAY, value)
    give(shop, "b3", START + DAY, metric="wave")
    found = await ask(START + DAY)
    assert found["experiment_converted_units"]["sofa", "b", "buy"] == 3
    assert found["experiment_mean_value"] == {("sofa", "a", "buy"): 2.5, ("sofa", "b", "buy"): 35.5 / 4}
    test = stats.ttest_ind([30, 5.5, 0, 0], [10, 0, 0, 0], equal_var=False)
    assert found["experiment_p_value"]["sofa", "b", "buy", "mean"] == pytest.approx(test.pvalue)
    assert ("sofa", "b", "wave", "mean") not in found["experiment_difference"]
    whole = compare(Arm.of_rate(4, 3), Arm.of_rate(4, 1), 77)
    assert (await ask(START + DAY, planned_units=77))["experiment_sequential_p_value"]["sofa", "b", "buy", "rate"] == (
        whole.sequential_p_value
    )


async def test_only_the_metrics_asked_for_are_judged(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    expose(shop, "one", "a", START)
    give(shop, "one", START + DAY, metric="wave")
    give(shop, "one", START + DAY, metric="buy")
    found = await ask(START + DAY, metrics=["wave", "sing"])
    assert {labels[2]: value for labels, value in found["experiment_converted_units"].items() if labels[1] == "a"} == {
        "wave": 1,
        "sing": 0,
    }


@pytest.mark.parametrize("controls", [(), ("a", "b")])
async def test_without_one_control_nothing_is_compared(
    shop: psycopg.Connection[Any], ask: Asking, controls: tuple[str, ...]
) -> None:
    plan(shop)
    shop.execute("update bellwether.experiments set control = variant = any (%s)", (list(controls),))
    expose(shop, "one", "a", START)
    expose(shop, "two", "b", START)
    give(shop, "one", START + DAY)
    found = await ask(START + DAY)
    assert found["experiment_conversion_ratio"] == {("sofa", "a", "buy"): 1, ("sofa", "b", "buy"): 0}
    assert not found.keys() & {metric.name for metric in COMPARED.values()}


@pytest.mark.parametrize("weight", [None, 0, -1])
async def test_without_planned_weights_sizes_are_not_judged(
    shop: psycopg.Connection[Any], ask: Asking, weight: int | None
) -> None:
    plan(shop)
    expose(shop, "one", "a", START)
    assert (await ask(START))["experiment_sample_ratio_p_value"] == {("sofa",): pytest.approx(0.3173, abs=0.00005)}
    shop.execute("update bellwether.experiments set weight = %s where variant = 'b'", (weight,))
    assert "experiment_sample_ratio_p_value" not in await ask(START)


async def test_a_value_that_is_no_number_is_refused(shop: psycopg.Connection[Any], ask: Asking) -> None:
    plan(shop)
    expose(shop, "one", "a", START)
    shop.execute("insert into bellwether.outcomes values ('one', 'buy', %s, 'NaN')", (START + DAY,))
    with pytest.raises(Malformed, match="the view outcomes has a value that is not a finite number"):
        await ask(START + DAY)


# --- the settings


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_of(Document.parse(f"collectors: [{{kind: experiments, dsn: x, {text}}}]", "bellwether.yml"), {})
    return str(caught.value)


def test_without_scipy_the_settings_are_refused_and_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    expected = "bellwether.yml:1: collectors[0]: experiments need SciPy: install bellwether-exporter[stats]"
    assert refusal("name: lab") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guardrails: {refund: worse}", "collectors[0].guardrails.refund: 'worse': expected 'higher' or 'lower'"),
        ("metrics: [buy], guardrails: {refund: higher}", "guardrails: 'refund' is not one of the metrics (buy)"),
        ("planned_units: 1", "collectors[0].planned_units: 1: expected greater than or equal to 2"),
    ],
)
def test_wrong_settings_are_told(text: str, message: str) -> None:
    assert refusal(text).endswith(message)
