"""What is known of people stays in the database: rows full of personal data go in, and what is exposed is searched for them."""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.app import App
from exporter.collectors.sql import Sql
from exporter.demo.company import Company
from exporter.fields import Secret
from exporter.packs.contract import Column, views
from exporter.packs.load import shipped
from exporter.serving import Web
from exporter.settings import Settings
from tests.packs.rows import fill

PERSON = (
    "Zdenka Qvist, zdenka@qvist.example, +420 601 123 456, 4111 1111 1111 1111, Bearer ZdQvSt9, sk_live_51QvistZdenka, 10.9.8.7"
)
TRACES = ("zdenka", "qvist", "601 123", "1111 1111", "zdqvst", "sk_live", "10.9.8.7", "elm street", "9c7e6679", "60112345")
AGES = (
    timedelta(minutes=2),
    timedelta(hours=2),
    timedelta(days=3),
    timedelta(days=20),
    timedelta(days=45),
    timedelta(days=200),
)
"""How long ago what the rows tell of began."""
ROWS = 7 * len(AGES)
"""Of each view: one of each age for every value that a closed column can have."""
CLOSED: Mapping[str, tuple[str, ...]] = {
    "accounts.country": ("FR", "DE"),
    "payments.outcome": ("succeeded", "failed"),
    "disputes.outcome": ("won", "lost"),
    "sessions.device": ("desktop", "mobile", "tablet"),
    "onboarding_prompts.kind": ("hint", "reengagement"),
    "resource_actions.action": ("viewed", "downloaded", "shared", "created", "searched", "rated", "deleted"),
    "notifications.channel": ("push", "email", "sms", "in_app"),
    "notification_choices.channel": ("push", "email", "sms", "in_app"),
    "notification_choices.choice": ("granted", "denied", "opted_out"),
    "connections.transport": ("websocket", "sse", "polling"),
    "group_operations.outcome": ("succeeded", "failed"),
    "tickets.priority": ("urgent", "high", "normal", "low"),
    "feedback.survey": ("nps", "csat"),
    "feedback.sentiment": ("positive", "neutral", "negative"),
    "feature_requests.outcome": ("done", "declined"),
    "bug_reports.severity": ("critical", "high", "medium", "low"),
    "auth_events.kind": ("login", "logout", "lockout", "password_reset", "mfa_verification", "mfa_recovery_code", "mfa_reset"),
    "auth_events.outcome": ("succeeded", "failed"),
    "security_events.severity": ("critical", "high", "medium", "low"),
    "access_events.outcome": ("allowed", "denied"),
    "privacy_requests.kind": ("access", "erasure", "portability", "opt_out"),
    "page_timings.device": ("desktop", "mobile", "tablet"),
    "page_timings.timing": ("lcp", "inp", "fid", "cls", "ttfb", "fcp", "tti", "load"),
}
"""Columns of which the contract lists every value."""


def becomes_a_label(column: Column) -> bool:
    return "Becomes a label" in column.meaning or column.meaning.startswith(("As in subscriptions", "As in features"))


