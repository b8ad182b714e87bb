"""Which databases of a server are asked, and whose turn it is.

Source: https://www.postgresql.org/docs/current/catalog-pg-database.html
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from exporter.clients.postgres import Cursor
from exporter.collector import Duration, Model

_FOUND = """
    select current_database()::text as own,
           (select array_agg(datname::text) from pg_database
             where datallowconn and not datistemplate and datconnlimit <> -2
               and has_database_privilege(oid, 'connect')) as names
"""  # a limit of -2 marks one that was left behind half dropped
_OF_THE_SERVICE = {"rdsadmin", "cloudsqladmin", "alloydbadmin", "azure_maintenance", "azure_sys"}
"""Databases of managed services that let none of their users in, whatever the catalogue says."""


class Databases(Model):
    """Which databases are asked for their own tables and indexes, and how often."""

    include: tuple[str, ...] = ("*",)
    """Names of databases to ask; `*` stands for any text."""
    exclude: tuple[str, ...] = ()
    """Names of databases not to ask, even where `include` names them."""
    every: Duration = 60.0
    """How long at least from one visit to a database to the next; that of `dsn` itself is asked in every run."""

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are to be asked."""
        return [name for name in names if _matches(name, self.include) and not _matches(name, self.exclude)]


async def find(cursor: Cursor) -> tuple[str, list[str]]:
    """The database that is asked, and all that can be connected to, as of now: some are new, some are gone."""
    await cursor.execute(_FOUND)
    (row,) = await cursor.fetchall()
    return row["own"], [name for name in row["names"] or () if name not in _OF_THE_SERVICE]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
