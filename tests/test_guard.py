import pytest

from exporter.guard import MAX_LABEL_LENGTH, Draft, looks_personal
from exporter.metric import Metric
from tests.toy import EVENTS, LEVEL

DECLARED = {LEVEL.name: LEVEL, EVENTS.name: EVENTS}


def lines(draft: Draft) -> list[str]:
    return [line for texts in draft.lines.values() for line in texts]


def test_series_beyond_the_budget_are_dropped_and_counted() -> None:
    draft = Draft(DECLARED, 2)
    for number in range(5):
        draft.add(LEVEL(number, place=str(number)))
    assert lines(draft) == ['toy_level{place="0"} 0.0\n', 'toy_level{place="1"} 1.0\n']
    assert draft.dropped == {"budget": 3}


def test_of_two_samples_of_one_series_the_first_stays_and_the_second_is_counted() -> None:
    draft = Draft(DECLARED, 10)
    draft.add(LEVEL(1, place="x"))
    draft.add(LEVEL(2, place="x"))
    assert (lines(draft), draft.dropped) == (['toy_level{place="x"} 1.0\n'], {"duplicate": 1})


def test_an_overlong_label_drops_its_series() -> None:
    draft = Draft(DECLARED, 10)
    draft.add(LEVEL(1, place="x" * (MAX_LABEL_LENGTH + 1)))
    draft.add(LEVEL(1, place="x" * MAX_LABEL_LENGTH))
    assert (len(lines(draft)), draft.dropped) == (1, {"label_length": 1})


def test_a_metric_that_was_not_declared_is_a_bug() -> None:
    with pytest.raises(LookupError, match="toy_other was emitted, but this collector does not declare it"):
        Draft(DECLARED, 10).add(Metric("toy_other", "Help.")(1))


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.com",
        "mail bob@example.com now",
        "https://bob:pw@example.com/",
        "4242 4242 4242 4242",
        "+49 170 1234567",
        "Bearer abc.def",
        "sk_live_abcdefgh123",
    ],
)
def test_what_looks_personal_is_recognised(text: str) -> None:
    assert looks_personal(text)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1:5432",
        "2026-11-21T03:00:00Z",
        "#1 SMP Debian 6.1.76-1 (2024-02-01)",
        "/dev/sda1",
        "user@host",
        "1234567890123456",
        "+1",
        "growth",
        "https://example.com/a",
    ],
)
def test_what_merely_looks_odd_is_left_alone(text: str) -> None:
    assert not looks_personal(text)


def test_personal_data_is_replaced_and_counted_and_two_such_series_become_one() -> None:
    draft = Draft(DECLARED, 10)
    draft.add(LEVEL(1, place="bob@example.com"))
    draft.add(LEVEL(2, place="eve@example.com"))
    assert lines(draft) == ['toy_level{place="redacted"} 1.0\n']
    assert (draft.redacted, draft.dropped) == (2, {"duplicate": 1})


def test_labels_hold_whatever_text_comes_and_stay_one_line() -> None:
    draft = Draft(DECLARED, 10)
    draft.add(LEVEL(1, place='a"b\\c\nd\ud800\0'))
    assert lines(draft) == ['toy_level{place="a\\"b\\\\c\\nd?\0"} 1.0\n']


def test_series_known_from_the_run_before_keep_their_text() -> None:
    first = Draft(DECLARED, 10)
    first.add(LEVEL(1, place="x"))
    second = Draft(DECLARED, 10, first)
    second.add(LEVEL(2, place="x"))
    second.add(LEVEL(3, place="y"))
    assert lines(second) == ['toy_level{place="x"} 2.0\n', 'toy_level{place="y"} 3.0\n']
