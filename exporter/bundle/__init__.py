"""The bundle: dashboards, alerts, recording rules and notification routes, rendered from their Jsonnet sources.

`write` renders it for a user's configuration, `differences` says what that would change; `generate` and `stale` keep a
checkout's committed copy current.
"""

from exporter.bundle.files import differences, generate, render, routing, stale, write
from exporter.bundle.settings import Bundle, load

__all__ = ["Bundle", "differences", "generate", "load", "render", "routing", "stale", "write"]
