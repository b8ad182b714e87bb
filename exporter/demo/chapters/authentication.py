"""How people sign in, in office hours mostly: what they mistype, who is asked for a second factor, who forgot it.

Of some nights the log is full of somebody guessing passwords, until each account is locked.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id, poisson

_LOGINS, _WEEKEND = 0.032, 0.3  # a user and day, and what is left of it on Saturdays and Sundays
_METHODS = {"password": 58, "sso": 24, "magic_link": 10, "passkey": 8}
_ERRORS = {"password": "wrong_password", "sso": "provider_error", "magic_link": "link_expired", "passkey": "cancelled"}
_FAILS = {"password": 0.09, "sso": 0.015, "magic_link": 0.05, "passkey": 0.02}
_FACTORS = {"totp": 68, "sms": 22, "passkey": 10}
_FACTOR_FAILS = {"totp": 0.05, "sms": 0.11, "passkey": 0.015}
_ASKED = 0.4  # share of logins with a password after which a second factor is asked for
_CODE_USED, _FACTOR_RESET = 0.006, 0.004  # of those, how often a recovery code or a reset stands in
_NEW_DEVICE, _LOGS_OUT, _FORGOTTEN = 0.03, 0.25, 0.4  # shares: of logins, of logins, of failed passwords
_ENROL_AT_ONCE, _ENROL_LATER, _REMOVED, _REMOVED_DAYS = 0.22, 0.0014, 0.12, 150.0
_ATTACKS, _ATTEMPTS, _LOCKED_AFTER = 0.03, 30.0, 10  # a day, attempts in one, and how many of them lock an account


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    weekend = _WEEKEND if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, len(day.users) * _LOGINS * weekend)):
        yield from _login(day, random.choice(day.users), day.at(random.triangular(5, 23, 9)))
    if random.random() < _ATTACKS:
        yield from _attack(day, day.at(random.uniform(0, 24)))
    yield from _enrolments(day)


def _login(day: Day, user: User, at: datetime) -> Iterator[tuple[str, Row]]:
    """Somebody signs in: at the first attempt, after some that failed, or not at all."""
    random = day.random
    [method] = random.choices(list(_METHODS), list(_METHODS.values()))
    while random.random() < _FAILS[method]:
        error = "unknown_user" if random.random() < 0.2 else _ERRORS[method]
        yield _row(day, None if error == "unknown_user" else user, at, "login", error=error, method=method, new=False)
        if method == "password" and random.random() < _FORGOTTEN:
            yield _row(day, user, at + timedelta(minutes=1), "password_reset", method="magic_link")
        at += timedelta(seconds=random.uniform(5, 60))
        if random.random() < 0.2:
            return
    yield _row(day, user, at, "login", method=method, new=random.random() < _NEW_DEVICE)
    if method == "password" and random.random() < _ASKED:
        yield from _second_factor(day, user, at + timedelta(seconds=random.uniform(3, 30)))
    if random.random() < _LOGS_OUT:
        yield _row(day, user, at + timedelta(hours=random.uniform(0.1, 8)), "logout")


def _second_factor(day: Day, user: User, at: datetime) -> Iterator[tuple[str, Row]]:
    random = day.random
    [method] = random.choices(list(_FACTORS), list(_FACTORS.values()))
    chance = random.random()
    if chance < _CODE_USED:
        yield _row(day, user, at, "mfa_recovery_code")
    elif chance < _CODE_USED + _FACTOR_RESET:
        yield _row(day, user, at + timedelta(minutes=20), "mfa_reset")
    else:
        while random.random() < _FACTOR_FAILS[method]:
            error = "expired_code" if random.random() < 0.3 else "wrong_code"
            yield _row(day, user, at, "mfa_verification", error=error, method=method)
            at += timedelta(seconds=random.uniform(5, 40))
        yield _row(day, user, at, "mfa_verification", method=method)


def _attack(day: Day, at: datetime) -> Iterator[tuple[str, Row]]:
    random = day.random
    victim = random.choice(day.users) if day.users else None
    for number in range(1, poisson(random, _ATTEMPTS) + 1):
        at += timedelta(seconds=random.expovariate(1 / 15))
        yield _row(day, victim, at, "login", error="wrong_password", method="password", new=True)
        if number % _LOCKED_AFTER == 0:
            yield _row(day, victim, at, "lockout")
            victim = random.choice(day.users) if day.users else None


def _enrolments(day: Day) -> Iterator[tuple[str, Row]]:
    """Some set up a second factor as they join; others do later, perhaps another one."""
    random = day.random
    joined = [user for user in day.users if user.created_at >= day.start]
    enrols = [(user, user.created_at + timedelta(minutes=5)) for user in joined if random.random() < _ENROL_AT_ONCE]
    for _ in range(poisson(random, (len(day.users) - len(joined)) * _ENROL_LATER)):
        user = random.choice(day.users)
        enrols.append((user, max(day.at(random.triangular(5, 23, 10)), user.created_at)))
    for user, at in enrols:
        [method] = random.choices(list(_FACTORS), list(_FACTORS.values()))
        removed = at + timedelta(days=random.expovariate(1 / _REMOVED_DAYS)) if random.random() < _REMOVED else None
        yield "second_factors", (new_id(random, "factor"), user.user_id, method, at, removed)


def _row(
    day: Day,
    user: User | None,
    at: datetime,
    step: str,
    *,
    error: str | None = None,
    method: str | None = None,
    new: bool | None = None,
) -> tuple[str, Row]:
    return "sign_ins", (new_id(day.random, "signin"), user and user.user_id, at, step, error, method, new)
