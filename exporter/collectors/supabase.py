"""Supabase: the metrics that Supabase serves of a project's database and its host, merged into this exporter's page.

Source: https://supabase.com/docs/guides/telemetry/metrics and
https://github.com/supabase/supabase-grafana/blob/main/docs/metrics.md
"""

import base64
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from exporter.collector import Duration, Every, Secret
from exporter.collectors.scrape import Rule, Scrape

_DECLARED = tuple(Scrape.declares_always())

_PATH = "/customer/v1/privileged/metrics"
_USER = "service_role"


def _rule(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Supabase(Scrape, kind="supabase"):
    """A project's metrics endpoint, under the names that node_exporter, postgres_exporter and Supabase give their metrics.

    All settings of the kind `scrape` hold. Where the kinds `node` or `postgres` run in the same Bellwether, their names are
    theirs: set `prefix`, or watch the project from a Bellwether of its own.
    """

    project: str = Field(default="", pattern=r"^([a-z0-9]{8,40})?$")
    """The project's reference, as in the address of its dashboard. It is where `url` comes from."""
    secret_key: Secret
    """A secret key of the project, which begins with `sb_secret_`, or the older key of `service_role`."""
    url: str = ""
    """The address of the metrics; made of `project` unless given."""
    metrics: tuple[Annotated[Rule, BeforeValidator(_rule)], ...] = ()
    """The metrics to take, as for the kind `scrape`; all unless given, some 200 series."""
    drop: tuple[str, ...] = ("go_*", "process_*", "promhttp_*", "scrape_*", "node_scrape_*")
    """Metrics to leave out: those that exporters make about themselves, unless given."""
    drop_labels: tuple[str, ...] = ("service_type",)
    """Labels to remove."""
    rename_labels: dict[str, str] = Field(default_factory=lambda: {"supabase_project_ref": "project"})
    """New names for labels."""
    every: Every = 60.0
    """How often it is asked: once. Supabase renews the figures once a minute."""
    timeout: Duration = 20.0
    """How long one run may take."""

    @model_validator(mode="before")
    @classmethod
    def _of_project(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = {**data, "metrics": data.get("metrics") or ["*"]}
        if data.get("url"):
            return data
        if not data.get("project"):
            raise ValueError("expected project, the reference of the project, or url")
        return {**data, "url": f"https://{data['project']}.supabase.co{_PATH}"}

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.username or self.bearer_token is not None:
            raise ValueError("expected secret_key and no other credentials")
        return self

    def credentials(self) -> dict[str, str]:
        """The key's header. Raises `OSError` when its file cannot be read."""
        pair = f"{_USER}:{self.secret_key.read()}".encode()
        return super().credentials() | {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
