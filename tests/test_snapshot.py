"""What is published is read back equal by prometheus_client's own parsers, in both formats, plain and gzipped."""

import gzip
import math
import time
import zlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.exposition import Format, canonical
from exporter.guard import Draft
from exporter.metric import Metric, Sample
from exporter.snapshot import Snapshot
from tests.toy import EVENTS, LEVEL, LITERAL, METRICS

TIMES = Metric("toy_time_seconds", "How long it took, as a histogram.", "histogram", ("place",))
SIZES = Metric("toy_size_bytes", "How much it was, as a summary.", "summary", ("place",))
VERSION = Metric("toy_version_info", "The version, as a label.", "info", ("place",))
STATE = Metric("toy_state", "The state, as a set of them.", "stateset", ("place",))
ANYTHING = Metric("toy_anything", "Who knows.", "unknown", ("place",))
ALL = {metric.name: metric for metric in (*METRICS, TIMES, SIZES, VERSION, STATE, ANYTHING)}

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def publish(snapshot: Snapshot, source: str, *samples: Sample) -> Draft:
    draft = Draft(ALL, 1000)
    for sample in samples:
        draft.add(sample)
    snapshot.publish(source, draft.lines)
    return draft


def read(page: bytes, format_: Format) -> Series:
    parse = parse_openmetrics if format_ is Format.OPENMETRICS else parse_text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(page.decode())
        for sample in family.samples
    }


label_text = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.one_of(st.floats(allow_nan=False), st.integers(-(2**62), 2**62).map(float))


@given(st.lists(st.tuples(st.sampled_from("abc"), label_text, values), unique_by=lambda item: item[:2], max_size=30))
def test_what_is_published_is_read_back_equal(items: list[tuple[str, str, float]]) -> None:
    snapshot = Snapshot()
    for source in "abc":
        publish(snapshot, source, *[LEVEL(value, place=place + source) for at, place, value in items if at == source])
    expected = {("toy_level", (("place", place + source),)): value for source, place, value in items}
    for format_ in Format:
        page = snapshot.page(format_)
        assert read(page, format_) == expected
        assert gzip.decompress(snapshot.page(format_, gzip=True)) == page


positive = st.floats(0, allow_nan=False)


@st.composite
def histograms(draw: st.DrawFn, place: str) -> tuple[Sample, Series]:
    bounds = sorted(draw(st.sets(st.floats(0, allow_nan=False, allow_infinity=False), max_size=5)))
    totals = sorted(draw(st.lists(st.integers(0, 2**50), min_size=len(bounds) + 1, max_size=len(bounds) + 1)))
    sum_ = draw(positive)
    buckets = dict(zip([*bounds, math.inf], totals, strict=True))
    at = ("place", place)
    expected: Series = {
        ("toy_time_seconds_bucket", (("le", canonical(bound)), at)): count for bound, count in buckets.items()
    } | {("toy_time_seconds_sum", (at,)): sum_, ("toy_time_seconds_count", (at,)): totals[-1]}
    return TIMES.histogram(buckets, sum=sum_, place=place), expected


@st.composite
def summaries(draw: st.DrawFn, place: str) -> tuple[Sample, Series]:
    quantiles = draw(st.dictionaries(st.floats(0, 1), positive, max_size=4))
    count, sum_ = draw(st.integers(0, 2**50)), draw(positive)
    at = ("place", place)
    expected: Series = {
        ("toy_size_bytes", (at, ("quantile", canonical(quantile)))): value for quantile, value in quantiles.items()
    } | {("toy_size_bytes_sum", (at,)): sum_, ("toy_size_bytes_count", (at,)): count}
    return SIZES.summary(quantiles, count=count, sum=sum_, place=place), expected


@st.composite
def plain(draw: st.DrawFn, place: str) -> tuple[Sample, Series]:
    metric = draw(st.sampled_from([VERSION, STATE, ANYTHING, LEVEL]))
    value = draw(values)
    return metric(value, place=place), {(metric.name, (("place", place),)): value}


