"""Error tracking: what goes wrong in the product, as a service sees it to which applications report their errors.

Levels are those of logs_lines_total. An issue is a group of errors that look like one fault.
"""

from collections.abc import Mapping

from exporter.metric import Metric

LEVELS = ("critical", "error", "warning", "info", "debug", "other")
KINDS = ("script", "network", "api", "validation", "other")
"""What sort of error: a fault of the code, a connection, an answer of another service, input that is refused."""
STATES = ("new", "ongoing", "regressed", "escalating", "other")
"""What an unresolved issue is; each is one of these."""
OUTCOMES = ("filtered", "rate_limited", "invalid", "abuse", "client_discard", "cardinality_limited")
"""Why errors were not kept."""
_BY_PROJECT = ("source", "project", "window")

EVENTS = Metric(
    "error_events",
    "Errors within the window, by level: critical, error, warning, info, debug, other.",
    labels=("source", "project", "level", "window"),
)
BY_KIND = Metric(
    "error_kind_events",
    "Errors within the window, by kind: script, a fault of the code; network, a connection; api, an answer of another "
    "service; validation, input that is refused; other.",
    labels=("source", "project", "kind", "window"),
)
USERS = Metric(
    "error_affected_users", "Users who met at least one error within the window, where errors tell whose.", labels=_BY_PROJECT
)
DROPPED = Metric(
    "error_dropped_events",
    "Errors that were reported within the window and not kept, by the reason: they are in no other figure.",
    labels=("source", "project", "outcome", "window"),
)
ISSUES = Metric(
    "error_issues",
    "Unresolved issues that were seen within 14 days, by state (new, ongoing, regressed, escalating, other) and level.",
    labels=("source", "project", "state", "level"),
)
NEW_ISSUES = Metric("error_new_issues", "Issues first seen within the window, resolved or not.", labels=_BY_PROJECT)
INCOMPLETE = Metric(
    "error_issues_incomplete",
    "Whether there are more issues than were looked at, so that figures of issues are too low: 1 or 0.",
    labels=("source",),
)
RESOLUTION = Metric(
    "error_resolution_seconds",
    "Of the issues resolved within the window, by a person or a release, how long that took since they were first seen or "
    "came back.",
    "histogram",
    _BY_PROJECT,
)
SESSIONS = Metric(
    "error_sessions", "Sessions of users that began within the window, where applications report them.", labels=_BY_PROJECT
)
CRASH_FREE_SESSIONS = Metric(
    "error_crash_free_sessions_ratio",
    "Share of the sessions that began within the window and did not end in a crash. No value without a session.",
    labels=_BY_PROJECT,
)
CRASH_FREE_USERS = Metric(
    "error_crash_free_users_ratio",
    "Share of the users with a session that began within the window who met no crash. No value without one.",
    labels=_BY_PROJECT,
)

_RESOLUTION_BOUNDS = (3600, 14400, 28800, 86400, 172800, 259200, 604800, 1209600, 2592000)  # as of support_resolution_seconds


def resolution_buckets(durations: list[float]) -> Mapping[float, float]:
    """How many of the durations are at most each bound of RESOLUTION."""
    return {bound: sum(duration <= bound for duration in durations) for bound in _RESOLUTION_BOUNDS}
