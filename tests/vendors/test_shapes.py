"""The comparison of shapes that the simulators are held against."""

from typing import Any

import pytest

from tests.vendors.shapes import same_shape


@pytest.mark.parametrize(
    ("recorded", "simulated"),
    [
        ({"a": 1, "b": [{"c": "x"}]}, {"a": 2.5, "b": [{"c": "y"}, {"c": "z"}]}),
        ({"a": None}, {"a": {"b": 1}}),
        ({"a": "x"}, {"a": None}),
        ([{"a": 1}, {"a": 1, "b": 2}], [{"a": 1}]),
        ({"a": []}, {"a": [1]}),
        ({"a": [1, "x"]}, {"a": ["y"]}),
    ],
)
def test_what_may_differ(recorded: Any, simulated: Any) -> None:
    same_shape(recorded, simulated)


@pytest.mark.parametrize(
    ("recorded", "simulated", "words"),
    [
        ({"a": 1}, {}, "a: missing"),
        ({"a": 1}, {"a": 1, "b": 2}, "b: not documented"),
        (
            {"a": {"b": [{"c": 1}]}},
            {"a": {"b": [{"c": 1}, {"c": "1"}]}},
            r"a\.b\[\]\.c: expected a number, got a number and a text",
        ),
        ({"a": True}, {"a": 1}, "a: expected a truth value, got a number"),
        ([{"a": 1}], [{"a": 1}, {}], r"\[\]\.a: missing"),
        ({"a": []}, {"a": {}}, "a: expected a list, got an object"),
        ([], {}, "the answer: expected a list"),
    ],
)
def test_what_may_not(recorded: Any, simulated: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        same_shape(recorded, simulated)


def test_keys_that_are_data_and_keys_that_may_lack() -> None:
    same_shape({"by": {"eur": {"n": 1}}}, {"by": {"usd": {"n": 2}}}, free=["by"])
    with pytest.raises(AssertionError, match=r"by\.\*\.n: expected a number"):
        same_shape({"by": {"eur": {"n": 1}}}, {"by": {"usd": {"n": "2"}}}, free=["by"])
    same_shape({"a": 1, "b": 1}, {"a": 1, "c": 1}, optional=["b", "c"])
