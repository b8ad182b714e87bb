import math
import random
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.guard import MAX_LABEL_LENGTH, REDACTED, Draft, looks_personal, names_no_kind
from exporter.metric import Metric, Sample
from tests.toy import EVENTS, LEVEL

DURATION = Metric("toy_duration_seconds", "How long it took.", "histogram", ("place",))
DECLARED = {metric.name: metric for metric in (LEVEL, EVENTS, DURATION)}


def lines(draft: Draft) -> list[str]:
    return [line for texts in draft.lines.values() for line in texts]


def drafted(*samples: Sample, room: int = 10, known: Draft | None = None) -> Draft:
    draft = Draft(DECLARED, room, known)
    for sample in samples:
        draft.add(sample)
    return draft


def places(draft: Draft) -> set[str]:
    return {labels[0] for _, labels in draft.texts}


def levels(names: str) -> list[Sample]:
    return [LEVEL(1, place=name) for name in names]


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


@pytest.mark.parametrize(
    "text",
    [
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "user 7C9E6679-7425-40DE-944B-E07FC1F90AE7",
        "601123456",
        "/users/1048812045/orders",
        "5f7c8ec7c33c6c004bbafe82",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "sub_1MowQVLkdIwHu7ixeraBm864",
        "Zdenka Qvist met us at the fair, her flat is 12 Elm Street",
        "she wrote to us twice about it",
        "x" * 65,
        "a name of few words, " + "y" * 60,
    ],
)
def test_ids_and_sentences_name_no_kind(text: str) -> None:
    assert names_no_kind(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FR",
        "2.14.0",
        "120.0.6099.109",
        "0.333333333333",
        "2026-11-21T03:00:00Z",
        "20261121",
        "growth_yearly_2026",
        "Enterprise Plus Annual (EU)",
        "Black Friday 2026: EU retargeting, mobile",
        "paid_search_brand_eu_mobile_autumn_2026",
        "card_declined_insufficient_funds_try_again_later",
        "exportToSpreadsheetWithFormulas2",
        "4f1c2ab",
        "/groups/{id}",
        "GET /api/v1/organisations/{organisation_id}/projects/{project_id}/documents/{document_id}",
        "https://app.example.com/organisations/:organisation/projects/:project/documents",
        "NaiveBayesClassifier",
        "price_1MoBy5LkdIwHu7ixZhnattbh",
        "pri_01gsz8x8sawmvhz1pv30nge1ke",
        "deadbeef",
    ],
)
def test_what_names_a_kind_is_recognised(text: str) -> None:
    assert not names_no_kind(text)


def test_an_id_is_replaced_in_an_open_label_and_in_no_other() -> None:
    opened = Metric("toy_customers", "Customers.", labels=("channel", "place"), open=frozenset({"channel"}))
    draft = Draft({opened.name: opened}, 10)
    uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    for place in (uuid, "y"):
        draft.add(opened(1, channel=uuid, place=place))
    draft.add(opened(1, channel="fair", place="y"))
    assert lines(draft) == [
        f'toy_customers{{channel="redacted",place="{uuid}"}} 1.0\n',
        'toy_customers{channel="redacted",place="y"} 1.0\n',
        'toy_customers{channel="fair",place="y"} 1.0\n',
    ]
    assert (draft.redacted, draft.dropped) == (2, {})


def test_personal_data_is_replaced_and_counted_and_two_such_series_become_one() -> None:
    draft = Draft(DECLARED, 10)
    draft.add(LEVEL(1, place="bob@example.com"))
    draft.add(LEVEL(2, place="eve@example.com"))
    assert lines(draft) == ['toy_level{place="redacted"} 1.0\n']
    assert (draft.redacted, draft.dropped) == (2, {"duplicate": 1})


