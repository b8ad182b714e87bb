"""Sticky top: the few of many rows that are shown, chosen so that the choice seldom changes.

A plain limit bounds one answer, but not what Prometheus stores: each time two rows at the edge swap places, new series begin.
Here a row keeps its place until it is gone or another one beats it clearly.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.clients.postgres import Cursor, Row
from exporter.collectors.postgres.query import Query

_RANKED = """
    select key, score
      from (select key, score, row_number() over (order by score desc, key) as place from ({}) as scored) as ranked
     where place <= %(candidates)s or key = any(%(members)s)
"""


@dataclass(slots=True)
class Top:
    """At most `size` keys out of any number."""

    size: int
    margin: float = 1.5
    """How many times the score of the least member a newcomer needs to take its place."""
    members: frozenset[str] = frozenset()

    def review(self, scores: Mapping[str, float]) -> None:
        """Choose again. Who has no score is gone; free places go to the best; then newcomers are held against the least."""
        stayed = sorted(self.members & scores.keys(), key=lambda key: (scores[key], key))
        others = sorted(scores.keys() - self.members, key=lambda key: (-scores[key], key))
        free = self.size - len(stayed)
        chosen = {*stayed, *others[:free]}
        for newcomer, least in zip(others[free:], stayed, strict=False):
            if scores[newcomer] <= self.margin * scores[least]:
                break
            chosen.remove(least)
            chosen.add(newcomer)
        self.members = frozenset(chosen)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TopQuery(Query):
    """A query for the rows of a sticky top: `sql` is given their keys as `%(members)s`, an array of texts."""

    ranking: str
    """What to choose from: SQL with the columns `key`, a text, and `score`, more for what matters more."""
    size: int = 100
    """The most rows to choose."""
    review: float = 300.0
    """Seconds from one choice to the next while there are more rows than places."""

    async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
        """Choose again when it is time, then ask for what was chosen."""
        members = await self.members(cursor, state)
        await cursor.execute(self.sql.encode(), {"members": members})
        return await cursor.fetchall()

    async def members(self, cursor: Cursor, state: dict[str, Any]) -> list[str]:
        """The keys of the rows to show. Until `held_until` in the state, none of them loses its place, even when it is gone."""
        top: Top = state.setdefault("top", Top(self.size))
        now = time.monotonic()
        if now >= state.get("review_at", 0.0):
            given = {"candidates": 2 * self.size, "members": list(top.members)}
            await cursor.execute(_RANKED.format(self.ranking).encode(), given)
            scores = {row["key"]: float(row["score"] or 0) for row in await cursor.fetchall()}
            if now < state.get("held_until", 0.0):
                scores |= dict.fromkeys(top.members, math.inf)
            top.review(scores)
            state["review_at"] = now + self.review if len(scores) > self.size else now
        return sorted(top.members)
