import math
from collections.abc import Mapping
from typing import Any

import pytest

from exporter.metric import Distribution, Metric, MetricType, Sample

DURATION = Metric("x_seconds", "Help.", "histogram", ("a",))
SIZE = Metric("x_bytes", "Help.", "summary", ("a",))


def test_a_sample_holds_label_values_in_declared_order() -> None:
    metric = Metric("x", "Help.", labels=("b", "a"))
    assert metric(1.0, a="1", b="2").labels == ("2", "1")


@pytest.mark.parametrize("labels", [{}, {"a": "1"}, {"a": "1", "b": "2", "c": "3"}, {"a": "1", "c": "3"}])
def test_other_labels_than_the_declared_ones_are_refused_with_both_named(labels: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=r"x takes labels \('a', 'b'\), got"):
        Metric("x", "Help.", labels=("a", "b"))(1.0, **labels)


@pytest.mark.parametrize(
    ("name", "labels", "help_text"),
    [
        ("1x", (), "Help."),
        ("x-y", (), "Help."),
        ("x", ("a-b",), "Help."),
        ("x", ("__a",), "Help."),
        ("x", ("a", "a"), "Help."),
        ("x", (), " "),
    ],
)
def test_a_wrong_declaration_is_refused(name: str, labels: tuple[str, ...], help_text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Metric(name, help_text, labels=labels)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("a_seconds", "seconds"),
        ("a_bytes_total", "bytes"),
        ("a_timestamp_seconds", "timestamp_seconds"),
        ("a_ratio", "ratio"),
        ("a_total", ""),
        ("a", ""),
    ],
)
def test_the_unit_follows_from_the_name(name: str, unit: str) -> None:
    assert Metric(name, "Help.").unit == unit


def test_a_unit_that_the_name_does_not_say_is_given() -> None:
    assert Metric("a", "Help.", unit="currency").unit == "currency"


def parts(sample: Sample) -> tuple[tuple[str, float | None, float], ...]:
    assert isinstance(sample.value, Distribution)
    return sample.value.parts


def test_a_histogram_is_one_sample_with_a_line_for_each_bucket_in_order_and_those_for_sum_and_count() -> None:
    sample = DURATION.histogram({1: 3, 0.5: 2, math.inf: 4}, sum=7.5, a="b")
    assert (sample.metric, sample.labels, float(sample.value)) == (DURATION, ("b",), 4)
    assert parts(sample) == (
        ("_bucket", 0.5, 2.0),
        ("_bucket", 1.0, 3.0),
        ("_bucket", math.inf, 4.0),
        ("_sum", None, 7.5),
        ("_count", None, 4.0),
    )


def test_the_infinite_bucket_is_always_there() -> None:
    assert parts(DURATION.histogram([(1, 3)], sum=7.5, count=4, a="b"))[1] == ("_bucket", math.inf, 4.0)
    assert parts(DURATION.histogram({}, sum=7.5, count=4, a="b"))[0] == ("_bucket", math.inf, 4.0)


def test_a_histogram_whose_sum_may_fall_has_neither_sum_nor_count() -> None:
    assert parts(DURATION.histogram({-1: 1, math.inf: 2}, sum=None, a="b")) == (
        ("_bucket", -1.0, 1.0),
        ("_bucket", math.inf, 2.0),
    )


