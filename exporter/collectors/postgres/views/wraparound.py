"""Age of what is not frozen, the distance to wraparound, and who keeps rows from being vacuumed.

Source: https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
"""

from exporter.collectors.postgres.query import Query, family

WRAPAROUND = family(
    "pg_database_wraparound_",
    "datname",
    "gauge",
    "transactions",
    age_datfrozenxid_seconds="Age of the oldest transaction id that is not frozen: in transactions, whatever the name says.",
) | family(
    "pg_database_wraparound_",
    "datname",
    "gauge",
    "multixacts",
    age_datminmxid_seconds="Age of the oldest multixact id in use: in multixacts, whatever the name says.",
)
AGE = family(
    "pg_database_",
    "datname",
    "gauge",
    "transactions",
    age="Age of the oldest transaction id that is not frozen, in transactions; at about two thousand million writing stops.",
)
TXID = family("pg_txid_", "", "counter", current="The next transaction id, counted on through wraparounds.")
HOLDERS = family(
    "pg_oldest_xmin_",
    "holder",
    "gauge",
    "transactions",
    age="How far back somebody may still look, in transactions: rows that died since then cannot be vacuumed. Absent where "
    "nobody looks back; holder is session, prepared_transaction, replication_slot or replica.",
)

QUERIES = (
    Query(
        "database_wraparound",
        """
        select datname, age(datfrozenxid) as age, age(datfrozenxid) as age_datfrozenxid_seconds,
               mxid_age(datminmxid) as age_datminmxid_seconds
          from pg_database where datallowconn
        """,
        AGE | WRAPAROUND,
    ),
    Query("txid", "select pg_snapshot_xmax(pg_current_snapshot())::text::numeric as current", TXID),
    Query(
        "oldest_xmin",
        """
        select 'session' as holder, max(greatest(age(backend_xmin), age(backend_xid))) as age
          from pg_stat_activity
         where pid <> pg_backend_pid() and backend_type <> 'walsender'
        union all
        select 'prepared_transaction', max(age(transaction)) from pg_prepared_xacts
        union all
        select 'replication_slot', max(greatest(age(xmin), age(catalog_xmin))) from pg_replication_slots
        union all
        select 'replica', max(age(backend_xmin)) from pg_stat_replication
        """,
        HOLDERS,
        needs="pg_read_all_stats",
    ),
)
