"""What Alertmanager keeps to itself, and for how long: what something else explains, what can wait, what is planned."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.routing.alertmanager import AT_ONCE, Told, running, shortened
from tests.rules.rendered import RULES
from tests.stack import until

Alert = tuple[str, Mapping[str, str]]
PRIORITIES = dict.fromkeys(("P0", "P1", "P2", "P3"), AT_ONCE)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS: dict[str, Any] = {"days": "monday:sunday", "from": "00:00", "to": "24:00"}


# What fires, what need not be told then, and what has to be told anyway.
INHIBITED: dict[str, tuple[Alert, list[Alert], list[Alert]]] = {
    "a host that is down explains what runs on it, but not an outage": (
        ("HostDown", {"instance": "db1"}),
        [("HostCpuHigh", {"instance": "db1"}), ("DatabaseConnectionsNearLimit", {"instance": "db1"})],
        [("HostCpuHigh", {"instance": "db2"}), ("DatabaseUnreachable", {"instance": "db1"})],
    ),
    "a database that is down explains its queries, but not the disk that may be the cause": (
        ("DatabaseUnreachable", {"instance": "db3"}),
        [("DatabaseConnectionsNearLimit", {"instance": "db3"})],
        [("HostCpuHigh", {"instance": "db3"}), ("DatabaseConnectionsNearLimit", {"instance": "db4"})],
    ),
    "of two alerts on one symptom the more urgent is told": (
        ("HostMemoryCritical", {"instance": "db5"}),
        [("HostMemoryHigh", {"instance": "db5"})],
        [("HostCpuHigh", {"instance": "db5"})],
    ),
    "nobody signs up where nobody gets in": (
        ("WebsiteDown", {"instance": "https://example.com/"}),
        [
            ("SignUpsStopped", {"source": "sql"}),
            ("AnomalyTraffic", {"anomaly": "traffic"}),
            ("AnomalyEngagementDrop", {"anomaly": "engagement-drop"}),
            ("AnomalySignUpFunnel", {"anomaly": "sign-up-funnel"}),
        ],
        [
            ("SupportTicketSpike", {"source": "zendesk"}),
            ("AnomalyCpu", {"anomaly": "cpu"}),
            ("AnomalyLoginFailures", {"anomaly": "login-failures"}),
            ("AnomalySuspiciousTransactions", {"anomaly": "suspicious-transactions"}),
            ("DatabaseQueriesSlow", {"instance": "db1", "datname": "shop"}),
        ],
    ),
    "visitors do not come through a host that is only pinged": (
        ("WebsiteDown", {"instance": "192.0.2.7"}),
        [],
        [("SignUpsStopped", {"source": "sql"}), ("AnomalyTraffic", {"anomaly": "traffic"})],
    ),
    "an outage of one provider does not explain what another does not deliver": (
        ("PaymentFailures", {"source": "sql"}),
        [("RefundsHigh", {"source": "sql"}), ("PaymentCallbacksUndelivered", {"source": "sql"})],
        [("PaymentCallbacksUndelivered", {"source": "stripe"})],
    ),
    "a crash in one project does not explain those of others": (
        ("CriticalApplicationError", {"source": "sentry", "project": "android"}),
        [("ErrorEventsSpike", {"source": "sentry", "project": "android"})],
        [
            ("ErrorEventsSpike", {"source": "sentry", "project": "web"}),
            ("CrashFreeSessionsLow", {"source": "sentry", "project": "ios"}),
        ],
    ),
    "of two requests about data one being late does not answer the other": (
        ("PrivacyRequestOverdue", {"source": "sql", "kind": "erasure"}),
        [("PrivacyRequestDueSoon", {"source": "sql", "kind": "erasure"})],
        [("PrivacyRequestDueSoon", {"source": "sql", "kind": "access"})],
    ),
    "damaged data explains nothing else of the database": (
        ("DatabaseDamaged", {"instance": "db6", "datname": "shop"}),
        [],
        [("DatabaseWraparoundNear", {"instance": "db6", "datname": "shop"}), ("DatabaseReplicationLag", {"instance": "db6"})],
    ),
    "a vendor that is down explains errors of what depends on it, but not an outage": (
        ("VendorDown", {"source": "stripe-status"}),
        [("PaymentCallbacksUndelivered", {"source": "sql"}), ("RefundsHigh", {"source": "sql"})],
        [("NotificationFailures", {"source": "sql"}), ("PaymentFailures", {"source": "sql"})],
    ),
    "a vendor's maintenance does so too": (
        ("VendorMaintenance", {"source": "stripe-status"}),
        [("PaymentCallbacksUndelivered", {"source": "sql"})],
        [("NotificationFailures", {"source": "sql"})],
    ),
    "another vendor explains nothing of it": (
        ("VendorDown", {"source": "mail-status"}),
        [],
        [("PaymentCallbacksUndelivered", {"source": "sql"})],
    ),
    "old figures of a source are no reason to call anybody": (
        ("SourceStale", {"instance": "a:11042", "collector": "sql"}),
        [("SatisfactionDropped", {"source": "sql"}), ("PaymentCallbacksUndelivered", {"source": "sql"})],
        [("SatisfactionDropped", {"source": "umami"}), ("CollectorFailing", {"instance": "a:11042", "collector": "sql"})],
    ),
    "an outage that shows once the figures are new again is told at once": (
        ("SourceStale", {"instance": "a:11042", "collector": "sql"}),
        [],
        [(name, {"source": "sql"}) for name in ("PaymentFailures", "CriticalSecurityEvent", "LoginFailures")],
    ),
    "an exporter that is down collects nothing": (
        ("ExporterDown", {"instance": "a:11042"}),
        [
            ("CollectorFailing", {"instance": "a:11042", "collector": "sql"}),
            ("TargetDown", {"instance": "a:11042", "job": "postgres"}),
        ],
        [
            ("CollectorFailing", {"instance": "b:11042", "collector": "sql"}),
            ("TargetDown", {"instance": "db1:9187", "job": "postgres"}),
        ],
    ),
    "a host that is down answers for none of its jobs": (
        ("HostDown", {"instance": "a:11042", "job": "node"}),
        [
            ("ExporterDown", {"instance": "a:11042", "job": "bellwether"}),
            ("TargetDown", {"instance": "a:11042", "job": "blackbox"}),
        ],
        [("TargetDown", {"instance": "m:9093", "job": "alertmanager"})],
    ),
    "an application that is down is each of its instances": (
        ("ApplicationDown", {"job": "app"}),
        [("TargetDown", {"instance": "a:8080", "job": "app"}), ("ApiErrorsHigh", {"service_name": "shop"})],
        [("TargetDown", {"instance": "db1:9187", "job": "postgres"}), ("WebsiteDown", {"instance": "https://example.com/"})],
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    changes = {"priorities": PRIORITIES, "depends_on": {"payments": ["stripe-status"]}}
    with running(tmp_path_factory.mktemp("alertmanager"), changes) as told:
        yield told


@pytest.mark.parametrize("why", INHIBITED)
def test_what_something_else_explains_is_not_told(why: str, told: Told) -> None:
    source, muted, others = INHIBITED[why]
    apart = {"environment": why}  # each case is a world of its own
    told.alerts(*((name, {**labels, **apart, "which": f"{why}: {labels}"}) for name, labels in (source, *muted, *others)))
    until(lambda: len(alerts_of(told, why)) == 1 + len(muted) + len(others), 30, 0.05)
    found = {(name, which) for name, which in told.muted() if which.startswith(f"{why}: ")}
    assert found == {(name, f"{why}: {labels}") for name, labels in muted}


def alerts_of(told: Told, environment: str) -> list[Any]:
    found = httpx.get(f"{told.url}/api/v2/alerts").json()
    return [each for each in found if each["labels"]["environment"] == environment]


def test_an_application_error_is_told_to_sentry_with_what_it_needs(tmp_path: Path) -> None:
    with running(tmp_path, {"priorities": PRIORITIES}) as told:  # of its own: others' alerts of the same name join its group
        told.alert("ErrorEventsSpike", source="sentry", project="web", environment="sentry")
        told.at("/sentry", "ErrorEventsSpike")
        [body] = told.sink.json("/sentry")
        assert (body["receiver"], body["status"], body["version"]) == ("P2-application", "firing", "4")
        [alert] = body["alerts"]
        assert alert["labels"]["project"] == "web"
        assert alert["annotations"]["summary"] == body["commonAnnotations"]["summary"]
        assert alert["fingerprint"]


def test_sentry_is_told_of_the_application_alone(tmp_path: Path) -> None:
    with running(tmp_path, {"priorities": PRIORITIES}) as told:
        told.alert("HostCpuHigh", instance="a")
        told.at("/webhook", "HostCpuHigh")
        told.alert("ErrorEventsSpike", source="sentry", project="web")
        told.at("/sentry", "ErrorEventsSpike")
        assert {body["commonLabels"]["alertname"] for body in told.sink.json("/sentry")} == {"ErrorEventsSpike"}


def week_without(day: datetime) -> str:
    """The days of a week but this one and the next, which may begin while a test runs."""
    return ",".join(DAYS[(day.weekday() + ahead) % 7] for ahead in range(2, 7))


NOW = datetime.now(UTC)
TODAY = [f"{NOW + timedelta(days=ahead):%Y-%m-%d}" for ahead in (0, 1)]
WORK: dict[str, Any] = {"days": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "to": "24:00"}
QUIET: dict[str, tuple[dict[str, Any], Alert]] = {
    "what can wait, on other days than those of work": (
        {"business_hours": {**ALWAYS, "days": week_without(NOW)}},
        ("HostRebooted", {"instance": "a"}),
    ),
    "what can wait, on a holiday": (
        {"business_hours": {**ALWAYS, "holidays": TODAY}},
        ("HostRebooted", {"instance": "a"}),
    ),
    "the daily digest, on a holiday": (
        {"business_hours": {**ALWAYS, "holidays": TODAY}},
        ("SatisfactionDropped", {"source": "sql"}),
    ),
    "the service that is worked on": ({"maintenance": [{**WORK, "services": ["host"]}]}, ("HostDown", {"instance": "a"})),
    "the objective that is worked on": (
        {"maintenance": [{**WORK, "slos": ["authentication"]}]},
        ("ErrorBudgetBurnsCritical", {"slo": "authentication"}),
    ),
}
MUTED = "Notifications not sent, route "  # is not within active time; is within mute time


@pytest.mark.parametrize("why", QUIET)
def test_nobody_is_told_of(why: str, tmp_path: Path) -> None:
    changes, alert = QUIET[why]
    with running(tmp_path, {"priorities": PRIORITIES, **changes}, shortened) as told:
        told.alerts(alert)
        told.alert("WebsiteSlow", instance="told")
        told.at("/webhook", "WebsiteSlow")
        until(lambda: MUTED in (tmp_path / "log").read_text(), 30, 0.05)
        assert alert[0] not in "".join(told.sink.bodies["/webhook"])


@pytest.mark.parametrize(
    ("changes", "alert"),
    [
        ({"business_hours": ALWAYS}, ("HostRebooted", {"instance": "a"})),
        ({"maintenance": [{**WORK, "services": ["website"], "slos": ["api-latency"]}]}, ("HostDown", {"instance": "a"})),
    ],
    ids=["in business hours", "that others are worked on"],
)
def test_somebody_is_told(changes: dict[str, Any], alert: Alert, tmp_path: Path) -> None:
    with running(tmp_path, {"priorities": PRIORITIES, **changes}) as told:
        told.alerts(alert)
        assert told.at("/webhook", alert[0])


def test_digests_tell_of_all_that_came_in_one_message(tmp_path: Path) -> None:
    hourly: list[Alert] = [(name, {"source": "sql"}) for name in ("SignUpsStopped", "FunnelConversionDropped")]
    daily: list[Alert] = [(name, {"source": "sql"}) for name in ("SatisfactionDropped", "MrrFell", "RetentionLow")]
    at_all_times = {"business_hours": ALWAYS, "digests": {"daily": {"at": "00:00"}}}

    def opened(text: str) -> str:  # the hour of the digest, to be now
        return shortened(text).replace("end_time: 01:00", "end_time: '24:00'")

    with running(tmp_path, at_all_times, opened) as told:
        told.alerts(*hourly, *daily)
        told.at("/webhook", '"receiver":"P2-conversion"')
        told.at("/webhook", '"receiver":"P3"')
        first = {body["receiver"]: body for body in reversed(told.sink.json("/webhook"))}
        for receiver, sent in (("P2-conversion", hourly), ("P3", daily)):
            assert {each["labels"]["alertname"] for each in first[receiver]["alerts"]} == {name for name, _ in sent}
        mail = until(lambda: next((mail for mail in told.sink.mails if mail["Subject"] == "P3: 3 alerts"), None), 30, 0.1)
        assert mail is not None
        text = str(mail)
        assert all(RULES[name]["annotations"]["runbook_url"] in text for name, _ in daily)
