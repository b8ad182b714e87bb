"""The pack `features`: every figure, against the same worked out from the story; and by hand at the edges."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.test_users import Session

MONTH = timedelta(days=30)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=180)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, chapter: Callable[[str], dict[str, list[Row]]], asked: Asking
) -> None:
    tables = chapter("activity")
    sessions = [Session(*row) for row in tables["sessions"]]  # type: ignore[arg-type]
    uses: list[tuple[str, str, datetime]] = [row for row in tables["feature_uses"] if row[2] <= as_of]  # type: ignore[misc,operator]
    active = {row.user for row in sessions if row.user and as_of - MONTH < row.began <= as_of}
    features = {str(name): bool(core) for name, core, released in tables["features"] if not released or released <= as_of}  # type: ignore[operator]
    users = {name: len({user for user, used, at in uses if used == name and at > as_of - MONTH} & active) for name in features}
    assert len(users) == (7 if as_of == NOW else 6)  # forecasts are released on the 280th day
    assert all(users.values())
    found = await asked("features", as_of)
    keys = {name: (name, str(core).lower(), "30d") for name, core in features.items()}
    assert found["feature_users"] == {keys[name]: count for name, count in users.items()}
    assert found["feature_adoption_ratio"] == pytest.approx(
        {keys[name]: count / len(active) for name, count in users.items()}, abs=1e-12
    )
    core = [count for name, count in users.items() if features[name]]
    assert found["feature_mean_adoption_ratio"] == pytest.approx(
        {
            ("core", "30d"): sum(core) / len(core) / len(active),
            ("all", "30d"): sum(users.values()) / len(users) / len(active),
        },
        abs=1e-12,
    )
    assert found["feature_uses_total"] == Counter((name,) for _, name, _ in uses)


async def test_before_the_first_release_only_what_was_always_there_is_shown_and_nobody_uses_it(asked: Asking) -> None:
    found = await asked("features", NOW - timedelta(days=1000))
    assert {labels[0] for labels in found["feature_users"]} == {"dashboards", "reports", "exports", "integrations"}
    assert set(found["feature_users"].values()) == {0}
    assert found["feature_adoption_ratio"] == found["feature_mean_adoption_ratio"] == {}
    assert found["feature_uses_total"] == {labels[:1]: 0 for labels in found["feature_users"]}


async def test_only_features_of_the_list_and_active_users_count(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(as_sql(["features", "feature_uses", "sessions"]))
        for view, table in (("features", "feature"), ("feature_uses", "uses"), ("sessions", "visit")):
            connection.execute(f"create table {table} (like bellwether.{view})")
            connection.execute(f"create or replace view bellwether.{view} as select * from {table}")
        connection.cursor().executemany(
            "insert into feature values (%s, %s, %s)",
            [
                ("search", True, NOW),
                ("export", True, None),
                ("api", False, NOW + timedelta(seconds=1)),
                ("new", False, NOW),
                ("old", False, None),
                ("planned", False, NOW + timedelta(seconds=1)),
            ],
        )
        connection.cursor().executemany(
            "insert into visit (user_id, started_at) values (%s, %s)",
            [("a", NOW), ("b", NOW - MONTH + timedelta(seconds=1)), ("c", NOW - MONTH), (None, NOW)],
        )
        connection.cursor().executemany(
            "insert into uses values (%s, %s, %s)",
            [
                ("a", "search", NOW), ("a", "search", NOW), ("b", "search", NOW - MONTH), ("c", "search", NOW),
                ("c", "export", NOW), ("a", "api", NOW), ("a", "drop table", NOW), ("a", "search", NOW + MONTH),
            ],
        )  # fmt: skip
    found = await ask(database, "features", NOW)
    unused = {("export", "true", "30d"): 0, ("new", "false", "30d"): 0, ("old", "false", "30d"): 0}
    assert found["feature_users"] == {("search", "true", "30d"): 1} | unused
    assert found["feature_adoption_ratio"] == {("search", "true", "30d"): 0.5} | unused
    assert found["feature_mean_adoption_ratio"] == {("core", "30d"): 0.25, ("all", "30d"): 0.125}
    assert found["feature_uses_total"] == {("search",): 4, ("export",): 1, ("api",): 1, ("new",): 0, ("old",): 0}
