"""What a user may change of the bundle: a YAML file in, `Bundle` out. Defaults stand in dashboards/lib/config.libsonnet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Required

from pydantic import ConfigDict, Field, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from exporter.bundle import sense
from exporter.bundle.jsonnet import evaluate
from exporter.bundle.values import (
    Address,
    Channel,
    Clock,
    Currency,
    Gathered,
    Holiday,
    Hour,
    Interval,
    Job,
    Label,
    Matched,
    Name,
    Number,
    Priority,
    Span,
    Tier,
    Value,
    Weekdays,
    Zone,
)
from exporter.document import Document, Problem, problems_of
from exporter.fields import Model
from exporter.sources import sources_folder

Preset = Literal["startup", "growth", "scale"]


_STRICT = with_config(ConfigDict(extra="forbid"))


@_STRICT
class Links(TypedDict, total=False):
    """Where people reach these; alerts and dashboards link to them."""

    grafana: Address
    runbooks: Address
    prometheus: Address
    alertmanager: Address


@_STRICT
class Jobs(TypedDict, total=False):
    """The names under which Prometheus scrapes."""

    bellwether: Job
    node: Job
    cadvisor: Job
    postgres: Job
    pgbouncer: Job
    blackbox: Job
    app: Job  # your own application
    prometheus: Job
    alertmanager: Job


@_STRICT
class PagerDuty(TypedDict, total=False):
    """PagerDuty's Events API, version 2."""

    routing_key_file: Name
    url: Address


@_STRICT
class Slack(TypedDict, total=False):
    """A Slack incoming webhook; its address is a secret, and so in a file."""

    api_url_file: Name
    channel: Name


_Sender = TypedDict("_Sender", {"from": Name}, total=False)  # a word of Python cannot be a field of a class


@_STRICT
class Email(_Sender, total=False):
    """A mail server, and who gets mail."""

    smarthost: Name
    to: Name
    require_tls: bool
    username: str  # without one, mail is handed over without authentication
    password_file: Name


@_STRICT
class Sms(TypedDict, total=False):
    """Text messages through an AWS SNS topic; credentials come from Alertmanager's environment or instance role."""

    topic_arn: Name
    region: Name
    api_url: Address


@_STRICT
class Webhook(TypedDict, total=False):
    """Any address that takes Alertmanager's JSON."""

    url: Required[Address]
    token_file: str  # a bearer token to send along


@_STRICT
class Receivers(TypedDict, total=False):
    """Who is told. Null leaves a receiver out."""

    pagerduty: PagerDuty | None
    slack: Slack | None
    email: Email | None
    sms: Sms | None
    sentry: Webhook | None  # Sentry's, or what hands on to it
    webhook: Webhook | None
    heartbeat: Webhook | None  # what expects the Watchdog every five minutes; the webhook unless given


_Begin = TypedDict("_Begin", {"from": Clock})  # a word of Python cannot be a field of a class


@_STRICT
class Maintenance(_Begin):
    """Planned work on certain days of the week, in UTC. Nobody is told of alerts on these objectives and services."""

    slos: NotRequired[list[Value]]  # nothing counts against them besides
    services: NotRequired[list[Value]]  # values of the label `service` that every alert has
    days: list[Annotated[int, Field(ge=0, le=6)]]  # 0 is Sunday
    to: Clock


@_STRICT
class Cost(TypedDict):
    """What a service costs."""

    monthly: Annotated[float, Field(ge=0)]
    currency: Currency


@_STRICT
class Scaling(TypedDict, total=False):
    """What one replica of a service takes, and how many there are."""

    requests_per_second: Annotated[float, Field(gt=0)]
    cpu_ratio: Annotated[float, Field(gt=0, le=1)]
    latency_seconds: Annotated[float, Field(gt=0)]
    replicas: Annotated[int, Field(ge=1)]


_Hours = TypedDict("_Hours", {"from": Clock}, total=False)


@_STRICT
class BusinessHours(_Hours, total=False):
    """When people work, in a time zone; holidays are dates."""

    days: Weekdays
    to: Clock
    location: Zone
    holidays: list[Holiday]


@_STRICT
class Digest(TypedDict, total=False):
    """Alerts of one priority that are told of in one message."""

    priority: Gathered
    domains: list[Name]


@_STRICT
class DailyDigest(Digest, total=False):
    """At a time of business days."""

    at: Hour


@_STRICT
class Digests(TypedDict, total=False):
    """What is told of at most once an hour, and once a day."""

    hourly: Digest
    daily: DailyDigest


@_STRICT
class TierChange(TypedDict, total=False):
    """Who is told after some time of what nobody has silenced."""

    after: Span
    priorities: Annotated[list[Priority], Field(min_length=1)]
    receivers: Receivers  # what is different from the receivers of everything else


