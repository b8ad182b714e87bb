"""X-Ray, as the company would see it: requests to its API, each of which asks the database once, and a scheduled function.

The requests are the rows of `bellwether.api_calls`. The company does not trace what its database does, so that is taken to
have spent half of each request's time. At night nobody asks anything for hours; the function runs every minute all the same.
Signatures are looked at for their key alone.
Source: https://docs.aws.amazon.com/xray/latest/api/API_GetServiceGraph.html
"""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.demo.vendors.vendor import Vendor

_CALLS = """
select status, seconds::float as seconds from bellwether.api_calls where occurred_at > %(begin)s and occurred_at <= %(end)s
"""


_FILTER = re.compile(r"responsetime > ([0-9.]+)")
_PAGE = 10  # traces
_SCHEDULED, _RUN = 60, {"status": 200, "seconds": 0.045}  # how often, in seconds, the function runs, and each of its runs


class Xray(Vendor, name="xray"):
    """The service graph of one account, one service to a page."""

    KEY_ID, KEY = "AKIADEMO000000000000", "demo-secret-access-key"

    def routes(self) -> list[Route]:
        return [
            Route("/ServiceGraph", self._graph, methods=["POST"]),
            Route("/TraceSummaries", self._summaries, methods=["POST"]),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {
            "url": url,
            "region": "eu-west-1",
            "access_key_id": self.KEY_ID,
            "secret_access_key": self.KEY,
            "window": "1h",
            "traces": {"slow": "responsetime > 0.5"},
        }

    async def _graph(self, request: Request) -> JSONResponse:
        body, refused = await self._admitted(request)
        if refused is not None:
            return refused
        runs = int(body["EndTime"]) // _SCHEDULED - int(body["StartTime"]) // _SCHEDULED
        services = [*_services(await self._calls(body)), _function(runs)]
        page = int(body.get("NextToken", 0))
        answer = {"StartTime": body["StartTime"], "EndTime": body["EndTime"], "Services": [services[page]]}
        following = {"NextToken": str(page + 1)} if page + 1 < len(services) else {}
        return JSONResponse({**answer, "ContainsOldGroupVersions": False, **following})

    async def _summaries(self, request: Request) -> JSONResponse:
        body, refused = await self._admitted(request)
        if refused is not None:
            return refused
        wanted = _FILTER.fullmatch(body.get("FilterExpression", ""))
        slow = [call for call in await self._calls(body) if wanted is None or call["seconds"] > float(wanted[1])]
        begin = int(body.get("NextToken", 0))
        summaries = [
            {
                "Id": f"1-{begin + number:08x}-{0:024x}",
                "Duration": call["seconds"],
                "ResponseTime": call["seconds"],
                "HasFault": call["status"] >= 500,
                "HasError": 400 <= call["status"] < 500,
                "HasThrottle": call["status"] == 429,
                "IsPartial": False,
            }
            for number, call in enumerate(slow[begin : begin + _PAGE])
        ]
        following = {"NextToken": str(begin + _PAGE)} if begin + _PAGE < len(slow) else {}
        answer = {"TraceSummaries": summaries, "ApproximateTime": body["EndTime"], "TracesProcessedCount": len(slow)}
        return JSONResponse({**answer, **following})

    async def _admitted(self, request: Request) -> tuple[dict[str, Any], JSONResponse | None]:
        if f"Credential={self.KEY_ID}/" not in request.headers.get("authorization", ""):
            name = "UnrecognizedClientException"
            message = "The security token included in the request is invalid."
            return {}, JSONResponse({"message": message}, 403, {"x-amzn-ErrorType": name})
        return await request.json(), None

    async def _calls(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        span = {"begin": datetime.fromtimestamp(body["StartTime"], UTC), "end": datetime.fromtimestamp(body["EndTime"], UTC)}
        return await self.books.rows(_CALLS, span)


def _services(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The client, the shop and its database."""
    asked = [{"status": 200, "seconds": call["seconds"] / 2} for call in calls]
    client = {"ReferenceId": 0, "Name": "shop", "Names": ["shop"], "Root": True, "Type": "client", "State": "unknown"}
    shop = {"ReferenceId": 1, "Name": "shop", "Names": ["shop"], "Root": True, "Type": "AWS::ECS::Container", "State": "active"}
    database = {"ReferenceId": 2, "Name": "shop@db", "Names": ["shop@db"], "Type": "Database::SQL", "State": "unknown"}
    return [
        {**client, "Edges": [{"ReferenceId": 1, **_statistics(calls), "Aliases": []}]},
        {**shop, "Edges": [{"ReferenceId": 2, **_statistics(asked), "Aliases": []}], **_statistics(calls)},
        {**database, "Edges": [], **_statistics(asked)},
    ]


def _function(runs: int) -> dict[str, Any]:
    """What sends the company's reminders."""
    function = {"ReferenceId": 3, "Name": "reminders", "Names": ["reminders"], "Root": True, "Type": "AWS::Lambda::Function"}
    return {**function, "State": "active", "Edges": [], **_statistics([_RUN] * runs)}


def _statistics(calls: list[dict[str, Any]]) -> dict[str, Any]:
    throttled = sum(call["status"] == 429 for call in calls)
    errors = sum(400 <= call["status"] < 500 for call in calls)
    faults = sum(call["status"] >= 500 for call in calls)
    histogram = Counter(round(call["seconds"], 3) for call in calls)
    return {
        "SummaryStatistics": {
            "OkCount": len(calls) - errors - faults,
            "ErrorStatistics": {"ThrottleCount": throttled, "OtherCount": errors - throttled, "TotalCount": errors},
            "FaultStatistics": {"OtherCount": faults, "TotalCount": faults},
            "TotalCount": len(calls),
            "TotalResponseTime": sum(call["seconds"] for call in calls),
        },
        "ResponseTimeHistogram": [{"Value": value, "Count": count} for value, count in sorted(histogram.items())],
    }
