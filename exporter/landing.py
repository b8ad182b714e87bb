"""The start page: what is watched, how it fares, and where everything is."""

import html
import time
from collections.abc import Iterator, Mapping

from exporter import __version__
from exporter.health import Health

_STYLE = """
:root { color-scheme: light dark; --text: #1c2128; --muted: #5f6b7a; --line: #d9dee5; --panel: #f6f8fa; --page: #fff;
  --ok: #00785a; --bad: #b3400b; --wait: #5f6b7a; --link: #0072b2 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --muted: #9aa6b5; --line: #333b46; --panel: #1b2129;
  --page: #12161c; --ok: #3ecf9f; --bad: #ff8a4c; --wait: #9aa6b5; --link: #6cb8ee } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 68rem; margin: 0 auto;
  padding: 2rem 1rem 3rem }
h1 { font-size: 1.5rem; margin: 0 } h1 small { font-size: .85rem; font-weight: 400; color: var(--muted) }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1.2rem; margin: .4rem 0 1.4rem }
.sum { display: flex; flex-wrap: wrap; gap: .8rem; margin-bottom: 1.4rem }
.sum div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; min-width: 8rem }
.sum b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums } .sum span { color: var(--muted) }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem }
table { border-collapse: collapse; width: 100%; white-space: nowrap }
th, td { text-align: left; padding: .5rem .9rem; vertical-align: top } th { color: var(--muted); font-weight: 500 }
thead { background: var(--panel) } tbody tr { border-top: 1px solid var(--line) }
.number { text-align: right; font-variant-numeric: tabular-nums }
.ok { color: var(--ok) } .failing { color: var(--bad) } .waiting { color: var(--wait) }
.why { white-space: normal; color: var(--bad); font-size: .85rem; max-width: 26rem } .kind { color: var(--muted) }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bellwether</title><style>{style}</style></head><body>
<h1>Bellwether <small>{version}</small></h1>
<nav><a href="/metrics">Metrics</a><a href="/config">Settings</a>
<a href="/-/healthy">Healthy</a><a href="/-/ready">Ready</a></nav>
<div class="sum">{sums}</div>
<div class="scroll"><table><thead><tr><th>Collector</th><th>State</th><th class="number">Last success</th>
<th class="number">Took</th><th class="number">Series</th><th class="number">Dropped</th>
<th class="number">Next run</th></tr></thead><tbody>{rows}</tbody></table></div></body></html>
"""
_STATES = {"ok": "\u2713 ok", "failing": "\u2717 failing", "waiting": "\u2026 first run"}
"""Words and signs, so that colour is never the only way to tell."""


def page(kinds: Mapping[str, str], healths: Mapping[str, Health]) -> str:
    """The page as of now, of collectors by name: what fails comes first."""
    now = time.time()
    ordered = sorted(healths.items(), key=lambda item: (_state(item[1]) != "failing", item[0]))
    rows = "\n".join(_row(name, kinds[name], health, now) for name, health in ordered)
    return _PAGE.format(style=_STYLE, version=html.escape(__version__), sums="".join(_sums(healths)), rows=rows)


def _sums(healths: Mapping[str, Health]) -> Iterator[str]:
    states = [_state(health) for health in healths.values()]
    failing = states.count("failing")
    yield f"<div><b>{len(states)}</b><span>collectors</span></div>"
    yield f'<div><b class="{"failing" if failing else "ok"}">{failing}</b><span>failing</span></div>'
    yield f"<div><b>{sum(health.series for health in healths.values()):,}</b><span>series</span></div>"


def _state(health: Health) -> str:
    if not health.polls:
        return "waiting"
    return "ok" if health.up else "failing"


def _row(name: str, kind: str, health: Health, now: float) -> str:
    name, state = html.escape(name), _state(health)
    why = f'<div class="why">{html.escape(health.failing)}</div>' if health.failing else ""
    age = "never" if health.last_success is None else f"{_span(now - health.last_success)} ago"
    next_run = "at the scrape" if health.next_run is None else f"in {_span(health.next_run - now)}"
    took = f"{health.duration * 1000:,.1f} ms" if health.polls else ""
    return (
        f'<tr><td><a href="/metrics/{name}">{name}</a> <span class="kind">{html.escape(kind)}</span></td>'
        f'<td><span class="{state}">{_STATES[state]}</span>{why}</td><td class="number">{age}</td>'
        f'<td class="number">{took}</td><td class="number">{health.series:,}</td>'
        f'<td class="number">{sum(health.dropped.values()):,}</td><td class="number">{next_run}</td></tr>'
    )


def _span(seconds: float) -> str:
    """A length of time as a person reads it, in its largest whole unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
