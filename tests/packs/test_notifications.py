"""The pack `notifications`: every figure, against the same worked out from the story."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.windows import by_then, counted, edges, shown, spreads, within

DAY = timedelta(days=1)
CHANNELS = ("push", "email", "sms", "in_app")
CHOICES = ("granted", "denied", "opted_out")


class Message(NamedTuple):
    """A row of shop.messages."""

    id: str
    user: str
    batch: str | None
    channel: str
    type: str
    sent: datetime
    delivered: datetime | None
    displayed: datetime | None
    clicked: datetime | None
    dismissed: datetime | None
    failed: datetime | None
    reason: str | None


class Consent(NamedTuple):
    """A row of shop.consents."""

    user: str
    channel: str
    asked: datetime | None
    decided: datetime | None
    choice: str | None


@pytest.fixture
def messages(chapter: Callable[[str], dict[str, list[Row]]]) -> list[Message]:
    return [Message(*row) for row in chapter("notifications")["messages"]]  # type: ignore[arg-type]


@pytest.fixture
def consents(chapter: Callable[[str], dict[str, list[Row]]]) -> list[Consent]:
    return [Consent(*row) for row in chapter("notifications")["consents"]]  # type: ignore[arg-type]


def instants(messages: Iterable[Message]) -> list[datetime]:
    """Now and long ago, and those at which something lies on the edge of a window."""
    found = [NOW, NOW - 100 * DAY]
    for step in ("sent", "delivered", "displayed", "clicked", "dismissed", "failed"):
        instants = (getattr(row, step) for row in messages)
        found += edges(max(at for at in instants if at and at < NOW - 20 * DAY), 1, 7)
    return found + edges(max(row.sent for row in messages if row.batch and row.sent < NOW - 20 * DAY), 7)


async def test_every_count_of_messages_is_that_of_the_story(messages: list[Message], asked: Asking) -> None:
    for as_of in instants(messages):
        found = await asked("notifications", as_of)
        types = {row.type for row in messages if row.sent <= as_of}
        for step in ("sent", "delivered", "displayed", "clicked", "dismissed", "failed"):
            done = [(row.channel, row.type) for row in messages if by_then(getattr(row, step), as_of)]
            assert done
            assert found[f"notification_{step}_total"] == counted(done, *product(CHANNELS, types))
        reasons = [(row.channel, row.reason or "unknown") for row in messages if by_then(row.failed, as_of)]
        zeros = product(CHANNELS, {reason for _, reason in reasons})
        assert found["notification_failure_reasons_total"] == counted(reasons, *zeros)
        assert sum(found["notification_failed_total"].values()) == len(reasons)


async def test_every_ratio_and_spread_is_that_of_the_story(messages: list[Message], asked: Asking) -> None:
    for as_of in instants(messages):
        found = await asked("notifications", as_of)
        pending, delivery, clicks = {}, {}, {}
        for channel, (window, days) in product(CHANNELS, (("1d", 1), ("7d", 7))):
            sent = [row for row in messages if row.channel == channel and within(row.sent, as_of, days)]
            delivered = [row for row in sent if by_then(row.delivered, as_of)]
            failed = [row for row in sent if by_then(row.failed, as_of)]
            if sent:
                pending[channel, window] = len(sent) - len(delivered) - len(failed)
            if delivered or failed:
                delivery[channel, window] = len(delivered) / (len(delivered) + len(failed))
            if delivered:
                clicks[channel, window] = sum(by_then(row.clicked, as_of) for row in delivered) / len(delivered)
        assert found["notification_pending"] == pending
        assert found["notification_delivery_ratio"] == pytest.approx(delivery)
        assert found["notification_click_ratio"] == pytest.approx(clicks)
        assert shown(found["notification_delivery_seconds"]) == spreads(
            "notifications",
            "deliveries",
            [
                ((row.channel, "1d"), (row.delivered - row.sent).total_seconds())
                for row in messages
                if within(row.delivered, as_of, 1)
            ],
        )
        assert shown(found["notification_time_to_click_seconds"]) == spreads(
            "notifications",
            "clicks",
            [
                ((row.channel, "7d"), (row.clicked - (row.delivered or row.sent)).total_seconds())
                for row in messages
                if within(row.clicked, as_of, 7)
            ],
        )
        batches = Counter(row.batch for row in messages if row.batch and within(row.sent, as_of, 7))
        assert shown(found["notification_batch_messages"]) == spreads(
            "notifications", "batches", [(("7d",), size) for size in batches.values()]
        )
        assert batches


async def test_every_figure_of_permissions_is_that_of_the_story(consents: list[Consent], asked: Asking) -> None:
    decided = next(row.decided for row in reversed(consents) if row.decided and row.decided < NOW - 20 * DAY)
    asked_at = next(row.asked for row in reversed(consents) if row.asked and row.asked < NOW - 20 * DAY)
    for as_of in (NOW, NOW - 100 * DAY, decided - timedelta(microseconds=1), *edges(decided), *edges(asked_at)):
        found = await asked("notifications", as_of)
        prompts = [(row.channel,) for row in consents if by_then(row.asked, as_of)]
        assert found["notification_prompts_total"] == counted(prompts, *((channel,) for channel in CHANNELS))
        decisions = sorted((row.decided, row) for row in consents if by_then(row.decided, as_of))
        assert found["notification_choices_total"] == counted(
            ((row.channel, str(row.choice), "false" if row.asked is None else "true") for _, row in decisions),
            *product(CHANNELS, CHOICES, ("true", "false")),
        )
        latest = {(row.user, row.channel): str(row.choice) for _, row in decisions}
        channels = {channel for _, channel in latest}
        assert found["notification_users"] == counted(
            ((channel, choice) for (_, channel), choice in latest.items()), *product(channels, CHOICES)
        )
        assert len(latest) < len(decisions)


async def test_of_two_decisions_at_one_instant_the_more_restrictive_counts(database: str) -> None:
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql(["notifications", "notification_choices"]))
        connection.execute("create table choice (like bellwether.notification_choices)")
        connection.execute("create or replace view bellwether.notification_choices as select * from choice")
        connection.cursor().executemany(
            "insert into choice values (%s, 'push', %s, %s, %s)",
            [
                ("one", None, "2026-03-01", "granted"),
                ("one", None, "2026-03-01", "denied"),
                ("two", None, "2026-03-01", "denied"),
                ("two", None, "2026-03-01", "opted_out"),
                ("three", None, "2026-02-01", "opted_out"),
                ("three", None, "2026-03-02", "granted"),
                ("four", "2026-03-01", None, None),
                ("five", None, "2026-02-01", "opted_out"),
                ("five", None, "2026-02-02", "granted"),
                ("five", None, "2026-03-01", "opted_out"),
                ("six", None, "2026-02-01", "denied"),
                ("six", None, "2026-02-02", "granted"),
                ("six", None, "2026-03-01", "denied"),
            ],
        )
    at = datetime(2026, 3, 1, tzinfo=UTC)
    found = await ask(database, "notifications", at)
    assert found["notification_users"] == {("push", "granted"): 0, ("push", "denied"): 2, ("push", "opted_out"): 3}
    assert found["notification_prompts_total"]["push",] == 1
    later = await ask(database, "notifications", at + DAY)
    assert later["notification_users"] == {("push", "granted"): 1, ("push", "denied"): 2, ("push", "opted_out"): 2}


async def test_a_click_without_a_delivery_is_timed_from_the_sending_and_nothing_is_divided_by_zero(database: str) -> None:
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql(["notifications", "notification_choices"]))
        connection.execute("create table message (like bellwether.notifications)")
        connection.execute("create or replace view bellwether.notifications as select * from message")
        connection.execute(
            "insert into message (notification_id, channel, type, sent_at, clicked_at)"
            " values ('one', 'sms', 'invoice', '2026-03-01 10:00', '2026-03-01 10:00:45')"
        )
    found = await ask(database, "notifications", datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert found["notification_time_to_click_seconds"]["sms", "7d"][-2:] == (("_sum", None, 45), ("_count", None, 1))
    assert found["notification_pending"] == {("sms", "1d"): 1, ("sms", "7d"): 1}
    assert found["notification_delivery_ratio"] == found["notification_click_ratio"] == {}


async def test_before_the_company_opened_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("notifications", NOW - 1000 * DAY)
    assert {name for name, series in found.items() if series} == {"notification_prompts_total", "notification_choices_total"}
    assert not any(value for series in found.values() for value in series.values())
