"""Product: who uses it and how far they come, and what is switched on for whom, as any service of product analytics tells it.

Names and labels are those of the packs `users` and `flags` and of the collectors `funnel` and `experiments`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from exporter.metric import Metric, Sample

ACTIVE = Metric(
    "saas_active_users",
    "People who were seen signed in within the window: 1d is DAU, 7d WAU, 30d MAU. No value before the first.",
    labels=("source", "window"),
)
STICKINESS = Metric(
    "saas_stickiness_ratio",
    "Active users of the window over those of 30 days: 1d is DAU/MAU, the share of a month's users who came on this day; 7d is "
    "WAU/MAU. No value for 30d, nor without an active user in 30 days.",
    labels=("source", "window"),
)

_STEP = ("source", "funnel", "step", "position", "window")
STEP_USERS = Metric(
    "saas_funnel_step_users",
    "People who took the first step within the window and then, each after the one before, all steps up to this one, within "
    "the funnel's time for conversion. However often somebody tries, the try that went furthest counts, once.",
    labels=_STEP,
)
STEP_CONVERSION = Metric(
    "saas_funnel_step_conversion_ratio",
    "Of the people who took the step before, the share who took this one. No value for the first step, nor where nobody did.",
    labels=_STEP,
)
STEP_DROP_OFF = Metric(
    "saas_funnel_step_drop_off_ratio",
    "Of the people who took the step before, the share who did not take this one, or not yet.",
    labels=_STEP,
)
CONVERSION = Metric(
    "saas_funnel_conversion_ratio",
    "Of the people who took the first step within the window, the share who took the last. Who began lately has had less time.",
    labels=("source", "funnel", "window"),
)
CONVERSION_SECONDS = Metric(
    "saas_funnel_conversion_seconds",
    "How long people who took all steps needed from the first to the last, each by the shortest try: at most this for half of "
    "them (percentile 50, the median), and for nine in ten (90). No value where nobody did.",
    labels=("source", "funnel", "percentile", "window"),
)

FLAG_ENABLED = Metric(
    "feature_flag_enabled",
    "Whether the flag is on for anybody, 1 or 0. A flag that does not exist any more has no value.",
    labels=("source", "flag"),
)
FLAG_ROLLOUT = Metric(
    "feature_flag_rollout_ratio",
    "For what share of users the flag is on, 0 to 1; 0 while it is off for everybody. No value where the share is not known.",
    labels=("source", "flag"),
)
FLAG_EVALUATIONS = Metric(
    "feature_flag_evaluations",
    "Times within the window that somebody met the flag, by what he met: on or off, or a variant; what is beyond those with "
    "most is other.",
    labels=("source", "flag", "variant", "window"),
)

EXPERIMENT_RUNNING = Metric(
    "experiment_running", "Whether the experiment runs: 1 or, once it was ended, 0.", labels=("source", "experiment")
)


def active(users: Mapping[str, float], *, source: str) -> Iterator[Sample]:
    """Active users by window, and what share of a month's they are."""
    for window, count in users.items():
        yield ACTIVE(count, source=source, window=window)
    month = users.get("30d", 0)
    for window, count in users.items():
        if month and window != "30d":
            yield STICKINESS(count / month, source=source, window=window)


def funnel(
    steps: Sequence[str], users: Sequence[float], lengths: Mapping[str, float], *, source: str, funnel: str, window: str
) -> Iterator[Sample]:
    """The figures of one funnel: how many came to each step, and by percentile how long those needed who came to the end."""
    places = [
        {"source": source, "funnel": funnel, "step": step, "position": str(position), "window": window}
        for position, step in enumerate(steps, 1)
    ]
    for count, place in zip(users, places, strict=True):
        yield STEP_USERS(count, **place)
    for (before, count), place in zip(pairwise(users), places[1:], strict=True):
        if before:
            yield STEP_CONVERSION(count / before, **place)
            yield STEP_DROP_OFF(1 - count / before, **place)
    if users[0]:
        yield CONVERSION(users[-1] / users[0], source=source, funnel=funnel, window=window)
    if users[-1]:
        for percentile, seconds in lengths.items():
            yield CONVERSION_SECONDS(seconds, source=source, funnel=funnel, percentile=percentile, window=window)