@_STRICT
class PriorityChange(TypedDict, total=False):
    """What is different about a priority."""

    receivers: list[Channel]
    domains: dict[str, list[Channel]]  # those of one domain's alerts, in place of the priority's own
    waits: bool  # for business hours
    group_by: list[Name]
    group_wait: Span
    group_interval: Interval
    repeat_interval: Interval


_Delay = TypedDict("_Delay", {"for": Span}, total=False)


@_STRICT
class AlertChange(_Delay, total=False):
    """What is different about an alert."""

    expr: Name
    keep_firing_for: Span
    priority: Priority
    summary: Name
    description: Name
    impact: Name
    action: Name
    dashboard: Name
    labels: dict[str, str]
    annotations: dict[str, str]


class Bundle(Model):
    """All that a user decides about the bundle. A key that is not given keeps its default."""

    currency: Currency | None = None
    """The currency of figures that have no other, as ISO 4217 writes it."""
    preset: Preset | None = None
    """How large the company is: changes to thresholds and priorities that fit it. What is given here besides comes first."""
    collectors: tuple[Name, ...] | None = None
    """The kinds of collector that run; panels and alerts of others are left out. All unless given."""
    packs: tuple[Name, ...] | None = None
    """The packs that run; panels and alerts of others are left out. All unless given."""
    source: Name | None = None
    """The name of the collector whose business figures are shown at first, where several tell the same."""
    selector: Mapping[Label, Matched] = Field(default={})
    """Labels that every series asked for has to have, such as `environment: production`."""
    fiscal_year_starts: int | None = Field(default=None, ge=1, le=12)
    """The month in which the fiscal year begins, 1 to 12."""
    links: Links = Links()
    jobs: Jobs = Jobs()
    limits: Mapping[str, dict[str, Number]] = Field(default={})
    """Thresholds, by their names in dashboards/lib/limits.libsonnet and in alerts/*.jsonnet."""
    slos: Mapping[str, dict[str, Any] | None] = Field(default={})
    """Changes to objectives, by their names in alerts/slo.jsonnet; null leaves one out."""
    anomalies: Mapping[str, dict[str, Any] | None] = Field(default={})
    """Changes to anomalies, by their names in alerts/anomalies.jsonnet; null leaves one out."""
    maintenance: tuple[Maintenance, ...] = ()
    """Planned work, each week: what fails in it counts against no objective, and nobody is told of it."""
    costs: Mapping[str, Cost] = Field(default={})
    """What services cost, by name."""
    scaling: Mapping[str, Scaling] = Field(default={})
    """What one replica of a service takes, by the service's name."""
    business_hours: BusinessHours = BusinessHours()
    """When people work, for alerts that wait until then."""
    digests: Digests = Digests()
    """Which alerts are gathered into one message an hour, or a day."""
    escalation: Mapping[Tier, TierChange | None] = Field(default={})
    """Who is told after some time of what nobody has silenced, by name of the tier; null leaves one out."""
    priorities: Mapping[Priority, PriorityChange] = Field(default={})
    """Who is told of a priority, and how often."""
    alerts: Mapping[str, AlertChange | None] = Field(default={})
    """Changes to alerts by name; null leaves the alert out."""
    depends_on: Mapping[Value, Annotated[list[Value], Field(min_length=1)]] = Field(default={})
    """Which services depend on which vendors, by the names of the collectors that read the vendors' status pages."""
    grafana_alerting: bool = False
    """Whether contact points and notification policies for Grafana's own alerting are made too."""
    receivers: Receivers = Receivers()

    def config(self, sources: Path) -> dict[str, Any]:
        """The whole configuration, as the Jsonnet sources read it: their defaults, and what is given here in their place."""
        defaults = evaluate(sources, "import 'dashboards/lib/config.libsonnet'")
        given = self.model_dump(exclude_unset=True, exclude={"preset", "collectors", "packs"})
        preset = evaluate(sources, "import 'dashboards/lib/presets.libsonnet'")[self.preset] if self.preset else {}
        return _merged(_merged(defaults, preset), given)


def load(file: Path, sources: Path | None = None) -> Bundle:
    """Read a bundle's configuration. Raises `SettingsError`: one message, with a line for each thing that is wrong."""
    sources = sources or sources_folder()
    document = Document.read(file)
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise document.error([Problem((), "expected a mapping")])
    try:
        bundle = Bundle.model_validate(data)
    except ValidationError as error:
        raise document.error(problems_of(error, Bundle, (), data)) from None
    if problems := list(sense.problems(bundle.model_dump(exclude_unset=True), sources)):
        raise document.error(problems)
    return bundle


def _merged(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(defaults)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
