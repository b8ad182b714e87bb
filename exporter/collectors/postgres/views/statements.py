"""Statements, by the extension pg_stat_statements: the 100 that took the most time, chosen so that the choice seldom changes.

Texts are not read with the figures, since that makes the server read the file of all texts each time. They are read only when
`stat_statements_query` is switched on, and then when a statement is new among those shown, and once an hour.
Source: https://www.postgresql.org/docs/current/pgstatstatements.html
"""

import re
import time
from typing import Any

from exporter.clients.postgres import Cursor, Row
from exporter.collectors.postgres.query import INSTANCE, Query, family
from exporter.collectors.postgres.top import TopQuery
from exporter.metric import Metric

_STATEMENTS = "pg_stat_statements_"
_LABELS = "user datname queryid"
COUNTERS = (
    family(
        _STATEMENTS,
        _LABELS,
        "counter",
        calls_total="Times that the statement was run.",
        rows_total="Rows that the statement returned or changed.",
        shared_blks_hit_total="Pages that the statement found in shared buffers.",
        shared_blks_read_total="Pages that the statement read from outside shared buffers.",
        temp_blks_written_total="Pages of temporary files that the statement wrote.",
    )
    | family(
        _STATEMENTS,
        _LABELS,
        "counter",
        "seconds",
        seconds_total="Time spent on running the statement.",
        block_read_seconds_total="Time that the statement spent reading pages; needs track_io_timing.",
        block_write_seconds_total="Time that the statement spent writing pages; needs track_io_timing.",
    )
    | family(_STATEMENTS, _LABELS, "counter", "bytes", wal_bytes_total="Write-ahead log that the statement made.")
)
TIMES = family(
    _STATEMENTS,
    _LABELS,
    mean_exec_seconds="Mean time of one run since the statement's figures began.",
    p95_exec_seconds="Estimate of the time that 95 in 100 runs stay below, since the statement's figures began: from mean and "
    "standard deviation, as if times were spread log-normally, and at most the longest run.",
    max_exec_seconds="Time of the longest run since the statement's figures began.",
)
ENTRIES = family(
    _STATEMENTS,
    "",
    entries="Statements that are remembered, of at most pg_stat_statements.max.",
)
QUERY_ID = Metric(
    "pg_stat_statements_query_id",
    "The text of a statement that is shown, cut to 120 characters, always 1. Without comments and values; commands that may "
    "hold a password, which is all but queries and changes of rows, are left out.",
    "counter",
    (INSTANCE, "queryid", "query"),
)

_LONGEST = 120  # characters of a text
_TEXTS_EVERY = 3600.0  # seconds
_HELD = 3600.0  # seconds after figures were set to 0, in which no newcomer takes a statement's place
_PUBLIC = re.compile(r"(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)|--[^\n]*", re.DOTALL)
# What pg_stat_statements leaves in a text whose entry was pushed out while it ran: numbers, and texts in any kind of quotes.
_VALUE = re.compile(
    r"""(?P<name>"[^"]*")|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)|'(?:[^'\\]|\\.|'')*(?:'|$)|(?<![\w$.])\d[\w.]*""", re.DOTALL
)