def test_the_number_of_a_statement_is_no_card_although_its_check_digit_is_right() -> None:
    calls = Metric("toy_calls", "Calls.", labels=("queryid", "place"))
    draft = Draft({calls.name: calls}, 10)
    for number in ("4111111111111111", "-4111111111111111"):
        draft.add(calls(1, queryid=number, place="4111111111111111"))
    draft.add(calls(2, queryid="someone@example.com", place="x"))
    assert lines(draft) == [
        'toy_calls{queryid="4111111111111111",place="redacted"} 1.0\n',
        'toy_calls{queryid="-4111111111111111",place="redacted"} 1.0\n',
        'toy_calls{queryid="redacted",place="x"} 2.0\n',
    ]


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


def test_a_draft_that_was_trimmed_knows_its_series_and_holds_no_lines() -> None:
    before = drafted(*levels("abc"), room=3)
    before.trim()
    after = drafted(*levels("dbca"), room=3, known=before)
    assert (before.lines, places(before)) == ({}, {*"abc"})
    assert (places(after), after.dropped) == ({*"abc"}, {"budget": 1})
    after.trim()
    assert places(drafted(*levels("a"), known=after)) == {"a"}


def test_beyond_the_budget_the_series_of_the_poll_before_come_first_whatever_the_order() -> None:
    first = drafted(*levels("abcdef"), room=3)
    second = drafted(*levels("fedcba"), room=3, known=first)
    assert (places(first), places(second), second.dropped) == (set("abc"), set("abc"), {"budget": 3})


def test_new_series_get_the_room_of_those_that_are_gone() -> None:
    first = drafted(*levels("abc"), room=3)
    second = drafted(*levels("xyzc"), room=3, known=first)
    assert (places(second), second.dropped) == (set("cxy"), {"budget": 1})


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=1), unique=True), st.randoms(), st.integers(1, 8), st.data())
def test_the_shown_set_is_stable_from_poll_to_poll(
    names: list[str], shuffle: random.Random, room: int, data: st.DataObject
) -> None:
    draft = drafted(*levels("".join(names)), room=room)
    for _ in range(3):
        before = places(draft)
        now = data.draw(st.lists(st.sampled_from("abcdefghij"), unique=True))
        shuffle.shuffle(now)
        draft = drafted(*levels("".join(now)), room=room, known=draft)
        kept = before & set(now)
        new = [name for name in now if name not in before]
        assert places(draft) == kept | set(new[: room - len(kept)])
        assert draft.dropped["budget"] == max(0, len(now) - room)
        assert len(lines(draft)) == len(draft.texts)


def test_of_a_million_series_no_more_are_held_than_the_budget_needs() -> None:
    draft = Draft(DECLARED, 10, drafted(*levels("abcdefghij")))
    for number in range(1_000_000):
        draft.add(LEVEL(number, place=str(number)))
    assert len(draft._waiting) == 10
    assert (len(draft.texts), draft.dropped) == (10, {"budget": 999_990})


def test_a_smaller_budget_than_before_holds() -> None:
    assert len(drafted(*levels("abc"), room=2, known=drafted(*levels("abc"))).texts) == 2


def test_a_histogram_is_shown_whole_or_not_at_all() -> None:
    def histograms(*names: str) -> list[Sample]:
        return [DURATION.histogram({0.1: 1, 1: 2, math.inf: 3}, sum=4.5, place=name) for name in names]

    draft = drafted(*histograms("a", "b", "a"), EVENTS(1), room=9)
    assert lines(draft) == [
        'toy_duration_seconds_bucket{place="a",le="0.1"} 1.0\n',
        'toy_duration_seconds_bucket{place="a",le="1.0"} 2.0\n',
        'toy_duration_seconds_bucket{place="a",le="+Inf"} 3.0\n',
        'toy_duration_seconds_sum{place="a"} 4.5\n',
        'toy_duration_seconds_count{place="a"} 3.0\n',
        "toy_events_total 1.0\n",
    ]
    assert (len(draft.texts), draft.dropped) == (6, {"budget": 5, "duplicate": 5})
    again = drafted(*histograms("b", "a"), room=9, known=draft)
    assert len([line for line in lines(again) if 'place="a"' in line]) == len(lines(again)) == 5
    both = drafted(*histograms("b", "a"), room=10, known=again)
    assert (len(lines(both)), both.dropped) == (10, {})
    assert both.texts.keys() == drafted(*histograms("a", "b"), room=10, known=both).texts.keys()


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, -math.inf])
def test_a_counter_is_never_below_zero(value: float) -> None:
    for known in (None, drafted(EVENTS(1))):
        draft = drafted(EVENTS(value), known=known)
        assert (draft.lines, draft.texts, draft.dropped) == ({}, {}, {"value": 1})
    assert lines(drafted(LEVEL(value, place="x"))) != []


