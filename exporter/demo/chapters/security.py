"""What security monitoring finds, how soon it is dealt with, and what the audit log records of the company's own people."""

from collections.abc import Iterator
from datetime import timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_FINDINGS = 2.5  # a day
_RULES = {  # how often of a hundred, and its severities by weight
    "brute_force": (30, {"high": 20, "medium": 60, "low": 20}),
    "suspicious_transaction": (20, {"critical": 4, "high": 36, "medium": 60}),
    "impossible_travel": (20, {"medium": 40, "low": 60}),
    "vulnerable_dependency": (25, {"critical": 4, "high": 16, "medium": 40, "low": 40}),
    "data_exfiltration": (5, {"critical": 20, "high": 80}),
}
_DEALT_WITH_HOURS = {"critical": 3.0, "high": 14.0, "medium": 90.0, "low": 400.0}
_NEVER = {"critical": 0.0, "high": 0.0, "medium": 0.0, "low": 0.04}
_ACCESSES, _WEEKEND = 70.0, 0.2  # a working day, and what is left of it on Saturdays and Sundays
_ACTIONS = {  # how often of a hundred, whether it touches personal data, and the share that is denied
    "customer_viewed": (46, True, 0.01),
    "invoice_read": (30, True, 0.02),
    "settings_changed": (12, False, 0.03),
    "report_exported": (7, True, 0.05),
    "role_changed": (3, False, 0.08),
    "api_key_created": (2, False, 0.06),
}
_VIOLATION, _VIOLATION_DENIED = 0.001, 0.08  # of what is allowed and of what is denied


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    for _ in range(poisson(random, _FINDINGS)):
        [(rule, (_, severities))] = random.choices(list(_RULES.items()), [weight for weight, _ in _RULES.values()])
        [severity] = random.choices(list(severities), list(severities.values()))
        found = day.at(random.uniform(0, 24))
        closed = found + timedelta(hours=random.expovariate(1 / _DEALT_WITH_HOURS[severity]))
        never = random.random() < _NEVER[severity]
        yield "findings", (new_id(random, "finding"), found, rule, severity, None if never else closed)
    weekend = _WEEKEND if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, _ACCESSES * weekend)):
        [(action, (_, personal, refused))] = random.choices(
            list(_ACTIONS.items()), [weight for weight, *_ in _ACTIONS.values()]
        )
        allowed = random.random() >= refused
        violation = random.random() < (_VIOLATION if allowed else _VIOLATION_DENIED)
        yield (
            "audit_log",
            (new_id(random, "access"), day.at(random.triangular(6, 20, 11)), action, allowed, personal, violation),
        )
