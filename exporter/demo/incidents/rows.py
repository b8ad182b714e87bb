"""The rows that incidents leave in the company's tables, second by second."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from exporter.demo.chapters import Row
from exporter.demo.chapters.activity import SIGN_UP
from exporter.demo.story import new_id, poisson

_LOCKED_AFTER = 10  # guesses

Rows = Iterator[tuple[str, Row]]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when: so many seconds that end now, and some of the users."""

    random: Random
    now: datetime
    seconds: float
    users: Sequence[tuple[str, str]]
    """Ids of a user and of its account."""

    def times(self, mean_pause: float) -> range:
        """How often something happens in these seconds that happens every so many."""
        return range(poisson(self.random, self.seconds / mean_pause))

    def user(self) -> str:
        """One of the users."""
        return self.random.choice(self.users)[0]

    def new(self, prefix: str) -> str:
        """An id that no row has."""
        return new_id(self.random, prefix)


def _access_denied(scene: Scene) -> Rows:
    for _ in scene.times(5 / 3):
        action = scene.random.choice(("role_changed", "api_key_created", "customer_viewed"))
        yield "audit_log", (scene.new("access"), scene.now, action, False, action == "customer_viewed", True)


def _brute_force(scene: Scene) -> Rows:
    for _ in scene.times(1):
        victim = scene.user()
        yield "sign_ins", (scene.new("signin"), victim, scene.now, "login", "wrong_password", "password", True)
        if scene.random.random() < 1 / _LOCKED_AFTER:
            yield "sign_ins", (scene.new("signin"), victim, scene.now, "lockout", None, None, None)


def _conversion_drop(scene: Scene) -> Rows:
    for _ in scene.times(0.1):
        visitor, steps = scene.new("brw"), scene.random.randint(1, len(SIGN_UP) - 2)
        campaign = (None, None, None)
        yield "sessions", (scene.new("ses"), visitor, None, scene.now, scene.now, steps, "desktop", *campaign)
        for name in SIGN_UP[:steps]:
            yield "events", (scene.new("evt"), visitor, None, scene.now, name)


def _error_burst(scene: Scene) -> Rows:
    for _ in scene.times(1):
        route, method = scene.random.choice((("/groups/{id}", "GET"), ("/payments", "POST"), ("/invoices", "GET")))
        yield "requests", (scene.now, route, method, 500, round(scene.random.uniform(5, 80), 3))


def _mfa_failures(scene: Scene) -> Rows:
    for _ in scene.times(2):
        method = scene.random.choice(("totp", "totp", "sms"))
        yield "sign_ins", (scene.new("signin"), scene.user(), scene.now, "mfa_verification", "wrong_code", method, False)


def _notification_failures(scene: Scene) -> Rows:
    for _ in scene.times(1):
        channel = scene.random.choice(("push", "push", "email", "sms"))
        times = (scene.now, None, None, None, None, scene.now)
        yield "messages", (scene.new("msg"), scene.user(), None, channel, "reminder", *times, "unreachable")


def _realtime_disconnects(scene: Scene) -> Rows:
    for _ in scene.times(1):
        tried, key = scene.now - timedelta(seconds=2), scene.new("conn")
        if scene.random.random() < 0.9:
            yield "sockets", (key, "websocket", tried, None, scene.now, "timeout", None, None, False, None, None)
        else:
            cut = (scene.now, "network_changed")
            yield "sockets", (key, "websocket", tried, tried, None, None, *cut, False, 0.4, 1)


def _security_breach(scene: Scene) -> Rows:
    for _ in scene.times(10):
        rule = scene.random.choice(("data_exfiltration", "suspicious_transaction"))
        yield "findings", (scene.new("finding"), scene.now, rule, "critical", None)


def _support_spike(scene: Scene) -> Rows:
    for _ in scene.times(5):
        _, account = scene.random.choice(scene.users)
        priority = scene.random.choice(("urgent", "high", "normal"))
        yield "tickets", (scene.new("tick"), account, "email", priority, scene.now, None, None)


ROWS: Mapping[str, Callable[[Scene], Rows]] = {
    "access-denied": _access_denied,
    "brute-force": _brute_force,
    "conversion-drop": _conversion_drop,
    "error-burst": _error_burst,
    "mfa-failures": _mfa_failures,
    "notification-failures": _notification_failures,
    "realtime-disconnects": _realtime_disconnects,
    "security-breach": _security_breach,
    "support-spike": _support_spike,
}
"""What happens in some seconds of an incident: tables, and rows in the order of their columns. Others leave none."""
