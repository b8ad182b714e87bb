"""What is published is read back equal by prometheus_client's own parsers, in both formats, plain and gzipped."""

import gzip
import math
import zlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.exposition import Format
from exporter.guard import Draft
from exporter.metric import Metric, Sample
from exporter.snapshot import Snapshot
from tests.toy import EVENTS, LEVEL, LITERAL, METRICS

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def publish(snapshot: Snapshot, source: str, *samples: Sample) -> Draft:
    draft = Draft({metric.name: metric for metric in METRICS}, 1000)
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


label_text = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
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


def test_an_unchanged_source_is_not_rendered_again() -> None:
    snapshot = Snapshot()
    publish(snapshot, "a", EVENTS(5))
    before = snapshot._own["a", Format.TEXT]
    publish(snapshot, "b", LEVEL(2, place="b"))
    assert snapshot._own["a", Format.TEXT] is before


def test_help_texts_are_escaped() -> None:
    metric = Metric("toy_help", 'A \\ and a\nline and a "quote".')
    snapshot = Snapshot()
    draft = Draft({metric.name: metric}, 10)
    draft.add(metric(1))
    snapshot.publish("a", draft.lines)
    assert next(iter(parse_text(snapshot.page().decode()))).documentation == metric.help
    (family,) = parse_openmetrics(snapshot.page(Format.OPENMETRICS).decode())  # type: ignore[no-untyped-call]
    assert family.documentation == metric.help