@given(st.data(), st.lists(st.tuples(st.sampled_from("ab"), label_text), unique=True, max_size=8))
def test_every_type_is_read_back_equal_in_both_formats(data: st.DataObject, keys: list[tuple[str, str]]) -> None:
    samples: dict[str, list[Sample]] = {"a": [], "b": []}
    expected: Series = {}
    for source, place in keys:
        for make in data.draw(st.lists(st.sampled_from([histograms, summaries, plain]), unique=True)):
            sample, series = data.draw(make(source + place))
            samples[source].append(sample)
            expected |= series
    snapshot = Snapshot()
    for _ in range(2):
        drafts = {source: publish(snapshot, source, *of_source) for source, of_source in samples.items()}
        assert [draft.dropped for draft in drafts.values()] == [{}, {}]
        for format_ in Format:
            assert read(snapshot.page(format_), format_) == expected


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (1, "1.0"),
        (0, "0.0"),
        (-0.0, "0.0"),
        (0.005, "0.005"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2.5, "-2.5"),
        (100_000, "100000.0"),
        (1_000_000, "1e+06"),
        (1_234_567.5, "1.2345675e+06"),
        (-12_345_678_901, "-1.2345678901e+10"),
        (1e100, "1e+100"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_bounds_are_written_as_openmetrics_has_them(bound: float, text: str) -> None:
    """Source: https://prometheus.io/docs/specs/om/open_metrics_spec/#considerations-canonical-numbers."""
    assert canonical(bound) == text


@given(st.floats(allow_nan=False))
def test_a_bound_is_read_back_equal(bound: float) -> None:
    assert float(canonical(bound)) == bound


def test_all_lines_of_one_label_set_of_a_histogram_stand_together() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", *[TIMES.histogram({1: 1}, sum=2, count=2, place=place) for place in "xy"])
    publish(snapshot, "b", TIMES.histogram({1: 1}, sum=2, count=2, place="z"))
    lines = snapshot.page().decode().splitlines()
    assert lines[:2] == [f"# HELP toy_time_seconds {TIMES.help}", "# TYPE toy_time_seconds histogram"]
    assert [line.partition('place="')[2][0] for line in lines[2:]] == [*"xxxx", *"yyyy", *"zzzz"]


def test_types_that_only_openmetrics_knows_are_gauges() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", VERSION(1, place="x"), STATE(1, place="x"))
    for format_ in Format:
        page = snapshot.page(format_).decode()
        assert "# TYPE toy_version_info gauge\n" in page
        assert "# TYPE toy_state gauge\n" in page


def test_two_sources_that_explain_one_name_differently_share_one_header() -> None:
    other = Metric("toy_level", "Another help text.", "unknown", ("site",))
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(1, place="a"))
    draft = Draft({"toy_level": other}, 10)
    draft.add(other(2, site="b"))
    snapshot.publish("b", draft.lines)
    for format_ in Format:
        page = snapshot.page(format_)
        assert (page.count(b"# TYPE"), page.count(b"# HELP")) == (1, 1)
        assert read(page, format_) == {("toy_level", (("place", "a"),)): 1, ("toy_level", (("site", "b"),)): 2}


def test_a_help_text_that_is_not_unicode_harms_no_page() -> None:
    metric = Metric("toy_help", "A stray \ud800.")
    snapshot = Snapshot()
    draft = Draft({metric.name: metric}, 10)
    draft.add(metric(1))
    snapshot.publish("a", draft.lines)
    assert snapshot.page().startswith(b"# HELP toy_help A stray ?.\n")


def test_nan_and_infinities_are_written_as_the_formats_spell_them() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(math.nan, place="x"), LEVEL(math.inf, place="y"), LEVEL(-math.inf, place="z"))
    lines = snapshot.page().decode().splitlines()[2:]
    assert lines == ['toy_level{place="x"} NaN', 'toy_level{place="y"} +Inf', 'toy_level{place="z"} -Inf']


