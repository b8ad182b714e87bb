"""Experiments: who met which variant, what came of it, and whether that is more than chance, also for who looks every day.

The figures come from three views of the contract, added up in the database; docs/experiments.md defines them.
Source of the p-value that may be looked at any time: https://arxiv.org/abs/1512.04922
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.postgres import Postgres
from exporter.clients.totals import Pace
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret
from exporter.collectors.experiments.results import Kept, Outcome, Result, read
from exporter.errors import Malformed
from exporter.metric import Metric

if TYPE_CHECKING:
    from exporter.collectors.experiments.comparison import Comparison

# All of this holds for the transaction alone: room to join users without temporary files, and trust in indexes that give them
# in order (the default cost of a page is that of a turning disk).
# Queries are not compiled (JIT): that would be done anew each time.
_BEGIN = """
    select now() as as_of, set_config('random_page_cost', '1.1', true),
           case current_setting('jit', true) when 'on' then set_config('jit', 'off', true) end,
           case when pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024 then set_config('work_mem', '64MB', true) end
"""
_EXPERIMENT = ("source", "experiment")
_VARIANT = (*_EXPERIMENT, "variant")
_METRIC = (*_VARIANT, "metric")
_MEASURE = (*_METRIC, "measure")
_OF_BOTH = "rate is that of conversion, mean the mean value of a unit."

RUNNING = Metric("experiment_running", "Whether the experiment runs: 1 or, once it was ended, 0.", labels=_EXPERIMENT)
UNITS = Metric(
    "experiment_exposed_units",
    "Users who have met the variant, and no other, since the experiment began and before it ended.",
    labels=_VARIANT,
)
CROSSOVERS = Metric(
    "experiment_crossover_units",
    "Users who have met two variants or more. They are in no other figure of the experiment.",
    labels=_EXPERIMENT,
)
SAMPLE_RATIO = Metric(
    "experiment_sample_ratio_p_value",
    "How likely numbers of units at least as far from the planned weights are by chance alone (chi-square). Below 0.001, "
    "suspect the assignment or the logging, and believe no other figure of the experiment.",
    labels=_EXPERIMENT,
)
CONVERTED = Metric(
    "experiment_converted_units",
    "Users of the variant with at least one outcome of the kind after they first met it, and before the experiment ended.",
    labels=_METRIC,
)
CONVERSION = Metric(
    "experiment_conversion_ratio",
    "Users of the variant with the outcome over all users who have met the variant. No value before the first.",
    labels=_METRIC,
)
MEAN = Metric(
    "experiment_mean_value",
    "What the outcomes are worth, per user who has met the variant; users without one count as 0. No value for outcomes "
    "without values.",
    labels=_METRIC,
)
COMPARED = {
    "difference": Metric("experiment_difference", f"The variant's figure less the control's: {_OF_BOTH}", labels=_MEASURE),
    "lower": Metric(
        "experiment_difference_lower",
        "Lower end of the 95 % interval of the difference, for one look at a size decided on beforehand (Newcombe; Welch).",
        labels=_MEASURE,
    ),
    "upper": Metric(
        "experiment_difference_upper",
        "Upper end of the 95 % interval of the difference, for one look at a size decided on beforehand.",
        labels=_MEASURE,
    ),
    "p_value": Metric(
        "experiment_p_value",
        "How likely a difference at least as large is without an effect, for one look at a size decided on beforehand: "
        "pooled two-proportion z test for rate, Welch's t test for mean, two-sided. Do not watch it: watch "
        "experiment_sequential_p_value.",
        labels=_MEASURE,
    ),
    "lift": Metric(
        "experiment_lift_ratio",
        "The variant's figure over the control's, less 1: 0.1 is 10 % more. No value where the control's is not above 0.",
        labels=_MEASURE,
    ),
    "lift_lower": Metric(
        "experiment_lift_lower_ratio",
        "Lower end of the 95 % interval of the lift, for one look at a size decided on beforehand (on the ratio's logarithm).",
        labels=_MEASURE,
    ),
    "lift_upper": Metric(
        "experiment_lift_upper_ratio",
        "Upper end of the 95 % interval of the lift, for one look at a size decided on beforehand.",
        labels=_MEASURE,
    ),
    "sequential_p_value": Metric(
        "experiment_sequential_p_value",
        "Always-valid p-value (mixture SPRT): without an effect, the chance that it is ever 0.05 or less is at most 5 %, "
        "however often it is looked at.",
        labels=_MEASURE,
    ),
    "sequential_lower": Metric(
        "experiment_sequential_difference_lower",
        "Lower end of the always-valid 95 % interval of the difference: one that holds at all times at once.",
        labels=_MEASURE,
    ),
    "sequential_upper": Metric(
        "experiment_sequential_difference_upper",
        "Upper end of the always-valid 95 % interval of the difference.",
        labels=_MEASURE,
    ),
}
BREACHED = Metric(
    "experiment_guardrail_breached",
    "1 while the always-valid 95 % interval of the difference lies wholly on the side that the settings call worse, else 0.",
    labels=_MEASURE,
)


class Experiments(Collector, kind="experiments"):
    """Experiments by variant: units, conversions, lift, intervals, p-values. Needs the extra `stats`.

    Reads the contract's views experiments, exposures and outcomes.
    """

    dsn: Secret
    """The database: a URL or key=value pairs, as libpq reads them."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    metrics: tuple[str, ...] | None = None
    """The outcomes that experiments are judged by, from the start on; unless given, each that has come."""
    guardrails: dict[str, Literal["higher", "lower"]] = Field(default_factory=dict)
    """Outcomes that must not become worse, each with the direction that is worse: `complaint: higher`."""
    planned_units: int = Field(default=2000, ge=2)
    """At how many units, of control and variant together, the sequential test is sharpest. Decide before the experiment."""
    shown: Duration = 30 * 86400.0
    """How long an experiment that was ended is still shown."""
    statement_timeout: Duration = 30.0
    """How long one query may take."""
    every: Every = 300.0
    """How often it runs. The first run counts all units, later ones those for whom something changed."""
    timeout: Duration = 60.0
    """How long one run may take."""
    late_by: Duration = 300.0
    """How much later than its own date an exposure or outcome may appear and still be counted at once."""
    recount_every: Duration = 86_400.0
    """After how long all units are counted anew, so that what came later, or was changed or deleted, tells too."""

    _postgres: Postgres = PrivateAttr()
    _kept: Kept = PrivateAttr(default_factory=dict)
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        try:
            import scipy.special  # noqa: F401, PLC0415 - large, optional, and of use to this kind alone
        except ImportError:
            raise ValueError("experiments need SciPy: install bellwether-exporter[stats]") from None
        if self.metrics is not None and (unread := self.guardrails.keys() - set(self.metrics)):
            raise ValueError(f"guardrails: {min(unread)!r} is not one of the metrics ({', '.join(self.metrics)})")
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        return self

    async def collect(self) -> Samples:
        async with self._postgres.transaction() as cursor:
            await cursor.execute(_BEGIN)
            row = await cursor.fetchone()
            if row is None:
                raise Malformed("select now() gave no row")
            results = await read(
                cursor,
                {
                    "as_of": self._as_of or row["as_of"],
                    "shown": timedelta(seconds=self.shown),
                    "metrics": None if self.metrics is None else list(self.metrics),
                },
                self._kept,
                Pace(timedelta(seconds=self.late_by), timedelta(seconds=self.recount_every)),
            )
        for experiment, result in results.items():
            for sample in self._told(experiment, result):
                yield sample

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    def _told(self, experiment: str, result: Result) -> Iterator[Sample]:
        from exporter.collectors.experiments.comparison import sample_ratio_p_value  # noqa: PLC0415 - as in _prepare

        yield RUNNING(float(result.running), source=self.name, experiment=experiment)
        yield CROSSOVERS(result.crossovers, source=self.name, experiment=experiment)
        for variant, units in result.units.items():
            yield UNITS(units, source=self.name, experiment=experiment, variant=variant)
        weights = {variant: weight for variant, weight in result.weights.items() if weight is not None and weight > 0}
        if weights.keys() == result.units.keys():
            p_value = sample_ratio_p_value(result.units, weights)
            if p_value is not None:
                yield SAMPLE_RATIO(p_value, source=self.name, experiment=experiment)
        for metric in sorted({*result.outcomes, *(self.metrics or ())}):
            yield from self._judged(experiment, metric, result)

    def _judged(self, experiment: str, metric: str, result: Result) -> Iterator[Sample]:
        from exporter.collectors.experiments.comparison import Arm, compare  # noqa: PLC0415 - as in _prepare

        found = result.outcomes.get(metric, {})
        has_values = any(outcome.valued for outcome in found.values())
        arms: dict[str, dict[str, Arm]] = {"rate": {}, "mean": {}}
        for variant, units in result.units.items():
            outcome = found.get(variant, Outcome())
            labels = {"source": self.name, "experiment": experiment, "variant": variant, "metric": metric}
            yield CONVERTED(outcome.converted, **labels)
            if units:
                arms["rate"][variant] = Arm.of_rate(units, outcome.converted)
                yield CONVERSION(arms["rate"][variant].mean, **labels)
            if units and has_values:
                arms["mean"][variant] = Arm.of_mean(units, outcome.total, outcome.squares)
                yield MEAN(arms["mean"][variant].mean, **labels)
        for measure, by_variant in arms.items():
            control = by_variant.pop(result.control or "", None)
            for variant, arm in by_variant.items():
                if control is not None:
                    labels = dict(zip(_MEASURE, (self.name, experiment, variant, metric, measure), strict=True))
                    yield from self._compared(compare(arm, control, self.planned_units), metric, labels)

    def _compared(self, comparison: "Comparison", metric: str, labels: dict[str, str]) -> Iterator[Sample]:
        for name, family in COMPARED.items():
            value: float | None = getattr(comparison, name)
            if value is not None:
                yield family(value, **labels)
        lower, upper = comparison.sequential_lower, comparison.sequential_upper
        if metric in self.guardrails and lower is not None and upper is not None:
            yield BREACHED(float(lower > 0 if self.guardrails[metric] == "higher" else upper < 0), **labels)
