"""The pack `authentication`: every figure, against the same worked out from the story, and the edges by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.rows import counted, fill

ATTEMPTS = ("login", "password_reset", "mfa_verification", "mfa_recovery_code")
OUTCOMES = ("succeeded", "failed")
Told = Callable[[str], dict[str, list[Row]]]


class Step(NamedTuple):
    """A row of shop.sign_ins."""

    id: str
    user: str | None
    at: datetime
    step: str
    error: str | None
    method: str | None
    new_device: bool | None


class Factor(NamedTuple):
    """A row of shop.second_factors."""

    id: str
    user: str
    type: str
    added: datetime
    removed: datetime | None

    def in_use(self, at: datetime) -> bool:
        return self.added <= at and not (self.removed and self.removed <= at)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_attempts_and_what_follows_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    steps = [Step(*row) for row in chapter("authentication")["sign_ins"]]  # type: ignore[arg-type]
    past = [step for step in steps if step.at <= as_of]
    found = await asked("authentication", as_of)
    attempts = [
        (step.step, "failed" if step.error else "succeeded", step.method or "unknown") for step in past if step.step in ATTEMPTS
    ]
    assert len(attempts) > 3000
    assert {kind for kind, *_ in attempts} == set(ATTEMPTS)
    assert found["auth_attempts_total"] == counted(attempts, None, OUTCOMES, None)
    assert found["auth_failures_total"] == counted([(step.step, step.error) for step in past if step.error], None, None)
    for metric, kind in (
        ("auth_lockouts_total", "lockout"),
        ("auth_logouts_total", "logout"),
        ("auth_mfa_resets_total", "mfa_reset"),
        ("auth_mfa_recovery_codes_used_total", "mfa_recovery_code"),
    ):
        number = sum(step.step == kind for step in past)
        assert number
        assert found[metric] == {(): number}
    unusual = sum(step.step == "login" and step.error is None and step.new_device is True for step in past)
    assert found["auth_unusual_logins_total"] == {(): unusual}

    def succeeded(chosen: list[Step]) -> float:
        return sum(step.error is None for step in chosen) / len(chosen)

    today = [step for step in past if step.at > as_of - timedelta(days=1)]
    logins = [step for step in today if step.step == "login"]
    assert found["auth_login_success_ratio"] == pytest.approx({("1d",): succeeded(logins)})
    checks = [step for step in today if step.step == "mfa_verification"]
    assert checks
    assert found["auth_mfa_success_ratio"] == pytest.approx(
        {(method, "1d"): succeeded([step for step in checks if step.method == method]) for method in {s.method for s in checks}}
    )


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_second_factors_are_those_of_the_story(as_of: datetime, chapter: Told, told: Company, asked: Asking) -> None:
    factors = [Factor(*row) for row in chapter("authentication")["second_factors"]]  # type: ignore[arg-type]
    found = await asked("authentication", as_of)
    registered = {
        user.user_id
        for user in told.story.users
        if user.created_at <= as_of and (user.deleted_at is None or user.deleted_at > as_of)
    }
    added = [factor for factor in factors if factor.added <= as_of]
    in_use = [factor.type for factor in added if factor.in_use(as_of)]
    protected = registered & {factor.user for factor in factors if factor.in_use(as_of)}
    assert len(protected) < len({factor.user for factor in added})  # some were deleted, or removed it
    assert found["auth_mfa_users"] == {(): len(protected)}
    assert found["auth_mfa_adoption_ratio"] == pytest.approx({(): len(protected) / len(registered)})
    assert found["auth_mfa_factors"] == {(method,): in_use.count(method) for method in {factor.type for factor in added}}
    assert found["auth_mfa_enrolments_total"] == counted(((factor.type,) for factor in added), None)
    removed = [(factor.type,) for factor in factors if factor.removed and factor.removed <= as_of]
    assert found["auth_mfa_removals_total"] == counted(removed, None)


async def test_a_user_with_two_factors_is_one_and_one_without_an_account_none(database: str) -> None:
    hour = timedelta(hours=1)
    users = [
        {"user_id": "two", "created_at": NOW - hour},
        {"user_id": "none", "created_at": NOW},
        {"user_id": "removed at this instant", "created_at": NOW - hour},
        {"user_id": "deleted at this instant", "created_at": NOW - hour, "deleted_at": NOW},
        {"user_id": "joins later", "created_at": NOW + hour},
    ]
    factors = [
        {"user_id": "two", "method": "totp", "enrolled_at": NOW},
        {"user_id": "two", "method": "passkey", "enrolled_at": NOW - hour, "removed_at": NOW + hour},
        {"user_id": "removed at this instant", "method": "sms", "enrolled_at": NOW - hour, "removed_at": NOW},
        {"user_id": "deleted at this instant", "method": "totp", "enrolled_at": NOW - hour},
        {"user_id": "joins later", "method": "totp", "enrolled_at": NOW + hour},
        {"user_id": "none", "method": "totp", "enrolled_at": NOW + timedelta(microseconds=1)},
    ]
    fill(database, {"users": users, "mfa_factors": factors, "auth_events": []})
    found = await ask(database, "authentication", NOW)
    assert found["auth_mfa_users"] == {(): 1}
    assert found["auth_mfa_adoption_ratio"] == pytest.approx({(): 1 / 3})
    assert found["auth_mfa_factors"] == {("totp",): 2, ("passkey",): 1, ("sms",): 0}


async def test_what_failed_is_not_a_lockout_a_reset_or_an_unusual_login(database: str) -> None:
    kinds = ("lockout", "logout", "mfa_reset", "mfa_recovery_code", "login")
    rows = [{"kind": kind, "outcome": "failed", "unusual": True, "occurred_at": NOW} for kind in kinds]
    rows += [{"kind": "login", "outcome": "succeeded", "unusual": None, "occurred_at": NOW - timedelta(days=1)}]
    fill(database, {"users": [], "mfa_factors": [], "auth_events": rows})
    found = await ask(database, "authentication", NOW)
    for metric in ("auth_lockouts", "auth_logouts", "auth_mfa_resets", "auth_mfa_recovery_codes_used", "auth_unusual_logins"):
        assert found[f"{metric}_total"] == {(): 0}
    assert found["auth_failures_total"] == {("login", "unknown"): 1, ("mfa_recovery_code", "unknown"): 1}
    assert found["auth_login_success_ratio"] == {("1d",): 0}  # the day is open where it begins
    assert found["auth_mfa_users"] == found["auth_mfa_adoption_ratio"] == {}


async def test_with_everybody_gone_there_is_no_share(database: str) -> None:
    users = [{"user_id": "gone", "created_at": NOW, "deleted_at": NOW}]
    fill(database, {"users": users, "mfa_factors": [], "auth_events": []})
    found = await ask(database, "authentication", NOW)
    assert (found["auth_mfa_users"], found["auth_mfa_adoption_ratio"]) == ({(): 0}, {})
    assert found["auth_login_success_ratio"] == {}
