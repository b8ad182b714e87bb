"""The company's past: the same for a seed and an instant, without contradictions, and like that of a company."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import fmean, pvariance

import pytest

from exporter.demo.story import CHANNELS, CURRENCIES, FAILURE_REASONS, FEES, PLANS, Story, Subscription, poisson, stream, tell

UNTIL = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module", params=[1, 2, 3])
def story(request: pytest.FixtureRequest) -> Story:
    return tell(request.param, UNTIL)


def stretches(story: Story) -> list[list[Subscription]]:
    """The subscriptions of each account, in order of time."""
    by_account: dict[str, list[Subscription]] = {}
    for subscription in story.subscriptions:
        by_account.setdefault(subscription.account_id, []).append(subscription)
    return list(by_account.values())


def mrr(story: Story, at: datetime) -> float:
    return sum(
        subscription.cents / subscription.interval_months
        for subscription in story.subscriptions
        if max(subscription.started_at, subscription.trial_ends_at or subscription.started_at) <= at
        and (subscription.ended_at is None or at < subscription.ended_at)
    )


def test_same_seed_and_instant_give_the_same_rows() -> None:
    assert tell(5, UNTIL) == tell(5, UNTIL)
    assert tell(5, UNTIL).accounts != tell(6, UNTIL).accounts


def test_rows_do_not_depend_on_the_processs_hash_seed() -> None:
    code = f"import datetime; from exporter.demo.story import tell; print(tell(5, {UNTIL!r}, 100))"
    told = [
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "2")
    ]
    assert told[0].stdout == told[1].stdout


def test_the_past_does_not_change_as_time_goes_on() -> None:
    """Told again ten days later, the story has the same beginning: only ends that were yet to come are known by now."""
    earlier, later = tell(5, UNTIL, days=200), tell(5, UNTIL + timedelta(days=10), days=210)
    assert later.accounts[: len(earlier.accounts)] == earlier.accounts
    assert later.payments[: len(earlier.payments)] == earlier.payments
    begun = [subscription for subscription in later.subscriptions if subscription.started_at <= UNTIL]
    registered = [user for user in later.users if user.created_at <= UNTIL]
    told = [*map(astuple, begun), *map(astuple, registered)]
    before = [*map(astuple, earlier.subscriptions), *map(astuple, earlier.users)]
    for (*row, end), (*row_before, end_before) in zip(told, before, strict=True):
        assert row == row_before
        assert end == end_before if end_before else end is None or end > UNTIL


def test_400_days_are_covered_and_nothing_lies_outside(story: Story) -> None:
    assert timedelta(days=400) <= UNTIL - story.begins_at < timedelta(days=401)
    instants = [
        instant
        for row in (*story.accounts, *story.users, *story.subscriptions, *story.payments)
        for name, instant in (
            (name, getattr(row, name, None)) for name in ("created_at", "deleted_at", "started_at", "ended_at")
        )
        if instant is not None
    ]
    assert story.begins_at <= min(instants)
    assert max(instants) <= UNTIL
    weeks = {(account.created_at - story.begins_at).days // 7 for account in story.accounts}
    assert weeks == set(range(58))


def test_ids_are_unique_opaque_and_refer_to_what_exists(story: Story) -> None:
    accounts = [account.account_id for account in story.accounts]
    for rows in (accounts, [user.user_id for user in story.users], [payment.payment_id for payment in story.payments]):
        assert len(rows) == len(set(rows))
        assert [row for row in rows if not re.fullmatch(r"[a-z]+_[0-9a-f]{16}", row)] == []
    for owners in (
        {user.account_id for user in story.users},
        {subscription.account_id for subscription in story.subscriptions},
        {payment.account_id for payment in story.payments} | set(accounts),
    ):
        assert owners == set(accounts)


def test_nobody_has_an_address(story: Story) -> None:
    assert "@" not in repr(story)


def test_stretches_of_a_subscription_follow_each_other_without_gap_or_overlap(story: Story) -> None:
    for rows in stretches(story):
        for before, after in pairwise(rows):
            if before.subscription_id == after.subscription_id:
                assert before.ended_at == after.started_at
                assert before.plan != after.plan
        for row in rows:
            assert row.ended_at is None or row.started_at < row.ended_at


def test_some_who_left_come_back_without_another_trial(story: Story) -> None:
    returns = [
        (before, after)
        for rows in stretches(story)
        for before, after in pairwise(rows)
        if before.subscription_id != after.subscription_id
    ]
    assert len(returns) >= 8
    for before, after in returns:
        assert before.ended_at is not None
        assert before.ended_at + timedelta(days=1) <= after.started_at
        assert after.trial_ends_at is None
        assert any((row.account_id, row.created_at) == (after.account_id, after.started_at) for row in story.payments)


def test_a_user_is_there_while_the_account_is_and_some_are_deleted(story: Story) -> None:
    held: dict[str, list[Subscription]] = {rows[0].account_id: rows for rows in stretches(story)}
    for user in story.users:
        assert any(
            row.started_at <= user.created_at and (row.ended_at is None or user.created_at < row.ended_at)
            for row in held[user.account_id]
        )
        assert user.deleted_at is None or user.deleted_at > user.created_at
    deleted = sum(user.deleted_at is not None for user in story.users)
    assert 0.03 < deleted / len(story.users) < 0.25
    there = {user.account_id for user in story.users if user.deleted_at is None}
    assert there == {account.account_id for account in story.accounts}


def test_plans_change_in_both_directions(story: Story) -> None:
    names = list(PLANS)
    steps = Counter(
        names.index(after.plan) - names.index(before.plan)
        for rows in stretches(story)
        for before, after in pairwise(rows)
        if before.subscription_id == after.subscription_id
    )
    assert set(steps) == {1, -1}
    assert steps[1] > steps[-1]


def test_prices_are_the_plans_in_the_currency_of_the_country(story: Story) -> None:
    country = {account.account_id: account.country for account in story.accounts}
    assert {row.currency for row in story.subscriptions} == {"usd", "eur"}
    assert {(row.plan, row.interval_months) for row in story.subscriptions} == {(plan, m) for plan in PLANS for m in (1, 12)}
    for row in story.subscriptions:
        assert row.currency == CURRENCIES[country[row.account_id]]
        assert row.cents == PLANS[row.plan].cents[row.currency] * {1: 1, 12: 10}[row.interval_months]


def test_a_trial_converts_or_ends_within_14_days(story: Story) -> None:
    firsts = [rows[0] for rows in stretches(story)]
    assert {row.trial_ends_at - row.started_at for row in firsts if row.trial_ends_at} == {timedelta(days=14)}
    decided = [row for row in firsts if row.trial_ends_at and row.trial_ends_at <= UNTIL]
    converted = [row for row in decided if row.ended_at is None or (row.trial_ends_at and row.ended_at > row.trial_ends_at)]
    assert 0.44 < len(converted) / len(decided) < 0.6


def test_customers_pay_at_the_start_of_every_period_and_trials_pay_nothing(story: Story) -> None:
    paid = Counter(row.account_id for row in story.payments if row.kind == "subscription" and row.outcome == "succeeded")
    for rows in stretches(story):
        first = rows[0].trial_ends_at
        whole = len({row.subscription_id for row in rows}) == 1
        if (
            whole
            and rows[0].interval_months == 1
            and first
            and rows[-1].ended_at is None
            and first <= UNTIL - timedelta(days=7)
        ):
            months = (UNTIL.year - first.year) * 12 + UNTIL.month - first.month
            assert months - 1 <= paid[rows[0].account_id] <= months + 1
        if first and first > UNTIL:
            assert paid[rows[0].account_id] == 0


def test_every_payment_has_one_outcome_and_one_in_25_fails(story: Story) -> None:
    reasons = Counter(payment.failure_reason for payment in story.payments)
    assert {payment.outcome for payment in story.payments} == {"succeeded", "failed"}
    assert set(reasons) == {None, *FAILURE_REASONS}
    assert all((payment.failure_reason is None) == (payment.outcome == "succeeded") for payment in story.payments)
    assert 0.025 < 1 - reasons[None] / len(story.payments) < 0.055


def test_an_account_pays_through_one_provider_who_keeps_his_fee_of_what_succeeds(story: Story) -> None:
    accounts = {account.account_id for account in story.accounts if account.channel is None}
    assert 0 < len(accounts) < 0.15 * len(story.accounts)
    assert {account.channel for account in story.accounts} == set(CHANNELS)
    assert len({(row.account_id, row.provider) for row in story.payments}) == len({row.account_id for row in story.payments})
    paypal = sum(row.provider == "paypal" for row in story.payments)
    assert 0.08 < paypal / len(story.payments) < 0.3
    for row in story.payments:
        share, fixed = FEES[row.provider]
        assert row.fee_cents == (0 if row.outcome == "failed" else pytest.approx(row.cents * share + fixed, abs=0.51))


def test_a_failed_renewal_is_tried_again(story: Story) -> None:
    failed = [row for row in story.payments if row.kind == "subscription" and row.outcome == "failed"]
    attempts = {(row.account_id, row.created_at) for row in story.payments}
    retried = [
        row for row in failed if any((row.account_id, row.created_at + timedelta(days=days)) in attempts for days in (1, 2, 3))
    ]
    assert len(retried) > 0.8 * len(failed)


def test_the_company_grows_and_some_customers_leave(story: Story) -> None:
    revenue = [mrr(story, UNTIL - timedelta(days=days)) for days in (360, 270, 180, 90, 0)]
    assert all(before < after for before, after in pairwise(revenue))
    assert 600 <= len(story.accounts) <= 1000
    assert any(row.ended_at for row in story.subscriptions if row.ended_at and row.trial_ends_at is None)


@pytest.mark.parametrize("mean", [0.0, 0.3, 40, 2000])
def test_chance_has_the_mean_and_the_spread_of_a_poisson_distribution(mean: float) -> None:
    draws = [poisson(stream(1, number), mean) for number in range(400)]
    assert fmean(draws) == pytest.approx(mean, abs=4 * (mean / 400) ** 0.5)
    assert pvariance(draws) == pytest.approx(mean, rel=0.3)


def test_fewer_sign_up_at_weekends(story: Story) -> None:
    weekend = sum(account.created_at.weekday() >= 5 for account in story.accounts)
    assert 0.05 < weekend / len(story.accounts) < 0.2


def test_an_account_has_the_seats_of_its_plan(story: Story) -> None:
    users = Counter(user.account_id for user in story.users)
    opened = {(user.account_id, user.created_at) for user in story.users}
    for account in story.accounts:
        assert (account.account_id, account.created_at) in opened
    for rows in stretches(story):
        assert 1 <= users[rows[0].account_id] <= PLANS[rows[0].plan].seats[1]
