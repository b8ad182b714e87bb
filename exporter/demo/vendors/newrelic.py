"""New Relic, as the company would use it: what its API answered, as events `Transaction`, asked for in NRQL by NerdGraph.

The events are the rows of `bellwether.api_calls`; of NRQL it knows what a collector of figures uses. Percentiles are exact,
those of New Relic approximate. Source: https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.demo.vendors.vendor import Vendor

Row = dict[str, Any]

_ACCOUNT = 1234567
_FIELD = re.compile(r"(\w+): nrql\(query: \$(\w+)")
_CLAUSES = re.compile(r"\b(SELECT|FROM|WHERE|FACET|LIMIT|SINCE|UNTIL)\b", re.IGNORECASE)
_CALL = re.compile(r"(?P<function>\w+)\((?P<arguments>[^()]*)\)(?:\s+AS\s+(?P<name>\w+))?", re.IGNORECASE)
_AGO = re.compile(r"(\d+) (minute|hour|day|week)s? ago", re.IGNORECASE)
_USUAL_LIMIT = 10
_EVENTS = """
select route as name, method, status::text as "httpResponseCode", status >= 500 as error, seconds::float as duration
from bellwether.api_calls
where occurred_at > %(begin)s and occurred_at <= %(end)s
"""


ROUTES = {
    "nrql": "SELECT count(*) AS requests, percentile(duration, 50, 95) AS time FROM Transaction FACET name "
    "SINCE 1 hour ago UNTIL 1 minute ago LIMIT 5",
    "labels": {"route": "name"},
    "metrics": [
        {"name": "newrelic_requests", "help": "Requests within the last hour, by route.", "field": "requests"},
        {
            "name": "newrelic_request_seconds",
            "help": "What 95 of 100 requests within the last hour took at most, by route.",
            "field": "time",
            "percentile": 95,
        },
    ],
}
FAILURES = {
    "nrql": "SELECT count(*) FROM Transaction WHERE error IS TRUE SINCE 1 hour ago UNTIL 1 minute ago",
    "metrics": [{"name": "newrelic_failures", "help": "Requests within the last hour that failed.", "field": "count"}],
}


class Newrelic(Vendor, name="newrelic"):
    """NerdGraph, for one account."""

    KEY = "NRAK-DEMO0000000000000000000"

    def routes(self) -> list[Route]:
        return [Route("/graphql", self._graphql, methods=["POST"])]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": f"{url}/graphql", "account": _ACCOUNT, "api_key": self.KEY, "queries": [ROUTES, FAILURES]}

    async def _graphql(self, request: Request) -> JSONResponse:
        if request.headers.get("api-key") != self.KEY:
            error = {"extensions": {"error_code": "BAD_API_KEY"}, "message": "The API key provided is invalid"}
            return JSONResponse({"errors": [error]}, 401)
        body = await request.json()
        variables: Row = body["variables"]
        results: dict[str, Row | None] = {}
        errors: list[Row] = []
        for alias, variable in _FIELD.findall(body["query"]):
            results[alias], name = None, "ACCESS_DENIED"
            if variables["account"] == _ACCOUNT:
                try:
                    results[alias] = await self._results(variables[variable])
                    continue
                except (LookupError, AttributeError, ValueError):
                    name = "INVALID_QUERY"
            message = {"ACCESS_DENIED": "Access denied", "INVALID_QUERY": "NRQL Syntax Error"}[name]
            path = ["actor", "account", alias]
            errors.append(
                {"extensions": {"errorClass": name}, "locations": [{"column": 1, "line": 1}], "message": message, "path": path}
            )
        answer: Row = {"data": {"actor": {"account": results}}}
        return JSONResponse(answer | ({"errors": errors} if errors else {}))

    async def _results(self, nrql: str) -> Row:
        parts = _CLAUSES.split(nrql)
        clauses = {name.upper(): text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
        if clauses["FROM"] != "Transaction":
            return {"results": [{name: figure([]) for name, figure in _figures(clauses["SELECT"])}], "otherResult": None}
        span = {"begin": self._at(clauses["SINCE"]), "end": self._at(clauses.get("UNTIL", "0 minutes ago"))}
        rows = [{"appName": "shop", **row} for row in await self.books.rows(_EVENTS, span)]
        if clauses.get("WHERE", "").lower() == "error is true":
            rows = [row for row in rows if row["error"]]
        figures = _figures(clauses["SELECT"])
        facets = [name.strip() for name in clauses["FACET"].split(",")] if "FACET" in clauses else []
        if not facets:
            return {"results": [{name: figure(rows) for name, figure in figures}], "otherResult": None}
        return _faceted(rows, facets, figures, int(clauses.get("LIMIT", _USUAL_LIMIT)))

    def _at(self, text: str) -> Any:
        found = _AGO.fullmatch(text)
        if found is None:
            raise ValueError(text)
        return self.books.now() - timedelta(**{f"{found[2].lower()}s": int(found[1])})


_Figures = list[tuple[str, Callable[[list[Row]], Any]]]


def _faceted(rows: list[Row], facets: list[str], figures: _Figures, limit: int) -> Row:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in facets), []).append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    results = [
        {"facet": list(key) if len(key) > 1 else key[0], **dict(zip(facets, key, strict=True))}
        | {name: figure(group) for name, figure in figures}
        for key, group in ordered[:limit]
    ]
    rest = [row for _, group in ordered[limit:] for row in group]
    return {"results": results, "otherResult": {name: figure(rest) for name, figure in figures}}


def _figures(select: str) -> _Figures:
    found = []
    for call in _CALL.finditer(select):
        function, arguments = call["function"].lower(), [each.strip() for each in call["arguments"].split(",")]
        name = call["name"] or (function if arguments == ["*"] else f"{function}.{arguments[0]}")
        found.append((name, _figure(function, arguments)))
    if not found:
        raise ValueError(select)
    return found


def _figure(function: str, arguments: list[str]) -> Callable[[list[Row]], Any]:
    attribute, shares = arguments[0], arguments[1:]

    def percentiles(rows: list[Row]) -> dict[str, float | None]:
        values = sorted(row[attribute] for row in rows)
        return {share: values[max(0, -(-len(values) * int(share) // 100) - 1)] if values else None for share in shares}

    def average(rows: list[Row]) -> float | None:
        return sum(row[attribute] for row in rows) / len(rows) if rows else None

    known: dict[str, Callable[[list[Row]], Any]] = {"count": len, "average": average, "percentile": percentiles}
    return known[function]