def value(view: str, column: Column, row: int, place: int, label: str) -> object:
    """What a column holds. `label` is what stands in those that become labels and are not closed."""
    if column.type == "text":
        if closed := CLOSED.get(f"{view}.{column.name}"):
            return closed[row // len(AGES) % len(closed)]
        if becomes_a_label(column):
            return label.format(column=column.name, row=row)
        return f"{row} {PERSON}"  # the same in all views, so that they join
    if column.type == "timestamptz":
        nullable = "NULL" in column.meaning and "never NULL" not in column.meaning
        return (
            None
            if nullable and (row + place) % 3 == 0
            else datetime.now(UTC) - AGES[row % len(AGES)] + timedelta(seconds=20 * place)
        )
    return {"boolean": row % 2 == 0, "interval": timedelta(days=30)}.get(column.type, 1)


def people(label: str, names: Iterable[str]) -> dict[str, list[dict[str, object]]]:
    """Rows for these views of the contract."""
    return {
        view.name: [
            {column.name: value(view.name, column, row, place, label) for place, column in enumerate(view.columns)}
            for row in range(ROWS)
        ]
        for view in map(views().__getitem__, names)
    }


async def exposed(dsn: str, packs: Iterable[str]) -> str:
    """The page, when each of the packs has run."""
    collectors = [Sql(name=pack, dsn=Secret(dsn), packs=(pack,)) for pack in packs]
    app = App(Settings(collectors=collectors), Web(("127.0.0.1:0",)))
    async with app.running() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await app.ready()
        return (await client.get("/metrics")).text


def series(page: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def of_packs(page: str) -> dict[str, float]:
    """Whether each pack ran without a failure."""
    return {sample.labels["pack"]: sample.value for sample in series(page) if sample.name == "bellwether_pack_up"}


def redacted(page: str) -> dict[str, float]:
    """Series with a label replaced, by collector."""
    name = "bellwether_collector_redacted_series_total"
    return {sample.labels["collector"]: sample.value for sample in series(page) if sample.name == name}


def traces(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text.lower()]


async def test_no_pack_shows_what_is_not_a_label(database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="exporter")
    fill(database, people("{column}_{row}", views()))
    page = await exposed(database, shipped())
    assert of_packs(page) == dict.fromkeys(shipped(), 1)
    seen = {sample.name.removesuffix("_count") for sample in series(page)}
    for name, pack in shipped().items():  # each has read those rows, and made something of most of its queries
        declared = {metric.name for metric in pack.declares()}
        assert len(declared & seen) >= len(declared) / 2, name
    assert traces(page) == []
    assert traces(caplog.text) == []


@pytest.mark.parametrize(
    "label",
    [
        "{column}{row}.zdenka@qvist.example",
        "Zdenka Qvist met us at the fair, her flat is {row} Elm Street",
        "{column} {row} which my neighbour Zdenka told me about",
        "9c7e6679-7425-40de-944b-{row:012}",
        "60112345{row:04}",
    ],
)
async def test_what_names_somebody_in_a_label_is_replaced_and_counted(database: str, label: str) -> None:
    """What the contract forbids, and happens: `channel` filled with whatever somebody typed."""
    fill(database, people(label, views()))
    page = await exposed(database, shipped())
    assert of_packs(page) == dict.fromkeys(shipped(), 1)
    assert traces(page) == []
    open_labels = {sample.labels["source"] for sample in series(page) if "redacted" in sample.labels.values()}
    assert len(open_labels) > len(shipped()) / 2
    assert {pack for pack, number in redacted(page).items() if number} == open_labels


async def test_nothing_in_the_story_of_a_company_is_taken_for_somebody(told: Company) -> None:
    page = await exposed(told.monitor_dsn, shipped())
    assert len(series(page)) > 1000
    assert redacted(page) == dict.fromkeys(shipped(), 0)


@pytest.mark.parametrize(
    ("place", "pack"),
    [
        ("payments.outcome", "revenue"),
        ("tickets.priority", "support"),
        ("feedback.sentiment", "satisfaction"),
        ("auth_events.outcome", "authentication"),
        ("security_events.severity", "security"),
        ("privacy_requests.kind", "privacy"),
        ("page_timings.timing", "experience"),
    ],
)
async def test_a_closed_label_with_an_address_in_it_is_refused_and_not_told(
    database: str, caplog: pytest.LogCaptureFixture, place: str, pack: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="exporter")
    rows = people("{column}_{row}", shipped()[pack].reads)
    view, column = place.split(".")
    for row in rows[view]:
        row[column] = PERSON
    fill(database, rows)
    page = await exposed(database, [pack])
    assert "has a value other than" in caplog.text
    assert traces(page) == []
    assert traces(caplog.text) == []


def test_every_text_column_is_a_label_or_holds_the_person() -> None:
    """So that a column which is new in the contract is not overlooked by the tests above."""
    of_closed = {f"{view.name}.{column.name}" for view in views().values() for column in view.columns if column.type == "text"}
    assert CLOSED.keys() <= of_closed
    kept = {
        f"{view.name}.{column.name}"
        for view in views().values()
        for column in view.columns
        if column.type == "text" and not becomes_a_label(column) and f"{view.name}.{column.name}" not in CLOSED
    }
    assert {column for column in kept if not column.endswith("_id")} == set()
    assert len(kept) > 50
