"""A small business with a past: two years of subscriptions, payments and tickets, the same on every run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from exporter.packs.contract import as_sql

# Two years from 1 November 2022 on; what an account does depends on its number alone.
ROWS = """
    create table subscription (like bellwether.subscriptions);
    create table payment (like bellwether.payments);
    create table ticket (like bellwether.tickets);
    insert into subscription (account_id, plan, currency, amount, interval_months, started_at, trial_ends_at, ended_at)
    select 'a' || n, (array['basic', 'pro', 'team'])[1 + n % 3], (array['EUR', 'USD'])[1 + n % 2],
           (array[9.99, 29.00, 348.00])[1 + n % 3], case n % 3 when 2 then 12 else 1 end, started_at,
           case when n % 4 = 0 then started_at + interval '14 days' end,
           case when n % 5 = 0 then started_at + n % 97 * interval '1 day' + interval '15 days' end
    from generate_series(1, 1400) as n
    cross join lateral (select timestamptz '2022-11-01 00:30Z' + n * interval '12 hours 7 minutes' as started_at) as starts;
    insert into payment (created_at, amount, currency, outcome)
    select timestamptz '2022-11-01Z' + n * interval '4 hours 11 minutes', 0.10 + n % 7, (array['EUR', 'USD'])[1 + n % 2],
           case when n % 11 = 0 then 'failed' else 'succeeded' end
    from generate_series(1, 4200) as n;
    insert into ticket (created_at, first_responded_at, resolved_at, priority, channel)
    select at, at + n % 50 * interval '7 minutes', case when n % 6 > 0 then at + n % 300 * interval '1 hour' end,
           (array['urgent', 'high', 'normal', 'low'])[1 + n % 4], (array['mail', 'chat'])[1 + n % 2]
    from generate_series(1, 1400) as n
    cross join lateral (select timestamptz '2022-11-01Z' + n * interval '12 hours 29 minutes' as at) as created;
    create or replace view bellwether.subscriptions as select * from subscription;
    create or replace view bellwether.payments as select * from payment;
    create or replace view bellwether.tickets as select * from ticket;
    create index on payment (created_at);
"""
PACK = """
description: What the database knows of the present only.
queries:
  rows:
    past: false
    metrics:
      shop_rows:
        help: Rows there are now.
        value: rows
    sql: select count(*) as rows from payment where %(as_of)s is not null
"""
LABELS = {"job": "bellwether", "instance": "127.0.0.1:11042"}


def fill(dsn: str) -> None:
    """Give an empty database its past."""
    with psycopg.connect(dsn, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql())
        connection.execute(ROWS.encode())


def settings(folder: Path, dsn: str) -> Path:
    """A settings file that has it watched, by two shipped packs and one that knows no past."""
    packs = folder / "packs"
    packs.mkdir(exist_ok=True)
    (packs / "present.yaml").write_text(PACK)
    file = folder / "bellwether.yml"
    file.write_text(
        f"collectors:\n- kind: node\n- kind: sql\n  name: shop\n  dsn: {dsn}\n"
        f"  packs: [revenue, support, present]\n  packs_dir: {packs}\n"
    )
    return file


@contextmanager
def reading(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection for questions to it."""
    with psycopg.connect(dsn, options="-c TimeZone=UTC") as connection:
        yield connection
