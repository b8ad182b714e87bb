"""Three incidents at once, at the durations that are promised: who is told, of what, and that it is over.

Payments fail, the application's API fails, and a host has no memory left.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from exporter import bundle
from tests.end_to_end.messages import OF_THIS_MACHINE, hooked, kinds_for, kinds_told, known, settle
from tests.end_to_end.pages import rendered
from tests.end_to_end.phone import phone
from tests.stack import Sink, Stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("outage")]

_PAGED_WITHIN = 180.0  # seconds from the first failed payment to the message; the promise for P0 is ten minutes
_TOLD_WITHIN = 480.0  # seconds; the promise for P1 is an hour
_RESOLVED_WITHIN = 840.0  # seconds: Stripe is asked every five minutes, a window of five, two against flapping, one of grouping

_EXPECTED = {
    "payment-outage": "PaymentFailures",
    "error-burst": "ErrorBudgetBurnsFast",
    "memory-shortage": "HostMemoryCritical",
}
"""What is told of each incident, the soonest first. ApiErrorsHigh would follow errors that last for ten minutes."""
_TRUE_TOO = {
    "CriticalApplicationError",  # the application crashes in both, and its error tracker tells it
    "ErrorBudgetBurnsCritical",  # nobody signs in where the API fails; that of payments is muted
    "ErrorEventsSpike",
    "IncidentUnacknowledged",  # nobody answers in five minutes
    "VendorDown",  # the status page that tells customers of the outage
}
_MUTED = {"ErrorBudgetBurnsSlowly", "HostMemoryHigh"}
"""Less urgent tidings of the same."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Sink() as sink, phone(sink) as sms:
        changes = {"receivers": {"sms": sms}}
        with Stack(tmp_path_factory.mktemp("outage"), sink, changes=changes).running() as stack:
            yield stack


def test_only_the_receivers_addresses_differ_from_the_routing_as_it_is_by_default(stack: Stack) -> None:
    default = yaml.safe_load(bundle.render()[Path("prometheus/alertmanager.yml")])
    running = yaml.safe_load((stack.folder / "prometheus/alertmanager.yml").read_text())
    assert (running["route"], running["inhibit_rules"]) == (default["route"], default["inhibit_rules"])
    kinds = [{key: len(value) for key, value in each.items() if key != "name"} for each in default["receivers"]]
    assert [{key: len(value) for key, value in each.items() if key != "name"} for each in running["receivers"]] == kinds


def test_three_incidents_reach_the_right_people_and_the_end_of_the_outage_does_too(stack: Stack) -> None:
    sink = stack.sink
    settle(stack)

    for incident in _EXPECTED:
        stack.start(incident)
    began = time.monotonic()
    (_, alert), *_ = until(lambda: [*hooked(sink, "PaymentFailures", "firing")], _PAGED_WITHIN)
    print(f"PaymentFailures after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - a figure for the closing note
    stack.end("payment-outage")
    ended, mended = time.monotonic(), datetime.now(UTC)

    objective, texts = alert["labels"]["slo"], alert["annotations"]
    runbook, dashboard = texts["runbook_url"], texts["dashboard_url"]
    assert alert["labels"]["priority"] == "P0"
    assert re.search(r"\d+(\.\d+)?% of the payments", alert["annotations"]["description"])
    assert httpx.get(f"http://{stack.exporter}{urlsplit(runbook).path}", trust_env=False).text.startswith("# PaymentFailures")
    assert Path(urlsplit(dashboard).path).name in {dashboard["uid"] for dashboard in rendered()}

    until(lambda: kinds_told(sink, "PaymentFailures") == {"pagerduty", "sms", "email", "webhook"})
    text = next(body for body in sink.json("/phone") if "PaymentFailures" in body["Message"])
    assert (text["Type"], text["Message"], text["Subject"]) == ("Notification", "P0 PaymentFailures", "P0 PaymentFailures")
    page = next(body for body in sink.json("/pagerduty") if body["payload"]["component"] == "payments")
    assert (page["routing_key"], page["payload"]["class"], page["payload"]["severity"]) == ("a-routing-key", "P0", "critical")
    assert {link["href"] for link in page["links"]} == {runbook, dashboard}
    mail = next(mail for mail in sink.mails if "payments fail" in str(mail["subject"]))
    content = "".join(part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())  # type: ignore[union-attr]
    assert runbook in content

    for incident, name in list(_EXPECTED.items())[1:]:
        until(lambda name=name: kinds_told(sink, name) == kinds_for(name), _TOLD_WITHIN)  # type: ignore[misc]
        print(f"{name} after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - as above
        stack.end(incident)

    def last() -> str:  # of one incident, whichever sources tell of the payments
        return [str(body["event_action"]) for body in sink.json("/pagerduty") if body["dedup_key"] == page["dedup_key"]][-1]

    until(lambda: last() == "resolve", ended + _RESOLVED_WITHIN - time.monotonic())
    print(f"PaymentFailures is over {time.monotonic() - ended:.0f} s after its end", flush=True)  # noqa: T201 - as above
    assert [*hooked(sink, "PaymentFailures", "resolved")]
    assert {alert["labels"]["source"] for _, alert in hooked(sink, "PaymentFailures", "firing")} <= {"sql", "stripe"}
    assert known(sink) <= {*_EXPECTED.values()} | _TRUE_TOO | OF_THIS_MACHINE | _MUTED
    budgets = [alert for _, alert in hooked(sink, "ErrorBudgetBurnsCritical", "firing") if alert["labels"]["slo"] == objective]
    assert all(datetime.fromisoformat(each["startsAt"]) < mended for each in budgets), "nobody is called when it is mended"
