"""Supabase, as the company would use it: the metrics page of the project that holds its database.

The database's size, its users and connections are the company's; of the host nothing is known, so its load is a fixed figure.
Names, types and labels: https://github.com/supabase/supabase-grafana/blob/main/docs/metrics.md
"""

import base64

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.demo.vendors.vendor import Vendor

_FIGURES = """
select (select count(*) from bellwether.users) as users, pg_database_size(current_database()) as size,
       (select count(*) from pg_stat_activity where datname = current_database()) as connections
"""


class Supabase(Vendor, name="supabase"):
    """The metrics endpoint of one project."""

    KEY, PROJECT = "sb_secret_DEMO00000000000000000000", "abcdefghijklmnopqrst"
    PATH = "/customer/v1/privileged/metrics"

    def routes(self) -> list[Route]:
        return [Route(self.PATH, self._metrics)]

    def settings(self, url: str) -> dict[str, object]:
        # With a prefix, since the demo watches a host and a database under their usual names already.
        return {"url": url + self.PATH, "secret_key": self.KEY, "prefix": "supabase_"}

    async def _metrics(self, request: Request) -> Response:
        expected = base64.b64encode(f"service_role:{self.KEY}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"message": "Invalid authentication credentials"}, 401)
        (row,) = await self.books.rows(_FIGURES)
        labels = f'supabase_project_ref="{self.PROJECT}",service_type="db"'
        families = [
            ("node_load1", "gauge", "1m load average.", labels, 0.21),
            ("auth_users_user_count", "gauge", "Number of users in the project db", labels, row["users"]),
            ("pg_database_size_bytes", "gauge", "Disk space used by the database", f'{labels},datname="shop"', row["size"]),
            ("pg_stat_database_num_backends", "gauge", "Number of backends", f'{labels},datname="shop"', row["connections"]),
            ("go_goroutines", "gauge", "Number of goroutines that currently exist.", labels, 9),
        ]
        lines = [
            f"# HELP {name} {help_}\n# TYPE {name} {type_}\n{name}{{{own}}} {value}\n"
            for name, type_, help_, own, value in families
        ]
        return PlainTextResponse("".join(lines), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