def test_a_series_without_a_usable_value_is_as_new_when_it_has_one_again() -> None:
    bad = drafted(LEVEL(None, place="x"), known=drafted(LEVEL(1, place="x")))  # type: ignore[arg-type]
    assert (bad.texts, bad.dropped) == ({}, {"value": 1})
    assert lines(drafted(LEVEL(2, place="x"), known=bad)) == ['toy_level{place="x"} 2.0\n']


@pytest.mark.parametrize("value", [5, None, 1.5, b"x", ["x"], True])
def test_a_label_value_that_is_no_text_is_a_bug_and_the_message_does_not_show_it(value: object) -> None:
    for known in (None, drafted(LEVEL(1, place="x"))):
        with pytest.raises(TypeError) as caught:
            drafted(LEVEL(1, place=value), known=known)  # type: ignore[arg-type]
        assert str(caught.value) == f"toy_level: expected text as value of the label place, got {type(value).__name__}"


def test_an_enumeration_of_texts_will_do_as_a_label_value() -> None:
    class Place(StrEnum):
        HERE = "here"

    draft = drafted(LEVEL(1, place=Place.HERE))
    assert lines(draft) == ['toy_level{place="here"} 1.0\n']
    assert lines(drafted(LEVEL(2, place="here"), known=draft)) == ['toy_level{place="here"} 2.0\n']


def test_values_that_differ_in_what_is_not_unicode_are_one_series() -> None:
    draft = drafted(LEVEL(1, place="a\udcff"), LEVEL(2, place="a\udcfe"))
    assert (lines(draft), draft.dropped, draft.redacted) == (['toy_level{place="a?"} 1.0\n'], {"duplicate": 1}, 0)


def test_a_label_of_a_megabyte_is_refused_before_it_is_looked_at() -> None:
    draft = drafted(*[LEVEL(1, place=character * 1_000_000) for character in "a\0\udcff@"])
    assert (draft.lines, draft.dropped, draft._shown) == ({}, {"label_length": 4}, {})


@given(st.lists(st.text(st.characters(), max_size=30), max_size=10))
def test_any_text_gives_one_line_each_that_is_unicode_and_unlike_the_others(values: list[str]) -> None:
    for known in (None, drafted(*[LEVEL(1, place=value) for value in values])):
        draft = drafted(*[LEVEL(1, place=value) for value in values], known=known)
        assert len(set(lines(draft))) == len(lines(draft)) == len(values) - draft.dropped["duplicate"]
        for line in lines(draft):
            assert line.encode().decode().count("\n") == 1
            assert line.endswith("\n")


@given(st.text(st.characters(exclude_characters="\0"), max_size=20), st.text(st.characters(), max_size=20))
def test_an_address_is_found_in_any_text(before: str, after: str) -> None:
    draft = drafted(LEVEL(1, place=f"{before} bob@example.com {after}"))
    assert (places(draft), draft.redacted) == ({REDACTED}, 1)


def test_a_metric_that_was_found_need_not_be_declared() -> None:
    found = Metric("toy_found", "Help.", found=True)
    draft = drafted(found(1))
    assert lines(draft) == ["toy_found 1.0\n"]
    with pytest.raises(LookupError, match="toy_level was emitted, but this collector does not declare it"):
        drafted(Metric("toy_level", "Another.", found=True)(1))