@pytest.mark.parametrize(
    ("buckets", "sum_", "count", "message"),
    [
        ({1: 3}, 1, None, "expected a bucket for +Inf, or count"),
        ({1: 3, math.inf: 4}, 1, 5, "count is 5, but the bucket +Inf holds 4.0"),
        ({1: 3, 2: 2}, 1, 5, "expected cumulative counts, got 2.0 up to 2.0 after 3.0"),
        ({1: -1}, 1, 5, "expected cumulative counts, got -1.0 up to 1.0 after 0.0"),
        ({1: math.nan}, 1, 5, "expected cumulative counts, got nan"),
        ({1: 2.5}, 1, 5, "expected whole numbers of observations, got 2.5 up to 1.0"),
        ({1: 3}, 1, math.inf, "expected whole numbers of observations, got inf"),
        ({math.nan: 3}, 1, 5, "expected numbers as bounds or quantiles, got NaN"),
        ([(1, 3), (1.0, 4)], 1, 5, "1.0 is given twice"),
        ({-1: 3}, 1, 5, "expected sum=None beside a bucket below zero (-1.0)"),
        ({1: 3}, -1, 5, "expected a sum of at least 0"),
        ({1: 3}, math.nan, 5, "expected a sum of at least 0"),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused(buckets: Any, sum_: float, count: float, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        DURATION.histogram(buckets, sum=sum_, count=count, a="b")
    assert str(caught.value).startswith(f"x_seconds: {message}")


def test_a_summary_is_one_sample_with_a_line_for_each_quantile_and_those_for_sum_and_count() -> None:
    sample = SIZE.summary({0.99: 9, 0.5: 2}, count=4, sum=7.5, a="b")
    assert parts(sample) == (("", 0.5, 2.0), ("", 0.99, 9.0), ("_sum", None, 7.5), ("_count", None, 4))
    assert parts(SIZE.summary(count=4, sum=None, a="b")) == (("_count", None, 4),)


@pytest.mark.parametrize(
    ("quantiles", "sum_", "count", "message"),
    [
        ({1.5: 1}, 1, 1, "expected quantiles from 0 to 1, got 1.5"),
        ({0.5: -1}, 1, 1, "expected no value below 0, got -1.0 at quantile 0.5"),
        ({0.5: 1}, -1, 1, "expected a sum of at least 0"),
        ({0.5: 1}, 1, 0.5, "expected a whole number of observations, got 0.5"),
        ({}, None, None, "expected quantiles, a sum or a count, got none of them"),
    ],
)
def test_a_summary_that_cannot_be_right_is_refused(
    quantiles: Mapping[float, float], sum_: float | None, count: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        SIZE.summary(quantiles, count=count, sum=sum_, a="b")
    assert str(caught.value).startswith(f"x_bytes: {message}")


def test_each_type_has_its_own_way_to_make_a_sample() -> None:
    with pytest.raises(TypeError, match=r"x_seconds is a histogram: make its samples with histogram\(\)"):
        DURATION(1.0, a="b")
    with pytest.raises(TypeError, match="x_seconds is a histogram, not a summary"):
        DURATION.summary(count=1, sum=1, a="b")
    with pytest.raises(TypeError, match="x is a gauge, not a histogram"):
        Metric("x", "Help.").histogram({}, sum=1, count=1)
    with pytest.raises(TypeError, match=r"x_bytes takes labels \('a',\), got \('b',\)"):
        SIZE.summary(count=1, sum=1, b="b")


@pytest.mark.parametrize(
    ("type_", "label"), [("histogram", "le"), ("histogram", "sum"), ("summary", "quantile"), ("summary", "count")]
)
def test_labels_that_mean_something_else_in_a_type_are_refused(type_: MetricType, label: str) -> None:
    with pytest.raises(ValueError, match=f"x: a {type_} has no label named {label}"):
        Metric("x", "Help.", type_, (label,))


def test_the_name_of_an_info_says_so() -> None:
    assert Metric("x_info", "Help.", "info", ("version",))(1, version="2").labels == ("2",)
    with pytest.raises(ValueError, match="x: the name of an info ends in _info"):
        Metric("x", "Help.", "info")


@pytest.mark.parametrize(
    ("name", "type_", "names"),
    [
        ("x", "gauge", {"x"}),
        ("x_total", "counter", {"x", "x_total", "x_created"}),
        ("x_count", "counter", {"x_count"}),
        ("x", "histogram", {"x", "x_bucket", "x_sum", "x_count", "x_created"}),
        ("x", "summary", {"x", "x_sum", "x_count", "x_created"}),
        ("x_info", "info", {"x_info"}),
    ],
)
def test_a_metric_takes_up_the_names_of_all_its_lines(name: str, type_: MetricType, names: set[str]) -> None:
    assert Metric(name, "Help.", type_).names == names
