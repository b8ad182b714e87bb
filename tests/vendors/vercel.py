"""Vercel in the common tests. It documents no limit for these requests; the client counts what is left if an answer says so."""

from exporter.demo.vendors.vercel import Vercel
from tests.vendors.case import Case

CASE = Case(
    kind="vercel",
    settings=lambda url: {"url": url, "token": Vercel.TOKEN, "project": Vercel.PROJECT, "team": Vercel.TEAM},
    limit_per_hour=None,
    requests_per_hour=12 * 3 + 4 * 7,
)
