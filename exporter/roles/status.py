"""Service status: what a service that you depend on says of itself on its public page, whichever product serves the page.

Whether the page could be read at all is the collector's own `bellwether_collector_up`. Words are those of Statuspage, since
most pages have them. Source: https://support.atlassian.com/statuspage/docs/top-level-status-and-incident-impact-calculations/
"""

from exporter.metric import Metric

INDICATORS = ("none", "minor", "major", "critical", "maintenance", "unknown")
"""What a page says as a whole, and of the impact of an incident; unknown is a word that is not understood, never a good one."""
STATUSES = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance", "unknown")
"""What a page says of a component."""
STATES = ("scheduled", "in_progress", "verifying", "unknown")
"""How far a maintenance is that is not over."""

INDICATOR = Metric(
    "service_status_page_state",
    "Whether the page as a whole says this: 1 or 0; none is for no trouble, unknown for a word that is not understood.",
    labels=("source", "indicator"),
)
COMPONENTS = Metric(
    "service_status_components",
    "Components of the page by status; groups are not counted beside what is in them.",
    labels=("source", "status"),
)
COMPONENT = Metric(
    "service_status_component_state",
    "Set to 1 with the status that a component has, of a number of components: those in trouble come first.",
    labels=("source", "component", "status"),
)
INCIDENTS = Metric(
    "service_status_incidents",
    "Incidents on the page that are not over, by impact. No value where the page tells of none, not even that there is none.",
    labels=("source", "impact"),
)
MAINTENANCES = Metric(
    "service_status_maintenances",
    "Maintenances on the page that are not over, by how far they are. No value where the page does not tell.",
    labels=("source", "state"),
)
UPDATED = Metric(
    "service_status_updated_timestamp_seconds",
    "When the page was last changed, in Unix time, where it says so.",
    labels=("source",),
)