@pytest.mark.parametrize("value", [10**400, "7 apples", None])
def test_what_is_no_number_is_dropped_and_counted(value: object) -> None:
    draft = Draft({LEVEL.name: LEVEL}, 10)
    draft.add(LEVEL(value, place="x"))  # type: ignore[arg-type]  # what a careless collector does
    assert (draft.lines, draft.dropped) == ({}, {"value": 1})


def test_two_sources_of_one_metric_stand_under_one_header() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(1, place="a"), EVENTS(5))
    publish(snapshot, "b", LEVEL(2, place="b"))
    page = snapshot.page().decode()
    assert page.count("# TYPE toy_level gauge") == 1
    assert read(page.encode(), Format.TEXT)[("toy_level", (("place", "b"),))] == 2


def test_a_source_that_stops_feeding_a_metric_leaves_the_other_source_alone() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(1, place="a"))
    publish(snapshot, "b", LEVEL(2, place="b"))
    publish(snapshot, "a", EVENTS(5))
    assert read(snapshot.page(), Format.TEXT) == {("toy_level", (("place", "b"),)): 2, ("toy_events_total", ()): 5}
    snapshot.withdraw("b")
    assert read(snapshot.page(), Format.TEXT) == {("toy_events_total", ()): 5}


@pytest.mark.parametrize("odd", ["\r", "\u2028", "\x85", "\x0b", "\n"])
def test_a_series_that_another_source_shows_is_known_whatever_its_labels_hold(odd: str) -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(1, place=f"x{odd}y"))
    draft = Draft(ALL, 10)
    draft.add(LEVEL(2, place=f"x{odd}y"))
    assert snapshot.publish("b", draft.lines) == {"duplicate": 1}


def test_some_sources_can_be_asked_for() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LEVEL(1, place="a"), EVENTS(5))
    publish(snapshot, "b", LEVEL(2, place="b"))
    assert read(snapshot.page(sources=["b"]), Format.TEXT) == {("toy_level", (("place", "b"),)): 2}
    assert gzip.decompress(snapshot.page(sources=["a"], gzip=True)) == snapshot.page(sources=["a"])


def test_a_counter_without_total_is_a_counter_in_text_and_unknown_in_openmetrics() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", LITERAL(3, place="x"), EVENTS(4))
    text, openmetrics = snapshot.page().decode(), snapshot.page(Format.OPENMETRICS).decode()
    assert "# TYPE toy_literal_count counter" in text
    assert "# TYPE toy_events_total counter" in text
    assert "# TYPE toy_literal_count unknown" in openmetrics
    assert "# TYPE toy_events counter" in openmetrics
    assert 'toy_literal_count{place="x"} 3.0' in text
    assert 'toy_literal_count{place="x"} 3.0' in openmetrics


def test_the_gzip_is_one_member_that_every_client_reads_to_its_end() -> None:
    snapshot = Snapshot()
    for source in "abcdef":
        publish(snapshot, source, *[LEVEL(n, place=f"{source}{n}") for n in range(100)])
    compressed = snapshot.page(gzip=True)
    inflater = zlib.decompressobj(31)
    assert inflater.decompress(compressed) == snapshot.page()
    assert (inflater.eof, inflater.unused_data) == (True, b"")
    assert httpx.Response(200, headers={"content-encoding": "gzip"}, content=compressed).content == snapshot.page()


def made(snapshot: Snapshot, source: str) -> set[tuple[Format, bool]]:
    """The forms in which the part of a source is there: format, and whether gzipped."""
    parts = {format_: snapshot._own[source, format_] for format_ in Format}
    plain = {(format_, False) for format_, part in parts.items() if part.plain is not None}
    return plain | {(format_, True) for format_, part in parts.items() if part.deflated is not None}


def test_an_unchanged_source_is_not_rendered_again() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", EVENTS(5))
    snapshot.pieces(gzip=True)
    before = snapshot._own["a", Format.TEXT].deflated
    publish(snapshot, "b", LEVEL(2, place="b"))
    snapshot.pieces(gzip=True)
    assert snapshot._own["a", Format.TEXT].deflated is before is not None


