"""PageSpeed Insights of the company's website, as if Lighthouse had loaded its pages.

The company has no laboratory, so the timings are the medians of what visitors measured in the week up to now
(`bellwether.page_timings`); the performance score follows the share of their lcp, fcp and cls that is good, a fifth as far
below the best, since a laboratory has neither old phones nor bad networks; speed index and blocking time, which browsers do not
report, and the other scores are derived from these and the page's path.
Source: https://developers.google.com/speed/docs/insights/v5/reference/pagespeedapi/runpagespeed
"""

import zlib
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.crux import SITE, wrong_key
from exporter.demo.vendors.vendor import Vendor

KEY = "AIzaSyDemoKeyOfPageSpeedInsights0000000"

_AUDITS = {  # by id: title, what it is in the books, times what
    "first-contentful-paint": ("First Contentful Paint", "fcp", 1.0),
    "largest-contentful-paint": ("Largest Contentful Paint", "lcp", 1.0),
    "speed-index": ("Speed Index", "fcp", 1.25),
    "total-blocking-time": ("Total Blocking Time", "inp", 1.5),
    "interactive": ("Time to Interactive", "tti", 1.0),
    "server-response-time": ("Initial server response time was short", "ttfb", 1.0),
    "cumulative-layout-shift": ("Cumulative Layout Shift", "cls", 1.0),
}
_TITLES = {"performance": "Performance", "accessibility": "Accessibility", "best-practices": "Best Practices", "seo": "SEO"}
_SQL = """
    select timing,
           percentile_disc(0.5) within group (order by value)::float8 as median,
           avg((value <= case timing when 'lcp' then 2.5 when 'fcp' then 1.8 when 'cls' then 0.1 end)::int)::float8 as good
    from bellwether.page_timings
    where occurred_at > %(now)s - interval '7 days' and occurred_at <= %(now)s and page = %(page)s and device = %(device)s
    group by timing
"""


class Pagespeed(Vendor, name="pagespeed"):
    """The API's one method."""

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/pagespeedonline/v5/runPagespeed", self._run)]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "api_key": KEY, "site": SITE, "pages": ["/", "/pricing"]}

    async def _run(self, request: Request) -> JSONResponse:
        asked = request.query_params
        if asked.get("key") != KEY:
            return wrong_key("pagespeedonline.googleapis.com")
        address, strategy = asked.get("url", ""), asked.get("strategy", "DESKTOP").lower()
        page = address.removeprefix(SITE)
        rows = await self.books.rows(_SQL, {"now": self.books.now(), "page": page, "device": strategy})
        if not rows or not address.startswith(SITE):
            return _not_loaded()
        found = {row["timing"]: row for row in rows}
        names = [name.lower().replace("_", "-") for name in asked.getlist("category")] or ["performance"]
        at = self.books.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        result = {
            "requestedUrl": address,
            "finalUrl": address,
            "mainDocumentUrl": address,
            "finalDisplayedUrl": address,
            "lighthouseVersion": "12.8.2",
            "userAgent": "Mozilla/5.0 HeadlessChrome",
            "fetchTime": at,
            "runWarnings": [],
            "configSettings": {"emulatedFormFactor": strategy, "formFactor": strategy, "locale": "en", "channel": "lr"},
            "audits": {name: _audit(name, found) for name, (_, timing, _) in _AUDITS.items() if timing in found},
            "categories": {name: _category(name, page, found) for name in names},
            "timing": {"total": 12000.5},
        }
        return JSONResponse(
            {
                "captchaResult": "CAPTCHA_NOT_NEEDED",
                "kind": "pagespeedonline#result",
                "id": address,
                "loadingExperience": {"initial_url": address},
                "lighthouseResult": result,
                "analysisUTCTimestamp": at,
            }
        )


def _not_loaded() -> JSONResponse:
    message = (
        "Lighthouse returned error: FAILED_DOCUMENT_REQUEST. Lighthouse was unable to reliably load the page you requested."
        " Make sure you are testing the correct URL and that the server is properly responding to all requests."
        " (Details: net::ERR_CONNECTION_FAILED)"
    )
    error = {"message": message, "domain": "lighthouse", "reason": "lighthouseUserError"}
    return JSONResponse({"error": {"code": 400, "message": message, "errors": [error]}}, 400)


def _audit(name: str, found: dict[str, Any]) -> dict[str, Any]:
    title, timing, factor = _AUDITS[name]
    value = found[timing]["median"] * factor
    audit = {"id": name, "title": title, "description": f"{title}, as Lighthouse describes it.", "scoreDisplayMode": "numeric"}
    if timing == "cls":
        return {**audit, "score": 1, "displayValue": f"{value:.3f}", "numericValue": value, "numericUnit": "unitless"}
    shown = f"{value:.1f} s"
    return {**audit, "score": 1, "displayValue": shown, "numericValue": value * 1000, "numericUnit": "millisecond"}


def _category(name: str, page: str, found: dict[str, Any]) -> dict[str, Any]:
    if name == "performance":
        shares = [found[timing]["good"] for timing in ("lcp", "fcp", "cls") if timing in found]
        score = round(0.8 + 0.2 * sum(shares) / len(shares), 2)
    else:
        score = round(0.9 + zlib.crc32(f"{page}:{name}".encode()) % 11 / 100, 2)
    references = [{"id": audit, "weight": 10, "group": "metrics"} for audit in _AUDITS] if name == "performance" else []
    return {"id": name, "title": _TITLES[name], "score": score, "auditRefs": references}
