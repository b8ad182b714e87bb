"""What services of web analytics ought to say of the company's website, worked out in Python from its visits: a second way."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import psycopg

from exporter.demo.company import Company
from tests.packs.conftest import NOW

WINDOWS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
CHANNELS = {
    None: "Direct", "organic": "Organic Search", "cpc": "Paid Search", "social": "Organic Social", "email": "Email",
    "referral": "Referral",
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    visitor: str
    began: datetime
    ended: datetime
    pages: int
    signed_in: bool
    country: str | None
    device: str | None
    source: str | None
    medium: str | None

    @cached_property
    def dice(self) -> bytes:
        return hashlib.md5(self.visitor.encode(), usedforsecurity=False).digest()

    @property
    def from_country(self) -> str:
        return self.country or ("US", "DE", "GB", "FR", "NL", "AT", "CA", "ES")[self.dice[0] // 32]

    @property
    def browser(self) -> str:
        bounds = {150: "chrome", 200: "safari", 230: "firefox", 256: "edge"}
        return next(name for bound, name in bounds.items() if self.dice[1] < bound)

    @property
    def system(self) -> str | None:
        dice = self.dice[2]
        if self.device == "desktop":
            return "windows" if dice < 140 else "mac" if dice < 230 else "linux"
        if self.device == "mobile":
            return "ios" if dice < 128 else "android"
        return "ios" if self.device == "tablet" else None

    @property
    def seen(self) -> list[str]:
        """The pages, with the identifier of a report taken out."""
        there = ["/dashboard", "/reports/{id}", "/settings", "/team"]
        return (there if self.signed_in else ["/", "/pricing", "/features", "/signup"])[: self.pages]


@dataclass
class Audience:
    visits: list[Visit] = field(default_factory=list)
    events: list[tuple[str, datetime, str]] = field(default_factory=list)
    """Visitor, instant and name."""

    @classmethod
    def of(cls, company: Company) -> "Audience":
        since = NOW - timedelta(days=31)
        with psycopg.connect(company.application_dsn) as connection:
            countries: dict[str, str] = dict(
                connection.execute(
                    "select user_id, country from bellwether.users join bellwether.accounts using (account_id)"
                ).fetchall()
            )
            visits = connection.execute(
                "select visitor_id, started_at, ended_at, page_views, user_id, device, source, medium"
                " from bellwether.sessions where started_at > %s",
                (since,),
            ).fetchall()
            events = connection.execute(
                "select visitor_id, occurred_at, name from bellwether.events where occurred_at > %s", (since,)
            ).fetchall()
        made = [
            Visit(visitor, began, ended, pages, user is not None, countries.get(user), device, source, medium)
            for visitor, began, ended, pages, user, device, source, medium in visits
        ]
        return cls(made, list(events))

    def within(self, since: datetime, until: datetime = NOW) -> list[Visit]:
        return [visit for visit in self.visits if since < visit.began <= until]

    def current(self, within: timedelta = timedelta(minutes=5)) -> int:
        there = {visit.visitor for visit in self.within(NOW - timedelta(days=1)) if visit.ended > NOW - within}
        return len(there)

    def over(self, visits: list[Visit]) -> list[Visit]:
        return [visit for visit in visits if visit.ended <= NOW]

    def by(self, visits: list[Visit], trait: str) -> Counter[str]:
        """Visitors by a trait; what is not known is empty."""
        return Counter(value for _, value in {(visit.visitor, getattr(visit, trait) or "") for visit in visits})

    def pages(self, visits: list[Visit]) -> Counter[str]:
        return Counter(page for _, page in {(visit.visitor, page) for visit in visits for page in visit.seen})

    def done(self, since: datetime, until: datetime = NOW) -> tuple[Counter[str], Counter[str]]:
        """Events, and visitors who did them, by name."""
        rows = [(visitor, name) for visitor, at, name in self.events if since < at <= until]
        return Counter(name for _, name in rows), Counter(name for _, name in set(rows))


def renamed(counts: Counter[str], names: dict[str, str], window: str = "1d") -> dict[tuple[str, str], float]:
    """As labels have it."""
    return {(names.get(value, value), window): count for value, count in counts.items()}
