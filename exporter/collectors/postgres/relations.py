"""Parts of queries about tables and indexes: which matter most, and how large they are without ever waiting for a lock.

Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBOBJECT,
https://www.postgresql.org/docs/current/explicit-locking.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

MEMBERS = "%(members)s::text[]::oid[]"
"""The keys of a sticky top of relations."""

_SHARE = "coalesce({0} / nullif(sum({0}) over (), 0), 0)"
_PAGES = _SHARE.format("greatest(relpages, 0)::float8")
_TOUCHED = _SHARE.format("touched::float8")

TABLES = f"""
    select stats.relid::text as key, {_PAGES} + {_TOUCHED} as score
      from pg_class
      join (select relid, seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del as touched
              from pg_stat_user_tables) as stats on stats.relid = pg_class.oid
     where relpersistence <> 't'
"""
"""A table's score: its share of all pages plus its share of all rows read and written. Temporary tables have none."""

INDEXES = f"""
    select stats.indexrelid::text as key, {_PAGES} + {_TOUCHED} as score
      from pg_class
      join (select indexrelid, idx_scan + idx_tup_read as touched from pg_stat_user_indexes) as stats
        on stats.indexrelid = pg_class.oid
     where relpersistence <> 't'
"""
"""An index's score: its share of all pages plus its share of all scans and entries read."""

LOCKED = """
    select distinct relation
      from pg_locks
     where mode = 'AccessExclusiveLock' and relation is not null
       and database = (select oid from pg_database where datname = current_database())
"""
"""Relations whose size cannot be asked for without waiting: somebody has, or waits for, the one lock that stands against it."""

BLOCK_SIZE = "current_setting('block_size')::int8"
