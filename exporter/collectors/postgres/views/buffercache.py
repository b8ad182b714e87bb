"""Shared buffers, by the extension pg_buffercache. Source: https://www.postgresql.org/docs/current/pgbuffercache.html"""

from exporter.collectors.postgres.query import Query, family

SUMMARY = family(
    "pg_buffercache_summary_",
    buffers_used="Shared buffers that hold a page.",
    buffers_unused="Shared buffers that hold none.",
    buffers_dirty="Shared buffers with changes that are not yet written.",
    buffers_pinned="Shared buffers that somebody uses now.",
    usagecount_avg="Mean usage count of the shared buffers that hold a page, 0 to 5.",
)

QUERIES = (
    Query(
        "buffercache_summary",
        "select * from pg_buffercache_summary()",
        SUMMARY,
        since=16,
        extension="pg_buffercache",
        needs="pg_monitor",
        default=False,
    ),
)
