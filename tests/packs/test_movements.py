"""The pack `movements`: against the story, that they add up, and cases by hand."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from exporter.demo.company import Company
from exporter.demo.story import Story
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import (
    MONTH,
    contract_of,
    customers,
    ever_pays,
    exactly,
    last_month,
    monthly,
    mrr,
    paying_from,
    pays,
    subscribed,
    windows,
)

MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation")


def moved(story: Story, opens: datetime, closes: datetime) -> dict[tuple[str, str, str], Fraction]:
    """The movements between two instants, by movement, plan and currency: account after account."""
    accounts = defaultdict(list)
    for row in story.subscriptions:
        accounts[row.account_id, row.currency].append(row)
    sums: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for (_, currency), rows in accounts.items():
        then = sum(monthly(row) for row in rows if pays(row, opens))
        now = sum(monthly(row) for row in rows if pays(row, closes))
        if not then:
            paid = any(ever_pays(row) and paying_from(row) <= opens for row in rows)
            movement = "reactivation" if paid else "new"
        else:
            movement = "churn" if not now else "contraction" if now < then else "expansion"
        for row in rows:
            change = monthly(row) * (pays(row, closes) - pays(row, opens))
            if change:
                sums[movement, row.plan, currency] += change
    return sums


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100), NOW - timedelta(days=222, hours=3)])
async def test_every_figure_is_that_of_the_story(as_of: datetime, told: Company, asked: Asking) -> None:
    story, found = told.story, await asked("movements", as_of)
    seen = {(row.plan, row.currency) for row in story.subscriptions if row.started_at <= as_of}
    movements = {name: moved(story, *bounds) for name, bounds in windows(as_of).items()}
    assert found["saas_mrr_change"] == exactly(
        {
            (movement, *pair, window): movements[window].get((movement, *pair), 0)
            for movement in MOVEMENTS
            for pair in seen
            for window in movements
        }
    )
    expected: dict[tuple[str, str], int] = {}
    for window, (opens, closes) in windows(as_of).items():
        then, now = customers(story, opens), customers(story, closes)
        before = {row.account_id for row in story.subscriptions if ever_pays(row) and paying_from(row) <= opens}
        expected["new", window] = len(now - before)
        expected["reactivation", window] = len((now & before) - then)
        expected["churn", window] = -len(then - now)
    assert found["saas_customer_change"] == expected
    opens, closes = last_month(as_of)
    then = customers(story, opens)
    assert found["saas_last_month_customer_churn_ratio"] == exactly(
        {(): Fraction(len(then - customers(story, closes)), len(then))}
    )
    gross: dict[tuple[str, str], Fraction] = {}
    net: dict[tuple[str, str], Fraction] = {}
    for window in ("30d", "last_month"):
        for (currency,), start in mrr(story, windows(as_of)[window][0], "currency").items():
            by_kind = {
                kind: sum(value for (name, _, of), value in movements[window].items() if (name, of) == (kind, currency))
                for kind in MOVEMENTS
            }
            lost = -by_kind["churn"] - by_kind["contraction"]
            gross[currency, window] = lost / start
            net[currency, window] = (lost - by_kind["expansion"] - by_kind["reactivation"]) / start
    assert found["saas_gross_mrr_churn_ratio"] == exactly(gross)
    assert found["saas_net_mrr_churn_ratio"] == exactly(net)


async def test_in_the_story_every_movement_occurs(told: Company) -> None:
    kinds = {kind for months in range(3) for kind, *_ in moved(told.story, NOW - (months + 1) * MONTH, NOW - months * MONTH)}
    assert kinds == set(MOVEMENTS)


async def test_movements_add_up_to_the_change_in_revenue_to_the_cent(told: Company, asked: Asking) -> None:
    """At random instants, and at those where something begins or ends to the microsecond."""
    story, random = told.story, Random(4)
    edges = [at for row in story.subscriptions for at in (row.started_at, row.trial_ends_at, row.ended_at) if at and at <= NOW]
    instants = [story.begins_at + (NOW - story.begins_at) * random.random() for _ in range(12)]
    instants += [random.choice(edges) + random.choice([timedelta(), timedelta(days=1), MONTH]) for _ in range(12)]
    for as_of in instants:
        found = await asked("movements", as_of)
        for window, (opens, closes) in windows(as_of).items():
            change: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
            for key, value in mrr(story, closes, "plan", "currency").items():
                change[key] += value
            for key, value in mrr(story, opens, "plan", "currency").items():
                change[key] -= value
            summed: dict[tuple[str, ...], float] = defaultdict(float)
            for (_, plan, currency, of), value in found["saas_mrr_change"].items():
                if of == window:
                    summed[plan, currency] += value
            assert {key: round(value, 2) + 0 for key, value in summed.items()} == {
                key: round(float(change.get(key, 0)), 2) + 0 for key in summed
            }
            assert change.keys() <= summed.keys()
            by_customers = sum(value for (_, of), value in found["saas_customer_change"].items() if of == window)
            assert by_customers == len(customers(story, closes)) - len(customers(story, opens))


MARCH_31 = datetime(2024, 3, 31, tzinfo=UTC)  # thirty days before it is the first of March
FIRST_OF_MARCH = "2024-03-01T00:00:00Z"


async def movements(database: str, *rows: str, as_of: datetime = MARCH_31) -> dict[str, Any]:
    """What thirty days brought, as `{movement plan currency: amount}`, zeros left out, beside an account that only stays."""
    subscriptions = subscribed("stays pro EUR 100/1 2023-01-01", *rows)
    found = await ask(contract_of(database, subscriptions=subscriptions), "movements", as_of)
    of_mrr = {" ".join(key[:3]): value for key, value in found["saas_mrr_change"].items() if key[3] == "30d" and value}
    return of_mrr | {key[0]: value for key, value in found["saas_customer_change"].items() if key[1] == "30d" and value}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["a pro EUR 10/1 2024-03-05"], {"new pro EUR": 10, "new": 1}),
        ([f"begins-with-the-window pro EUR 10/1 {FIRST_OF_MARCH}"], {}),
        (["begins-just-after pro EUR 10/1 2024-03-01T00:00:00.000001Z"], {"new pro EUR": 10, "new": 1}),
        (["begins-at-the-end pro EUR 10/1 2024-03-31T00:00:00Z"], {"new pro EUR": 10, "new": 1}),
        (["ends-at-the-end pro EUR 10/1 2024-01-01 - 2024-03-31"], {"churn pro EUR": -10, "churn": -1}),
        (["ends-with-the-start pro EUR 10/1 2024-01-01 - 2024-03-01"], {}),
        (["still-tries pro EUR 10/1 2024-03-25 2024-04-08"], {}),
        (["tried pro EUR 10/1 2024-02-20 2024-03-05"], {"new pro EUR": 10, "new": 1}),
        (["only-tried pro EUR 10/1 2024-02-20 2024-03-05 2024-03-05"], {}),
        (["tried-then pro EUR 9/1 2024-01-01 2024-01-15 2024-01-15", "tried-then pro EUR 9/1 2024-03-09"],
         {"new pro EUR": 9, "new": 1}),
        (["came-and-went pro EUR 10/1 2024-03-05 - 2024-03-20"], {}),
        (["left-and-back pro EUR 10/1 2024-01-01 - 2024-03-05", "left-and-back pro EUR 10/1 2024-03-25"], {}),
        (["back pro EUR 10/1 2024-01-01 - 2024-02-01", "back pro EUR 12/1 2024-03-25"],
         {"reactivation pro EUR": 12, "reactivation": 1}),
        (["back-twice pro EUR 10/1 2024-03-03 - 2024-03-04", "back-twice pro EUR 12/1 2024-03-25"],
         {"new pro EUR": 12, "new": 1}),
        (["up lite EUR 10/1 2024-01-01 - 2024-03-10", "up pro EUR 300/12 2024-03-10"],
         {"expansion lite EUR": -10, "expansion pro EUR": 25}),
        (["across lite EUR 10/1 2024-01-01 - 2024-03-10", "across pro EUR 10/1 2024-03-10"],
         {"expansion lite EUR": -10, "expansion pro EUR": 10}),
        (["down pro EUR 30/3 2024-01-01 - 2024-03-10", "down pro EUR 9/1 2024-03-10"], {"contraction pro EUR": -1}),
        (["one-of-two pro EUR 10/1 2024-01-01", "one-of-two lite EUR 5/1 2024-01-01 - 2024-03-10"],
         {"contraction lite EUR": -5}),
        (["one-more pro EUR 10/1 2024-01-01", "one-more lite EUR 5/1 2024-03-10"], {"expansion lite EUR": 5}),
        (["other-money pro EUR 10/1 2024-01-01 - 2024-03-10", "other-money pro USD 12/1 2024-03-10"],
         {"churn pro EUR": -10, "new pro USD": 12}),
        (["was-free free EUR 0/1 2024-01-01 - 2024-03-10", "was-free pro EUR 10/1 2024-03-10"], {"new pro EUR": 10, "new": 1}),
        (["to-free pro EUR 10/1 2024-01-01 - 2024-03-10", "to-free free EUR 0/1 2024-03-10"],
         {"churn pro EUR": -10, "churn": -1}),
        (["will-end pro EUR 10/1 2024-01-01 - 2024-06-01"], {}),
        (["not-yet pro EUR 10/1 2024-04-01"], {}),
    ],
    ids=lambda value: value[0].split()[0] if isinstance(value, list) else "",
)  # fmt: skip
async def test_what_an_account_does_is_one_movement(database: str, rows: list[str], expected: dict[str, float]) -> None:
    assert await movements(database, *rows) == expected
    start: dict[str, float] = defaultdict(float)
    for (_, currency), value in (await ask(database, "revenue", MARCH_31 - MONTH))["saas_mrr"].items():
        start[currency] += value
    of = {
        currency: {kind: sum(expected[key] for key in expected if key.split()[::2] == [kind, currency]) for kind in MOVEMENTS}
        for currency in start
        if start[currency]
    }
    found = await ask(database, "movements", MARCH_31)
    for metric, kinds in (
        ("saas_gross_mrr_churn_ratio", ("churn", "contraction")),
        ("saas_net_mrr_churn_ratio", ("churn", "contraction", "expansion", "reactivation")),
    ):
        ratios = {key[:1]: value for key, value in found[metric].items() if key[1] == "30d"}
        assert ratios == exactly({(name,): -sum(each[kind] for kind in kinds) / start[name] for name, each in of.items()})


async def test_the_last_month_is_a_whole_one_even_in_a_leap_year(database: str) -> None:
    rows = [
        "was pro EUR 10/1 2024-01-01",
        "left-on-the-29th pro EUR 10/1 2024-01-01 - 2024-02-29T12:00Z",
        "left-in-march pro EUR 10/1 2024-01-01 - 2024-03-01T00:00:01Z",
        "came-with-march pro EUR 10/1 2024-03-01",
        "came-in-february pro EUR 10/1 2024-02-01T00:00:01Z",
        "back-with-march pro EUR 10/1 2024-01-01 - 2024-02-10",
        "back-with-march pro EUR 10/1 2024-03-01",
        "came-with-february pro EUR 10/1 2024-02-01",
        "left-with-february pro EUR 10/1 2024-01-01 - 2024-02-01",
        "left-with-march pro EUR 10/1 2024-01-01 - 2024-03-01",
        "tries-again pro EUR 10/1 2024-01-01 - 2024-02-10",
        "tries-again pro EUR 10/1 2024-02-20 2024-03-05",
    ]
    found = await ask(contract_of(database, subscriptions=subscribed(*rows)), "movements", MARCH_31)
    assert {key[0]: value for key, value in found["saas_mrr_change"].items() if key[3] == "last_month" and value} == {
        "new": 20,
        "churn": -30,
    }
    assert found["saas_last_month_customer_churn_ratio"] == exactly({(): Fraction(3, 7)})  # with who came as it began
    assert found["saas_gross_mrr_churn_ratio"]["EUR", "last_month"] == pytest.approx(3 / 7)


async def test_without_subscriptions_there_is_nothing(database: str) -> None:
    found = await ask(contract_of(database), "movements", MARCH_31)
    assert {name: series for name, series in found.items() if series} == {}


async def test_without_revenue_at_the_start_there_is_no_churn(database: str) -> None:
    found = await ask(contract_of(database, subscriptions=subscribed("a pro EUR 10/1 2024-03-05")), "movements", MARCH_31)
    assert found["saas_gross_mrr_churn_ratio"] == found["saas_last_month_customer_churn_ratio"] == {}