# A statement that runs both by itself and within functions has two rows, which are one here. Columns go by the version of the
# extension, which may be older than the server's.
_FIGURES = """
    select coalesce(rolname, 'unknown') as "user", coalesce(datname, 'unknown') as datname, queryid, calls as calls_total,
           rows as rows_total, shared_blks_hit as shared_blks_hit_total, shared_blks_read as shared_blks_read_total,
           temp_blks_written as temp_blks_written_total, wal_bytes as wal_bytes_total, total / 1000 as seconds_total,
           block_read / 1000 as block_read_seconds_total, block_write / 1000 as block_write_seconds_total,
           mean / 1000 as mean_exec_seconds, longest / 1000 as max_exec_seconds,
           least(longest, exp(ln(mean) - spread / 2 + 1.645 * sqrt(spread))) / 1000 as p95_exec_seconds
      from (select *, ln(greatest(1, squares / calls / mean ^ 2)) as spread
              from (select *, nullif(total / nullif(calls, 0), 0) as mean
                      from (select userid, dbid, queryid, sum(calls) as calls, sum(total_exec_time) as total,
                                   max(max_exec_time) as longest,
                                   sum(calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2)) as squares, sum(rows) as rows,
                                   sum(shared_blks_hit) as shared_blks_hit, sum(shared_blks_read) as shared_blks_read,
                                   sum(temp_blks_written) as temp_blks_written, sum(wal_bytes) as wal_bytes,
                                   sum(coalesce(row ->> 'shared_blk_read_time', row ->> 'blk_read_time')::float8) as block_read,
                                   sum(coalesce(row ->> 'shared_blk_write_time', row ->> 'blk_write_time')::float8)
                                       as block_write
                              from pg_stat_statements(false) as stats, to_jsonb(stats) as row
                             where queryid is not null and concat_ws('/', userid, dbid, queryid) = any(%(members)s)
                             group by 1, 2, 3) as merged) as averaged) as spread
      left join pg_roles on pg_roles.oid = userid
      left join pg_database on pg_database.oid = dbid
"""
_RANKING = """
    select concat_ws('/', userid, dbid, queryid) as key, sum(total_exec_time) as score
      from pg_stat_statements(false)
     where queryid is not null
     group by 1
"""
_TEXTS = """
    select queryid, min(query) as query
      from pg_stat_statements(true)
     where concat_ws('/', userid, dbid, queryid) = any(%(members)s) and query <> '<insufficient privilege>'
     group by 1
"""


class _Statements(TopQuery):
    """Keeps to its choice for a while after the figures were set to 0, when whoever comes first would seem the busiest."""

    async def members(self, cursor: Cursor, state: dict[str, Any]) -> list[str]:
        await cursor.execute(b"select sum(calls) as calls from pg_stat_statements(false)")
        (row,) = await cursor.fetchall()
        calls = row["calls"] or 0
        if calls < state.get("calls", 0) / 2:
            state["held_until"] = time.monotonic() + _HELD
        state["calls"] = calls
        return await TopQuery.members(self, cursor, state)


class _Texts(_Statements):
    """The texts of what is shown; kept between two readings."""

    async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
        members = await self.members(cursor, state)
        now = time.monotonic()
        if not state.get("known", frozenset()).issuperset(members) or now >= state.get("texts_at", 0.0):
            await cursor.execute(_TEXTS.encode(), {"members": members})
            state["texts"] = {row["queryid"]: shown(row["query"]) for row in await cursor.fetchall()}
            state["known"], state["texts_at"] = frozenset(members), now + _TEXTS_EVERY
        return [{"queryid": queryid, "query": text, "one": 1} for queryid, text in state["texts"].items() if text]


def shown(query: str) -> str:
    """A statement's text as it may be shown; empty when it may not."""
    text = " ".join(_COMMENT.sub(" ", query).split())
    return _VALUE.sub(lambda found: found["name"] or "?", text)[:_LONGEST] if _PUBLIC.match(text) else ""


QUERIES = (
    _Statements(
        "stat_statements",
        _FIGURES,
        COUNTERS | TIMES,
        extension="pg_stat_statements",
        needs="pg_read_all_stats",
        ranking=_RANKING,
    ),
    Query(
        "stat_statements_entries",
        "select count(*) as entries from pg_stat_statements(false)",
        ENTRIES,
        extension="pg_stat_statements",
    ),
    _Texts(
        "stat_statements_query",
        _TEXTS,
        {"one": QUERY_ID},
        extension="pg_stat_statements",
        needs="pg_read_all_stats",
        default=False,
        every=300.0,
        ranking=_RANKING,
    ),
)
