"""The Chrome UX Report of the company's website, from the timings that its pages recorded (`bellwether.page_timings`).

As with the real one the figures are of 28 days, end two days ago, and lack where there were too few visits.
Source: https://developer.chrome.com/docs/crux/api
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.vendor import Vendor

SITE = "https://shop.example"
KEY = "AIzaSyDemoKeyOfTheChromeUXReport0000000"
FEWEST = 30
"""Measurements of a vital below which there is no figure."""

_AGE = 2  # days until figures come out
_LENGTH = 28  # days
_DEVICES = {"PHONE": "mobile", "DESKTOP": "desktop", "TABLET": "tablet"}
_VITALS: dict[
    str, tuple[str, str | int, str | int]
] = {  # by name: what it is in the books, and the bounds of good and poor, as the report writes them
    "cumulative_layout_shift": ("cls", "0.10", "0.25"),
    "experimental_time_to_first_byte": ("ttfb", 800, 1800),
    "first_contentful_paint": ("fcp", 1800, 3000),
    "interaction_to_next_paint": ("inp", 200, 500),
    "largest_contentful_paint": ("lcp", 2500, 4000),
}
_SQL = """
    select timing,
           count(*) as measured,
           percentile_disc(0.75) within group (order by value) as p75,
           avg((value <= good_to)::int)::float8 as good,
           avg((value > good_to and value <= fair_to)::int)::float8 as fair
    from bellwether.page_timings
    join unnest(%(timings)s::text[], %(good)s::numeric[], %(fair)s::numeric[]) as bounds (timing, good_to, fair_to)
      using (timing)
    where occurred_at >= %(from)s and occurred_at < %(to)s
      and (%(page)s::text is null or page = %(page)s)
      and (%(device)s::text is null or device = %(device)s)
    group by timing
"""


class Crux(Vendor, name="crux"):
    """The API's one method."""

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/v1/records:queryRecord", self._record, methods=["POST"])]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "api_key": KEY, "site": SITE, "pages": ["/", "/pricing"]}

    async def _record(self, request: Request) -> JSONResponse:
        if request.query_params.get("key") != KEY:
            return wrong_key("chromeuxreport.googleapis.com")
        asked = await request.json()
        target = asked.get("url") or asked.get("origin") or ""
        last = self.books.now().date() - timedelta(days=_AGE)
        first = last - timedelta(days=_LENGTH - 1)
        metrics = await self._metrics(asked, target, first, last) if target.startswith(SITE) else {}
        if not metrics:
            return JSONResponse(
                {"error": {"code": 404, "message": "chrome ux report data not found", "status": "NOT_FOUND"}}, 404
            )
        key = {name: asked[name] for name in ("formFactor", "origin", "url") if name in asked}
        period = {"firstDate": _written(first), "lastDate": _written(last)}
        return JSONResponse({"record": {"key": key, "metrics": metrics, "collectionPeriod": period}})

    async def _metrics(self, asked: dict[str, Any], target: str, first: date, last: date) -> dict[str, Any]:
        names = {name: bounds for name, bounds in _VITALS.items() if name in (asked.get("metrics") or _VITALS)}
        rows = await self.books.rows(
            _SQL,
            {
                "timings": [timing for timing, *_ in names.values()],
                "good": [_in_books(good) for _, good, _ in names.values()],
                "fair": [_in_books(fair) for _, _, fair in names.values()],
                "from": datetime.combine(first, time(), UTC),
                "to": datetime.combine(last + timedelta(days=1), time(), UTC),
                "page": target.removeprefix(SITE) if "url" in asked else None,
                "device": _DEVICES[asked["formFactor"]] if "formFactor" in asked else None,
            },
        )
        found = {row["timing"]: row for row in rows if row["measured"] >= FEWEST}
        return {name: _metric(found[timing], good, fair) for name, (timing, good, fair) in names.items() if timing in found}


def wrong_key(service: str) -> JSONResponse:
    """What Google's APIs answer to a key that they do not know."""
    message = "API key not valid. Please pass a valid API key."
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": service},
    }
    return JSONResponse({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": [detail]}}, 400)


def _in_books(bound: str | int) -> float:
    return float(bound) if isinstance(bound, str) else bound / 1000


def _metric(row: dict[str, Any], good: str | int, fair: str | int) -> dict[str, Any]:
    """Times are whole milliseconds, a layout shift is a text."""
    start, p75 = ("0.00", f"{row['p75']:.2f}") if isinstance(good, str) else (0, round(row["p75"] * 1000))
    return {
        "histogram": [
            {"start": start, "end": good, "density": round(row["good"], 4)},
            {"start": good, "end": fair, "density": round(row["fair"], 4)},
            {"start": fair, "density": round(1 - row["good"] - row["fair"], 4)},
        ],
        "percentiles": {"p75": p75},
    }


def _written(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}
