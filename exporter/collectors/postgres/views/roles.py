"""Roles. Source: https://www.postgresql.org/docs/current/view-pg-roles.html"""

from exporter.collectors.postgres.query import Query, family

ROLES = family("pg_roles_", "rolname", connection_limit="The most sessions of the role at a time; -1 for any number.")

QUERIES = (Query("roles", "select rolname, rolconnlimit as connection_limit from pg_roles", ROLES),)
