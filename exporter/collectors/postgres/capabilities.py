"""What a server lets its visitor ask: version, role, extensions, rights, and who runs it.

Source: https://www.postgresql.org/docs/current/predefined-roles.html
"""

from dataclasses import dataclass

from exporter.clients.postgres import Cursor
from exporter.collectors.postgres.query import INSTANCE, Query
from exporter.metric import Metric

SERVICE = Metric(
    "bellwether_postgres_service_info",
    "Who runs the server, by the roles and settings that it comes with: rds, aurora, cloudsql, alloydb, azure, supabase; "
    "self where none of them shows.",
    "info",
    labels=(INSTANCE, "service"),
)

# A role or a setting of a name that its users cannot give away marks each service.
_FOUND = """
    select current_setting('server_version_num')::int / 10000 as version,
           pg_is_in_recovery() as replica,
           extract(epoch from pg_postmaster_start_time())::float8 as started,
           (select array_agg(extname::text) from pg_extension) as extensions,
           (select array_agg(rolname::text) from pg_roles
             where rolname like 'pg\\_%' and pg_has_role(oid, 'usage')) as member_of,
           case when exists (select from pg_settings where name = 'apg_plan_mgmt.use_plan_baselines' or name like 'aurora%')
                  or exists (select from pg_proc where proname = 'aurora_version') then 'aurora'
                when exists (select from pg_roles where rolname = 'rds_superuser') then 'rds'
                when exists (select from pg_roles where rolname = 'alloydbsuperuser') then 'alloydb'
                when exists (select from pg_roles where rolname = 'cloudsqlsuperuser') then 'cloudsql'
                when exists (select from pg_roles where rolname = 'azure_pg_admin') then 'azure'
                when exists (select from pg_roles where rolname = 'supabase_admin') then 'supabase'
                else 'self' end as service
"""
_ROLE = "select pg_is_in_recovery() as replica"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What was found on one connection; all but the role stays as it is while the connection lasts."""

    version: int
    """The major version."""
    replica: bool
    started: float
    """When the server was started, in Unix time."""
    extensions: frozenset[str]
    """Those installed in the database that the connection is to."""
    member_of: frozenset[str]
    """The predefined roles whose rights the visitor has."""
    service: str

    def obstacle(self, query: Query) -> str:
        """Why a query cannot be asked, as a reason of the metric; empty when it can."""
        if not query.since <= self.version <= query.until:
            return "version"
        if query.role not in ("any", "replica" if self.replica else "primary"):
            return "role"
        if query.extension and query.extension not in self.extensions:
            return "extension"
        if query.needs and query.needs not in self.member_of:
            return "right"
        return ""


async def find(cursor: Cursor) -> Capabilities:
    """Ask for all of it."""
    await cursor.execute(_FOUND)
    (row,) = await cursor.fetchall()
    extensions, member_of = (frozenset(row[name] or ()) for name in ("extensions", "member_of"))
    return Capabilities(row["version"], row["replica"], row["started"], extensions, member_of, row["service"])


async def is_replica(cursor: Cursor) -> bool:
    """Whether the server is a replica now: a failover changes it under the same connection."""
    await cursor.execute(_ROLE)
    (row,) = await cursor.fetchall()
    return bool(row["replica"])
