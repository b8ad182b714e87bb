"""What the status pages have to tell: what shop.incidents says, and each Tuesday's release.

An incident's first word says what is hit, as in payment-outage. The release, which the story's realtime connections feel, is
a maintenance of half an hour.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.demo.vendors.vendor import Books

SEVERITY = {"operational": 0, "under_maintenance": 1, "degraded_performance": 2, "partial_outage": 3, "major_outage": 4}
"""Of a component's status, in Statuspage's words."""
IMPACT = {"degraded_performance": "minor", "partial_outage": "major", "major_outage": "critical"}
"""What an incident is called that makes a component that."""
RELEASE_LASTS = timedelta(minutes=30)
_HIT = {  # by an incident's first word
    "payment": ("Payments", "major_outage"),
    "notification": ("Notifications", "partial_outage"),
    "brute": ("Sign-in", "degraded_performance"),
    "traffic": ("Website", "degraded_performance"),
}
_ANYTHING_ELSE = ("API", "degraded_performance")
VENDORS_OWN = "payment-provider-down"
"""The incident of a vendor's that the company has not felt, so that its own page is silent on it."""
_RELEASE_DAY, _RELEASE_AT = 1, timedelta(hours=13, minutes=30)


@dataclass(frozen=True)
class Incident:
    """Something that goes on at the company."""

    name: str
    effect: str
    began: datetime

    @property
    def component(self) -> str:
        """What it hits."""
        return _HIT.get(self.name.partition("-")[0], _ANYTHING_ELSE)[0]

    @property
    def status(self) -> str:
        """What that is then, in Statuspage's words."""
        return _HIT.get(self.name.partition("-")[0], _ANYTHING_ELSE)[1]


@dataclass(frozen=True)
class State:
    """What there is to tell at an instant."""

    now: datetime
    incidents: list[Incident]
    changed: datetime
    release: datetime
    """The one that goes on or is to come."""

    @property
    def releasing(self) -> bool:
        """Whether it goes on."""
        return self.release <= self.now

    def status_of(self, component: str) -> str:
        """A component's status, in Statuspage's words."""
        statuses = [incident.status for incident in self.incidents if incident.component == component]
        if self.releasing and component == "API":
            statuses.append("under_maintenance")
        return max(statuses, key=SEVERITY.__getitem__, default="operational")

    @property
    def indicator(self) -> str:
        """The page's, in Statuspage's words."""
        worst = max((incident.status for incident in self.incidents), key=SEVERITY.__getitem__, default="")
        return IMPACT.get(worst, "maintenance" if self.releasing else "none")


async def state_of(books: Books, about: Collection[str] = ()) -> State:
    """What there is to tell now, of incidents whose first word is one of these; of all of the company's, unless given."""
    now = books.now()
    rows = await books.rows(
        "select name, effect, started_at, ended_at from shop.incidents join shop.known_incidents using (name)"
        " where started_at <= %s order by started_at, name",
        [now],
    )
    rows = [row for row in rows if (row["name"].partition("-")[0] in about if about else row["name"] != VENDORS_OWN)]
    incidents = [
        Incident(row["name"], row["effect"], row["started_at"])
        for row in rows
        if row["ended_at"] is None or row["ended_at"] > now
    ]
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    release = monday + timedelta(days=_RELEASE_DAY) + _RELEASE_AT
    turns = [at for row in rows for at in (row["started_at"], row["ended_at"]) if at is not None and at <= now]
    turns += [at for each in (release - timedelta(days=7), release) for at in (each, each + RELEASE_LASTS) if at <= now]
    if release + RELEASE_LASTS <= now:
        release += timedelta(days=7)
    return State(now, incidents, max(turns), release)
