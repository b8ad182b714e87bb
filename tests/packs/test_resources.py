"""The pack `resources`: every figure, against the same worked out from the story."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.windows import by_then, counted, edges, shown, spreads, within

ACTIONS = ("viewed", "downloaded", "shared", "created", "searched", "rated", "deleted")
DAY = timedelta(days=1)


class Action(NamedTuple):
    """A row of shop.library_actions."""

    user: str
    at: datetime
    type: str
    action: str
    seconds: float | None
    scrolled: int | None
    stars: int | None


class Upload(NamedTuple):
    """A row of shop.uploads."""

    id: str
    kind: str
    bytes: int
    uploaded: datetime
    removed: datetime | None


class Library(NamedTuple):
    """All rows of the chapter."""

    actions: list[Action]
    uploads: list[Upload]


@pytest.fixture
def library(chapter: Callable[[str], dict[str, list[Row]]]) -> Library:
    tables = chapter("resources")
    actions = [Action(*row) for row in tables["library_actions"]]  # type: ignore[arg-type]
    return Library(actions, [Upload(*row) for row in tables["uploads"]])  # type: ignore[arg-type]


def instants(library: Library) -> list[datetime]:
    """Now and long ago, and two at which something lies on the edge of a window."""
    old = [row for row in library.actions if row.at < NOW - 40 * DAY]
    view = max(row.at for row in old if row.action == "viewed")
    rating = max(row.at for row in old if row.action == "rated")
    uploaded = max(row.uploaded for row in library.uploads if row.uploaded < NOW - DAY)
    removed = max(row.removed for row in library.uploads if row.removed and row.removed < NOW - DAY)
    return [NOW, NOW - 100 * DAY, *edges(view, 7), *edges(rating, 30), *edges(uploaded), *edges(removed)]


async def test_every_figure_of_resources_is_that_of_the_story(library: Library, asked: Asking) -> None:
    for as_of in instants(library):
        found = await asked("resources", as_of)
        actions = [row for row in library.actions if row.at <= as_of]
        types = {row.type for row in actions}
        assert found["resource_actions_total"] == counted(((row.type, row.action) for row in actions), *product(types, ACTIONS))
        views = [row for row in actions if row.action == "viewed" and within(row.at, as_of, 7)]
        ratings = [row for row in actions if row.action == "rated" and within(row.at, as_of, 30)]
        assert views
        assert ratings
        assert shown(found["resource_view_seconds"]) == spreads(
            "resources", "views", (((row.type, "7d"), row.seconds) for row in views)
        )
        assert shown(found["resource_scroll_ratio"]) == spreads(
            "resources", "scrolls", (((row.type, "7d"), row.scrolled / 100) for row in views if row.scrolled is not None)
        )
        assert shown(found["resource_rating"]) == spreads(
            "resources", "ratings", (((row.type, "30d"), row.stars) for row in ratings)
        )


async def test_every_figure_of_files_is_that_of_the_story(library: Library, asked: Asking) -> None:
    for as_of in instants(library):
        found = await asked("resources", as_of)
        uploads = [row for row in library.uploads if row.uploaded <= as_of]
        removed = [row for row in uploads if by_then(row.removed, as_of)]
        for kind in {row.kind for row in library.uploads}:
            came = [row.bytes for row in uploads if row.kind == kind]
            went = [row.bytes for row in removed if row.kind == kind]
            assert found["file_uploads_total"][kind,] == len(came)
            assert found["file_uploaded_bytes_total"][kind,] == sum(came)
            assert found["file_deletions_total"][kind,] == len(went)
            assert found["file_deleted_bytes_total"][kind,] == sum(went)
            assert found["file_stored_files"][kind,] == len(came) - len(went)
            assert found["file_stored_bytes"][kind,] == sum(came) - sum(went)
        assert {len(series) for name, series in found.items() if name.startswith("file_")} == {4}


async def test_a_kind_of_which_all_is_deleted_is_zero_and_what_is_not_known_is_no_observation(database: str) -> None:
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql(["files", "resource_actions"]))
        connection.execute(
            "create or replace view bellwether.files as select 'f'::text as file_id, 'image'::text as kind,"
            " 7::bigint as bytes, '2026-01-01'::timestamptz as created_at, '2026-01-02'::timestamptz as deleted_at"
            " from generate_series(1, 2)"
        )
        connection.execute(
            "create or replace view bellwether.resource_actions as select null::text as user_id,"
            " '2026-01-01'::timestamptz as occurred_at, 'video'::text as resource_type, 'viewed'::text as action,"
            " null::numeric as seconds, null::numeric as scroll_ratio, null::numeric as rating"
        )
    found = await ask(database, "resources", datetime.fromisoformat("2026-01-02T00:00Z"))
    assert found["file_stored_bytes"] == found["file_stored_files"] == {("image",): 0}
    assert found["file_uploaded_bytes_total"] == found["file_deleted_bytes_total"] == {("image",): 14}  # two of a size
    assert found["resource_actions_total"]["video", "viewed"] == 1
    assert found["resource_view_seconds"] == found["resource_scroll_ratio"] == found["resource_rating"] == {}


async def test_before_the_company_opened_there_is_nothing(asked: Asking) -> None:
    assert not any((await asked("resources", NOW - 1000 * DAY)).values())
