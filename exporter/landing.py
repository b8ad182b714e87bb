"""The start page: what is watched, how it fares, and where everything is."""

import html
import time
from collections.abc import Mapping

from exporter import __version__
from exporter.health import Health

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --muted: #777; --ok: #0a7; --bad: #d33 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: 0 } p, small { color: var(--muted) }
table { border-collapse: collapse; width: 100%; margin-top: 1.5rem }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.ok { color: var(--ok) } .failing { color: var(--bad) } .waiting { color: var(--muted) }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bellwether</title><style>{style}</style></head><body>
<h1>Bellwether</h1><p>version {version} &middot; <a href="/metrics">metrics</a> &middot; <a href="/-/healthy">healthy</a>
&middot; <a href="/-/ready">ready</a></p>
<table><thead><tr><th>Collector</th><th>State</th><th class="number">Last success</th><th class="number">Duration</th>
<th class="number">Series</th><th class="number">Next run</th></tr></thead><tbody>{rows}</tbody></table></body></html>
"""


def page(kinds: Mapping[str, str], healths: Mapping[str, Health]) -> str:
    """The page as of now, of collectors by name."""
    now = time.time()
    return _PAGE.format(
        style=_STYLE,
        version=html.escape(__version__),
        rows="\n".join(_row(name, kinds[name], health, now) for name, health in healths.items()),
    )


def _row(name: str, kind: str, health: Health, now: float) -> str:
    name = html.escape(name)
    state, word = (
        ("waiting", "waiting for its first run") if not health.polls else ("ok", "ok") if health.up else ("failing", "failing")
    )
    error = f"<br><small>{html.escape(health.failing)}</small>" if health.failing else ""
    age = "never" if health.last_success is None else f"{max(0.0, now - health.last_success):.0f} s ago"
    next_run = "at the scrape" if health.next_run is None else f"in {max(0.0, health.next_run - now):.0f} s"
    return (
        f'<tr><td><a href="/metrics/{name}">{name}</a> <small>{html.escape(kind)}</small></td>'
        f'<td class="{state}">{word}{error}</td><td class="number">{age}</td>'
        f'<td class="number">{health.duration * 1000:.1f} ms</td><td class="number">{health.series}</td>'
        f'<td class="number">{next_run}</td></tr>'
    )
