"""A database of 22 queries with about 2,200 results, and the settings of each exporter that asks them."""

import json
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from exporter.demo.database import Server

QUERIES = 22
_ROWS = 100  # of a query
_SQL = "select place, sum(amount) as amount from orders where kind = {} and placed <= {} group by place"
_TABLE = f"""
    create table orders as
    select number % {QUERIES} as kind, 'place-' || number / {QUERIES} % {_ROWS} as place, (number % 977) * 1.25 as amount,
           timestamptz '2024-01-01' as placed
      from generate_series(0, 20 * {QUERIES * _ROWS} - 1) as number;
    create index on orders (kind);
    analyze orders
"""


def fill(server: Server) -> None:
    """Make the table."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for statement in _TABLE.split(";"):
            connection.execute(statement.encode())


def url(server: Server, scheme: str = "postgresql", options: str = "") -> str:
    """The server's address as a URL: its Unix socket."""
    parts = conninfo_to_dict(server.dsn())
    return f"{scheme}://{parts['user']}:{parts['password']}@/postgres?host={parts['host']}&port={parts['port']}{options}"


def bellwether(server: Server, folder: Path, every: str) -> Path:
    """Settings of Bellwether, with a pack of the queries."""
    packs = folder / "packs"
    packs.mkdir(exist_ok=True)
    queries = {
        f"query_{number}": {
            "labels": ["place"],
            "metrics": {f"shop_amount_{number}": {"help": "Ordered.", "value": "amount"}},
            "sql": _SQL.format(number, "%(as_of)s"),
        }
        for number in range(QUERIES)
    }
    _write(packs / "shop.yaml", {"description": "Orders.", "queries": queries})
    sql = {"kind": "sql", "dsn": server.dsn(), "packs_dir": str(packs), "packs": ["shop"], "every": every}
    return _write(folder / f"bellwether-{every}.yml", {"collectors": [sql]})


def query_exporter(server: Server, folder: Path, every: int) -> Path:
    """Settings of query-exporter."""
    metrics = {
        f"shop_amount_{number}": {"type": "gauge", "description": "Ordered.", "labels": ["place"]} for number in range(QUERIES)
    }
    queries = {
        f"query_{number}": {
            "databases": ["shop"],
            "interval": every,
            "metrics": [f"shop_amount_{number}"],
            "sql": _SQL.format(number, "now()").replace(" as amount", f" as shop_amount_{number}"),
        }
        for number in range(QUERIES)
    }
    databases = {"shop": {"dsn": url(server, "postgresql+psycopg")}}
    return _write(folder / f"query-exporter-{every}.yml", {"databases": databases, "metrics": metrics, "queries": queries})


def sql_exporter(server: Server, folder: Path, every: str) -> Path:
    """Settings of sql_exporter."""
    queries = [
        {
            "name": f"shop_amount_{number}",
            "help": "Ordered.",
            "labels": ["place"],
            "values": ["amount"],
            "query": _SQL.format(number, "now()"),
        }
        for number in range(QUERIES)
    ]
    connection = url(server, "postgres", "&sslmode=disable")
    jobs = [{"name": "shop", "interval": every, "connections": [connection], "queries": queries}]
    return _write(folder / f"sql-exporter-{every}.yml", {"jobs": jobs})


def _write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data))  # JSON is YAML
    return path
