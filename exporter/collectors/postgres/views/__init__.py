"""What a server is asked: one file per view, or per few that belong together. A file that is put here is found by itself."""

import importlib
import pkgutil

from exporter.collectors.postgres.query import Query

QUERIES: tuple[Query, ...] = tuple(
    query for module in pkgutil.iter_modules(__path__) for query in importlib.import_module(f"{__name__}.{module.name}").QUERIES
)
"""Every query of every file."""
