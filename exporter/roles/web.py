"""Web: traffic of a website, as any service of web analytics tells it. The first metrics are those of the pack `traffic`.

Definitions: https://plausible.io/docs/metrics-definitions, https://support.google.com/analytics/answer/12195621 (bounces)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.metric import Metric, Sample

Window = Literal["1h", "1d", "7d", "30d"]
Windows = Annotated[tuple[Window, ...], AfterValidator(lambda windows: tuple(dict.fromkeys(windows)))]
"""Windows to choose from, each once."""
LENGTHS: Mapping[Window, timedelta] = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}

VISITS = Metric("web_visits", "Visits that began within the window.", labels=("source", "window"))
PAGE_VIEWS = Metric("web_page_views", "Pages seen in the visits that began within the window.", labels=("source", "window"))
VISITORS = Metric(
    "web_visitors",
    "Browsers or devices with at least one visit within the window, as far as they can be told apart.",
    labels=("source", "window"),
)
BOUNCES = Metric(
    "web_bounce_ratio",
    "Of the visits that began within the window, the share that the service counts as bounces, mostly those with one page "
    "view. No value without a visit.",
    labels=("source", "window"),
)
DURATION = Metric(
    "web_visit_duration_seconds",
    "The mean length of the visits that began within the window. No value without a visit.",
    labels=("source", "window"),
)
CURRENT = Metric(
    "web_current_visitors",
    "Browsers or devices that are there now, which mostly means within the last five minutes.",
    labels=("source",),
)

PAGES = Metric(
    "web_page_visitors",
    "Visitors within the window who saw a page, of the pages with most; identifiers in addresses are replaced by {id}.",
    labels=("source", "page", "window"),
)
REFERRERS = Metric(
    "web_referrer_visitors",
    "Visitors within the window by where they came from, of the sites with most; direct when that is not known.",
    labels=("source", "referrer", "window"),
)
COUNTRIES = Metric(
    "web_country_visitors",
    "Visitors within the window by country, as ISO 3166 code, of the countries with most.",
    labels=("source", "country", "window"),
)
BROWSERS = Metric(
    "web_browser_visitors",
    "Visitors within the window by browser, as the service names it, of those with most.",
    labels=("source", "browser", "window"),
)
SYSTEMS = Metric(
    "web_os_visitors",
    "Visitors within the window by operating system, as the service names it, of those with most.",
    labels=("source", "os", "window"),
)
DEVICES = Metric(
    "web_device_visitors",
    "Visitors within the window by kind of device: desktop, laptop, mobile, tablet, other, unknown.",
    labels=("source", "device", "window"),
)
CHANNELS = Metric(
    "web_channel_visitors",
    "Visitors within the window by channel, such as Organic Search, as the service names it, of those with most.",
    labels=("source", "channel", "window"),
)

EVENTS = Metric(
    "web_custom_events",
    "Events of the site's own within the window, by name, of those with most; the rest is other.",
    labels=("source", "event", "window"),
)
CONVERSIONS = Metric(
    "web_goal_conversions",
    "How often a goal was reached within the window.",
    labels=("source", "goal", "window"),
)
CONVERSION_RATIO = Metric(
    "web_goal_conversion_ratio",
    "Share of the visitors within the window who reached a goal. No value without a visitor.",
    labels=("source", "goal", "window"),
)

SAMPLED = Metric(
    "web_report_sample_ratio",
    "The least share of the data that one of the last reports was worked out from; 1 when from all of it.",
    labels=("source",),
)
WITHHELD = Metric(
    "web_report_withheld",
    "Whether one of the last reports leaves out figures of few people, so that some are too low: 1 or 0.",
    labels=("source",),
)
LOST = Metric(
    "web_report_rows_lost",
    "Whether one of the last reports had more rows than the service keeps apart, and so some under a common name: 1 or 0.",
    labels=("source",),
)

_DEVICES = frozenset({"desktop", "laptop", "mobile", "tablet"})
_UNKNOWN = frozenset({"", "(not set)", "unknown"})
_IDENTIFIER = re.compile(r"\d+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^/]*(@|%40)[^/]*")
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_]{20,}")
_LONGEST = 120  # characters of a label; what is cut off ends in …
_OTHER = "other"


def page(address: str) -> str:
    """A page's path without query and fragment, identifiers replaced, so that it can be a label."""
    path = re.split(r"[?#;]", address, maxsplit=1)[0] or "/"
    parts = ("{id}" if _IDENTIFIER.fullmatch(part) or _TOKEN.fullmatch(part) else part for part in path.split("/"))
    return _short("/".join(parts))


def referrer(name: str) -> str:
    """Where visitors came from: a name, or the host alone of an address; direct where nothing is known."""
    text = re.sub(r"^https?://", "", name.strip())
    text = re.split(r"[?#]", text, maxsplit=1)[0].partition("/")[0].strip() if "." in text.partition("/")[0] else text
    return "direct" if text.lower() in _UNKNOWN | {"(direct)", "direct", "none", "direct / none"} else _short(text)


def device(name: str) -> str:
    """One of the kinds of device."""
    word = name.strip().lower()
    if word in _UNKNOWN:
        return "unknown"
    return word if word in _DEVICES else _OTHER


def known(name: str) -> str:
    """A browser, an operating system, a country, a channel: as it is, or unknown."""
    return "unknown" if name.strip().lower() in _UNKNOWN else _short(name.strip())


def ranked(metric: Metric, rows: Iterable[tuple[str, float]], most: int, *, source: str, window: str) -> Iterator[Sample]:
    """The values with most visitors. Those beyond are left out: whoever has two of them would count twice in their sum."""
    for value, count in _by_count(rows)[:most]:
        yield metric(count, **{"source": source, metric.labels[1]: value, "window": window})


def counted(metric: Metric, rows: Iterable[tuple[str, float]], most: int, *, source: str, window: str) -> Iterator[Sample]:
    """The values with most events or conversions, and what is left of them as other."""
    ordered = _by_count((_short(value), count) for value, count in rows)
    named = [row for row in ordered if row[0] != _OTHER]
    shown = named[:most]
    rest = sum(count for _, count in ordered) - sum(count for _, count in shown)
    for value, count in [*shown, *([(_OTHER, rest)] if len(ordered) > len(shown) else [])]:
        yield metric(count, **{"source": source, metric.labels[1]: value, "window": window})


def _by_count(rows: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Rows of one value added up, the largest first; of equals, in order of the value, so that none comes and goes."""
    counts: dict[str, float] = {}
    for value, count in rows:
        counts[value] = counts.get(value, 0) + count
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