def test_only_the_form_that_is_asked_for_is_made() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", EVENTS(5))
    assert made(snapshot, "a") == set()
    snapshot.pieces(Format.OPENMETRICS, gzip=True)
    assert made(snapshot, "a") == {(Format.OPENMETRICS, True)}


def test_the_form_asked_for_lately_is_made_at_publication_and_no_more_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, real = Snapshot(), time.monotonic
    publish(snapshot, "a", EVENTS(5))
    snapshot.pieces(Format.OPENMETRICS, gzip=True)
    publish(snapshot, "a", EVENTS(6))
    publish(snapshot, "b", LEVEL(1, place="x"))
    assert made(snapshot, "a") == made(snapshot, "b") == {(Format.OPENMETRICS, True)}
    monkeypatch.setattr(time, "monotonic", lambda: real() + 3600)
    publish(snapshot, "a", EVENTS(7))
    assert made(snapshot, "a") == set()


def test_of_a_metric_that_nobody_feeds_any_more_nothing_is_kept() -> None:
    snapshot = Snapshot()

    def held() -> int:
        return sum(len(each) for each in vars(snapshot).values() if isinstance(each, dict)) - len(snapshot._pages)

    publish(snapshot, "a", EVENTS(1))
    before = held()
    for number in range(50):
        metric = Metric(f"toy_{number}_total", "Help.", "counter", ("place",), found=True)
        for source in "ab":
            draft = Draft({}, 10)
            draft.add(metric(1, place=source))
            snapshot.publish(source, draft.lines, polled=source == "a")
        assert snapshot.page().count(f"toy_{number}_total{{".encode()) == 2
    snapshot.withdraw("b")
    publish(snapshot, "a", EVENTS(1))
    snapshot.page()
    assert held() - before <= 3


sources = st.sampled_from("abc")
steps = st.lists(st.tuples(sources, st.sets(st.sampled_from("xyz")), st.booleans(), st.sets(sources, max_size=2)), max_size=12)


@given(steps)
def test_after_any_history_every_page_says_what_was_said_last(history: list[tuple[str, set[str], bool, set[str]]]) -> None:
    """Sources publish, polled or not, metrics that others feed too or not, and are withdrawn; pages are asked for meanwhile."""
    snapshot, said = Snapshot(), dict[str, set[str]]()
    metrics = {name: Metric(f"toy_{name}", "Help.", labels=("place",)) for name in "xyz"}
    for source, names, polled, chosen in history:
        if names:
            draft = Draft({metric.name: metric for metric in metrics.values()}, 10)
            for name in sorted(names):
                draft.add(metrics[name](1, place=source))
            snapshot.publish(source, draft.lines, polled=polled)
            said[source] = names
        else:
            snapshot.withdraw(source)
            said.pop(source, None)
        for wanted in (None, chosen):
            expected = {
                (f"toy_{name}", (("place", each),)): 1
                for each, its in said.items()
                for name in its
                if wanted is None or each in wanted
            }
            for format_ in Format:
                page = snapshot.page(format_, sources=wanted)
                assert read(page, format_) == expected
                assert page.count(b"# TYPE") == len({name for name, _ in expected})
                assert gzip.decompress(snapshot.page(format_, gzip=True, sources=wanted)) == page


def test_help_texts_are_escaped() -> None:
    metric = Metric("toy_help", 'A \\ and a\nline and a "quote".')
    snapshot = Snapshot()
    draft = Draft({metric.name: metric}, 10)
    draft.add(metric(1))
    snapshot.publish("a", draft.lines)
    assert next(iter(parse_text(snapshot.page().decode()))).documentation == metric.help
    (family,) = parse_openmetrics(snapshot.page(Format.OPENMETRICS).decode())  # type: ignore[no-untyped-call]
    assert family.documentation == metric.help
