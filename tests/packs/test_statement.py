"""What the scan of a pack's SQL lets pass and what it refuses."""

import pytest

from exporter.packs.load import shipped
from exporter.packs.statement import contract_views, one_query, placeholders

BOUND = "%(as_of)s, %(since)s and %(part)s"


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 where created_at <= %(as_of)s",
        "( select %(as_of)s )",
        "WITH one AS (select 1) select %(as_of)s from one",
        "select %(as_of)s -- now() is never called; not even here",
        "select %(as_of)s /* ; current_date */",
        "select %(as_of)s, 'a;b', e'it\\'s; --', $$;now()$$, $tag$ $$ ; $tag$, \"a;b\"",
        "select 'it''s; not the end', %(as_of)s",
        "select %(as_of)s where name like 'a%%' and 5 %% 2 = 1",
        "select age(%(as_of)s, coalesce(a, b)), average(now_count), known from knowns",
        "select 'nowhere', 'todayish', %(as_of)s",
        "select lo_puts, lo_get(1), pg_advisory_locked(), 'pg_notify()', %(as_of)s from lo_put",
    ],
)
def test_one_query_without_a_clock_passes_as_it_is(sql: str) -> None:
    assert one_query(sql) == sql


def test_a_last_semicolon_is_left_out() -> None:
    assert one_query("\nselect %(as_of)s ;\n") == "select %(as_of)s"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "expected one query that starts with select or with, got ''"),
        ("delete from payments", "expected one query that starts with select or with, got 'delete from payments'"),
        ("selected", "expected one query that starts with select or with, got 'selected'"),
        ("select 1; select 2", "expected one statement, got a semicolon inside it"),
        ("select 1 where name like 'a%'", f"got '%'; what may be bound is {BOUND}, and a percent sign is %%"),
        ("select %s", f"got '%s'; what may be bound is {BOUND}, and a percent sign is %%"),
        ("select %(until)s", f"got '%(until)s'; what may be bound is {BOUND}, and a percent sign is %%"),
        ("select '%(as_of)s'", f"got one of {BOUND} inside quotes or a comment, where nothing can be bound"),
        ("select 1 -- %(as_of)s", f"got one of {BOUND} inside quotes or a comment, where nothing can be bound"),
        ("select 'open", 'a quote or comment is not closed, or comments are nested, near "\'open"'),
        ("select /* a /* b */ c */ 1", "a quote or comment is not closed, or comments are nested, near '*/ 1'"),
        ("select NOW ()", "got 'NOW ('; a pack's only clock is %(as_of)s"),
        ("select pg_catalog.now()", "got 'now('; a pack's only clock is %(as_of)s"),
        ('select "now"()', "got 'now('; a pack's only clock is %(as_of)s"),
        ("select clock_timestamp()", "got 'clock_timestamp('; a pack's only clock is %(as_of)s"),
        ("select statement_timestamp()", "got 'statement_timestamp('; a pack's only clock is %(as_of)s"),
        ("select transaction_timestamp()", "got 'transaction_timestamp('; a pack's only clock is %(as_of)s"),
        ("select timeofday()", "got 'timeofday('; a pack's only clock is %(as_of)s"),
        ("select current_date", "got 'current_date'; a pack's only clock is %(as_of)s"),
        ("select current_timestamp(0)", "got 'current_timestamp'; a pack's only clock is %(as_of)s"),
        (
            "select set_config('TimeZone', 'UTC', true)",
            "got 'set_config('; time zone and limits hold for the queries of all packs",
        ),
        ("select 1 as v, lo_from_bytea(0, 'written')", "got 'lo_from_bytea('; a pack only reads"),
        ('select pg_catalog."pg_notify"(a, b)', "got 'pg_notify('; a pack only reads"),
        ("select dblink_exec ('delete from a')", "got 'dblink_exec ('; a pack only reads"),
        ("select pg_try_advisory_lock(1)", "got 'pg_try_advisory_lock('; a pack only reads"),
        ("select localtime", "got 'localtime'; a pack's only clock is %(as_of)s"),
        ("select LocalTimestamp", "got 'LocalTimestamp'; a pack's only clock is %(as_of)s"),
        ("select date 'today'", "got the text 'today', which PostgreSQL reads as the time of day; use %(as_of)s"),
        ("select ' Now '::timestamptz", "got the text ' Now ', which PostgreSQL reads as the time of day; use %(as_of)s"),
        ("select age(coalesce(a, b))", "got age() of one argument, which reads today's date; use age(%(as_of)s, …)"),
    ],
)
def test_anything_else_is_refused(sql: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared below
        one_query(sql)
    assert str(caught.value) == message


def test_what_a_query_binds_and_reads() -> None:
    sql = "select %(as_of)s, %(since)s, %(as_of)s from bellwether.users, Bellwether . payments -- bellwether.accounts"
    assert placeholders(sql) == {"as_of", "since"}
    assert contract_views(sql) == {"users", "payments"}


def test_no_shipped_query_calls_a_clock() -> None:
    """Said twice on purpose: a word that the scan has forgotten would stand here in the text itself."""
    clocks = ("now(", "current_", "local", "_timestamp(", "timeofday", "'now", "'today")
    texts = [query.sql.lower() for pack in shipped().values() for query in pack.queries.values()]
    assert [clock for clock in clocks for text in texts if clock in text.replace(" ", "")] == []
    assert all("%(as_of)s" in text for text in texts)
