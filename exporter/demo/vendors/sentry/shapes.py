"""What Sentry answers, in the shapes that it documents."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.demo.vendors.sentry.faults import PROJECTS, Issue

_FEATURES = (
    "Sessions Profiles Replays Flags MinifiedStackTrace Monitors Feedbacks NewFeedbacks UserReports InsightsHttp InsightsDb"
    " InsightsAssets InsightsAppStart InsightsScreenLoad InsightsVitals InsightsCaches InsightsQueues InsightsAgentMonitoring"
    " InsightsMCP Logs TraceMetrics"
)
_TYPES = {"count()": "integer", "count_unique(user)": "integer", "error.type": "array"}


def page(request: Request, rows: list[Any], at_once: int, shape: Callable[[list[Any]], Any] = lambda part: part) -> Response:
    """One page of rows, with links to those beside it. Their cursors count rows."""
    start = int(request.query_params.get("cursor", "0:0:0").split(":")[1])
    before, after = max(0, start - at_once), start + at_once
    path = request.url.include_query_params

    def link(rel: str, cursor: str, *, more: bool) -> str:
        return f'<{path(cursor=cursor)}>; rel="{rel}"; results="{"true" if more else "false"}"; cursor="{cursor}"'

    links = [link("previous", f"0:{before}:1", more=start > 0), link("next", f"0:{after}:0", more=after < len(rows))]
    return JSONResponse(shape(rows[start:after]), headers={"Link": ", ".join(links)})


def project(slug: str) -> dict[str, Any]:
    """One of the list of projects."""
    team = {"id": "2", "name": "Shop", "slug": "shop"}
    return {
        "slug": slug,
        "name": slug.title(),
        "dateCreated": "2025-08-12T08:00:00.000Z",
        "firstEvent": None,
        "access": [],
        "hasAccess": True,
        "id": PROJECTS[slug],
        "isBookmarked": False,
        "isMember": True,
        "platform": "python",
        "platforms": [],
        "team": team,
        "teams": [team],
        "environments": ["production"],
        "features": ["releases"],
        "firstTransactionEvent": False,
        **{f"has{feature}": feature == "Sessions" for feature in _FEATURES.split()},
        "latestRelease": None,
    }


def table(fields: list[str], rows: list[Any], dataset: str) -> dict[str, Any]:
    """A table of events."""
    return {
        "data": rows,
        "meta": {
            "fields": {name: _TYPES.get(name, "string") for name in fields},
            "units": dict.fromkeys(fields),
            "isMetricsData": False,
            "isMetricsExtractedData": False,
            "tips": {"query": None, "columns": None},
            "datasetReason": "unchanged",
            "dataset": dataset,
        },
    }


def issue(each: Issue, now: datetime) -> dict[str, Any]:
    """One of a list of issues, without what the request leaves out: stats, and whether it is unhandled."""
    substatus, title = each.substatus(now), f"{each.types[-1]}: {each.place}"
    return {
        "id": str(each.number),
        "shareId": None,
        "shortId": f"{each.project.upper()}-{each.number % 1000}",
        "title": title,
        "culprit": each.place,
        "permalink": f"https://shop.sentry.io/issues/{each.number}/",
        "logger": None,
        "level": each.level,
        "status": "unresolved" if substatus else "resolved",
        "statusDetails": {},
        "substatus": substatus,
        "isPublic": False,
        "platform": "python",
        "project": {"id": PROJECTS[each.project], "name": each.project.title(), "slug": each.project, "platform": "python"},
        "type": "error",
        "metadata": {"type": each.types[-1], "value": each.place, "title": title},
        "numComments": 0,
        "assignedTo": None,
        "isBookmarked": False,
        "isSubscribed": False,
        "subscriptionDetails": None,
        "hasSeen": False,
        "annotations": [],
        "issueType": "error",
        "issueCategory": "error",
        "priority": "high" if each.level == "fatal" else "medium",
        "priorityLockedAt": None,
        "count": str(len(each.times)),
        "userCount": len(each.users),
        "firstSeen": iso(each.times[0]),
        "lastSeen": iso(each.times[-1]),
    }


def iso(at: datetime) -> str:
    """A date as Sentry writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
