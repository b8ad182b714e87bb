"""What Alertmanager sends: to whom, in which words, in which order."""

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from tests.routing.alertmanager import AT_ONCE, Told, expand, running, shortened
from tests.rules.rendered import RULES
from tests.stack import until
from tests.vendors.emulator import emulated


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    priorities = dict.fromkeys(("P0", "P1", "P2", "P3"), AT_ONCE)
    with running(tmp_path, {"priorities": priorities}) as told:
        yield told


def test_a_p0_is_told_by_page_mail_and_webhook_with_all_that_is_needed_to_act(told: Told) -> None:
    told.alert("PaymentFailures", source="revenue")
    texts = {**RULES["PaymentFailures"]["annotations"], "description": "What happened to PaymentFailures."}
    texts["dashboard_url"] = expand(texts["dashboard_url"], {"source": "revenue"})

    page = json.loads(told.at("/pagerduty", "PaymentFailures"))
    assert page["event_action"] == "trigger"
    assert page["payload"]["summary"] == "P0: Too many payments fail."
    assert page["payload"]["severity"] == "critical"
    assert texts["description"] in page["payload"]["custom_details"]["text"]
    links = [{"href": texts["runbook_url"], "text": "Runbook"}, {"href": texts["dashboard_url"], "text": "Dashboard"}]
    assert page["links"] == links

    mail = until(lambda: told.sink.mails, 30, 0.1)[0]
    assert mail["Subject"] == "P0: Too many payments fail."
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert len(parts) == 2
    for part in parts:
        assert isinstance(part, bytes)
        for needed in ("description", "impact", "action", "runbook_url", "dashboard_url"):
            assert texts[needed] in html.unescape(part.decode())

    assert json.loads(told.at("/webhook", "PaymentFailures"))["commonLabels"]["priority"] == "P0"
    assert "/slack" not in told.sink.bodies


def test_a_text_message_is_published_to_the_topic_and_comes_to_those_who_subscribed(tmp_path: Path) -> None:
    def aws(service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return botocore.session.get_session().create_client(service, "eu-west-1", endpoint_url=url, **keys)

    with emulated() as url:
        queues, topics = aws("sqs"), aws("sns")
        queue = queues.create_queue(QueueName="phone")["QueueUrl"]
        topic = topics.create_topic(Name="pages")["TopicArn"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        changes = {
            "priorities": {"P0": AT_ONCE},
            "receivers": {"sms": {"api_url": url, "topic_arn": topic, "region": "eu-west-1"}},
        }
        with running(tmp_path, changes) as told:
            told.alert("HostDown", instance="db1:9100")
            [message] = until(lambda: queues.receive_message(QueueUrl=queue).get("Messages", []), 30, 0.1)
    published = json.loads(message["Body"])
    assert published["Message"] == "P0 HostDown db1:9100"
    assert published["TopicArn"] == topic


def test_a_p2_is_told_in_slack_and_not_at_all_while_something_more_urgent_explains_it(told: Told) -> None:
    told.alert("HostDown", instance="db1:9100", job="node")
    told.alert("HostMemoryCritical", instance="db2:9100")
    for name in ("HostDown", "HostMemoryCritical"):  # they mute from now on
        told.at("/webhook", name)
    told.alert("HostDiskFull", instance="db1:9100", mountpoint="/data")
    told.alert("HostMemoryHigh", instance="db2:9100")
    told.alert("HostCpuHigh", instance="db2:9100")
    [attachment] = json.loads(told.at("/slack", "HostCpuHigh"))["attachments"]
    assert attachment["title"] == "P2: A host's processors are busy all the time."
    assert "What happened to HostCpuHigh." in attachment["text"]
    assert [action["text"] for action in attachment["actions"]] == ["Runbook", "Dashboard", "Silence"]
    muted = {name for name, _ in told.muted()}
    assert muted == {"HostDiskFull", "HostMemoryHigh"}
    sent = "".join(told.sink.bodies["/webhook"])
    assert not [name for name in muted if name in sent]


@pytest.mark.slow
def test_what_nobody_silences_climbs_the_ladder_and_those_who_were_told_hear_of_its_end(tmp_path: Path) -> None:
    with running(tmp_path, {}, shortened) as told:
        for instance in ("unanswered", "silenced"):
            told.alert("HostDown", instance=instance, job="node")
        until(lambda: "escalation-l2" in tiers(told, "silenced"), 30, 0.05)
        told.silence("silenced")
        until(lambda: "escalation-manager" in tiers(told, "unanswered"), 60, 0.1)
        told.alert("HostDown", ends=datetime.now(UTC), instance="unanswered", job="node")
        until(lambda: set(tiers(told, "unanswered", "resolved")) >= LADDER, 30, 0.1)
        assert list(dict.fromkeys(tiers(told, "unanswered"))) == ["P0", "escalation-l2", "escalation-l3", "escalation-manager"]
        assert set(tiers(told, "silenced")) == {"P0", "escalation-l2"}
        to = [str(mail["To"]) for mail in told.sink.mails if str(mail["Subject"]).startswith("Not acknowledged")]
        assert {"l2@example.com", "l3@example.com", "engineering-manager@example.com"} <= set(to)


LADDER = {"P0", "escalation-l2", "escalation-l3", "escalation-manager"}


def tiers(told: Told, instance: str, status: str = "firing") -> list[str]:
    """The receivers that were told of an instance, in order."""
    bodies = [body for body in told.sink.json("/webhook") if body["groupLabels"].get("instance") == instance]
    return [body["receiver"] for body in bodies if body["status"] == status]
