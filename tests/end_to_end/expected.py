"""What is told of each of the demo's incidents. Also in docs/demo.md, for whoever tries them."""

from collections.abc import Mapping

from tests.end_to_end.messages import OF_THIS_MACHINE

GROUPS: Mapping[str, Mapping[str, set[str]]] = {
    "machine and users": {
        "cpu-load": {"HostCpuHigh"},
        "memory-shortage": {"HostMemoryCritical"},
        "disk-full": {"HostDiskFull"},
        "certificate": {"CertificateExpiringSoon"},
        "payment-provider-down": {"VendorDown"},
        "database-blocked": {"DatabaseBlocked"},
        "job-backlog": {"JobsFail"},
        "mfa-failures": {"MfaFailures"},
        "notification-failures": {"NotificationFailures"},
        "realtime-disconnects": {"RealtimeConnectionsFail"},
        "support-spike": {"SupportTicketSpike"},
        "access-denied": {"AccessDenied", "PolicyViolated"},
    },
    "application": {
        "slow-database": {"ApiLatencyHigh"},
        "error-burst": {"ApiErrorsHigh"},
        "payment-outage": {"PaymentFailures"},
    },
}
"""Incidents that go on at once: each has a place of its own in the company, so that none explains another."""
AWAY: Mapping[str, Mapping[str, set[str]]] = {
    "exporter": {"exporter-down": {"HostDown"}},
    "database": {"database-down": {"DatabaseUnreachable"}},
}
"""Incidents that take figures of others away, each by itself."""
FROM_THE_BEGINNING = {
    "conversion-drop": {"FunnelConversionDropped"},
    "security-breach": {"CriticalSecurityEvent"},
}
"""Incidents that take longer than all others."""
SILENCED = {"brute-force": {"LoginFailures"}}
UNTOLD = {
    "traffic-drop": "less traffic than usual is an anomaly, and of what the application tells there is no past",
}
"""Incidents that no alert tells of, and why."""

LABELS = {
    "DatabaseUnreachable": {"instance": "demo"},
    "HostDiskFull": {"mountpoint": "/"},
    "PaymentFailures": {"source": "sql"},
    "VendorDown": {"source": "status-stripe"},
}
"""What some of these alerts are about, where it might be something else."""

TRUE_TOO: Mapping[str, set[str]] = {
    # The machines are short of everything. Realtime connections have an objective, of which nothing is known but these minutes.
    "machine and users": {"ErrorBudgetBurnsFast", "ErrorBudgetBurnsSlowly", "ErrorBudgetSpent", "HealthLow"},
    # An objective of each route that fails, and the crashes behind it.
    "application": {
        "CriticalApplicationError",
        "DatabaseQueriesSlow",
        "ErrorBudgetBurnsCritical",
        "ErrorBudgetBurnsFast",
        "ErrorBudgetBurnsSlowly",
        "ErrorBudgetSpent",
        "ErrorEventsSpike",
        "HealthLow",
        "VendorDown",  # the company's own page of its status tells of payments
    },
    "exporter": {"ExporterDown", "ErrorEventsSpike"},
    "database": {"CollectorFailing", "ErrorBudgetBurnsCritical", "ErrorBudgetBurnsFast", "ErrorEventsSpike", "WebsiteDown"},
}
"""What may be told besides, as a true consequence. Of more errors than usual people hear when the critical one is over."""
_ALL_THE_TIME = {name for names in FROM_THE_BEGINNING.values() for name in names}
ALWAYS = {*OF_THIS_MACHINE, *_ALL_THE_TIME, "IncidentUnacknowledged", "TooManyAlerts"}
"""Nobody answers the demo's own pages, and a group of incidents is more than people can follow."""
