import pytest

from exporter.metric import Metric


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
