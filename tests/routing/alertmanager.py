"""A real Alertmanager on the bundle's routes, real mail, SNS as moto emulates it, and sinks for all else."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx

from tests.routing.written import written
from tests.rules.rendered import RULES
from tests.stack import Sink, free_port, until
from tests.tools import alertmanager_command

AT_ONCE: dict[str, Any] = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
"""Of a priority: tell of every alert as soon as it is there."""


class Told:
    """An Alertmanager that runs, and all that it sends to anybody."""

    def __init__(self, url: str, sink: Sink) -> None:
        self.url, self.sink = url, sink

    def alert(self, name: str, ends: datetime | None = None, **labels: str) -> None:
        """What Prometheus would send. `ends` says that it is over."""
        self.alerts((name, labels), ends=ends)

    def alerts(self, *those: tuple[str, Mapping[str, str]], ends: datetime | None = None) -> None:
        """Several at once."""
        bodies = [self._body(name, labels, ends) for name, labels in those]
        httpx.post(f"{self.url}/api/v2/alerts", json=bodies).raise_for_status()

    def _body(self, name: str, labels: Mapping[str, str], ends: datetime | None) -> dict[str, Any]:
        rule = RULES[name]
        links = {
            key: expand(text, {**labels, **rule["labels"]}) for key, text in rule["annotations"].items() if key.endswith("_url")
        }
        own = {key: expand(value, labels) for key, value in rule["labels"].items()}
        return {
            "labels": {"alertname": name, **labels, **own},
            "annotations": {**rule["annotations"], **links, "description": f"What happened to {name}."},
            "startsAt": (ends or datetime.now(UTC)).isoformat(),
            "endsAt": (ends or datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }

    def silence(self, instance: str) -> None:
        matcher = {"name": "instance", "value": instance, "isRegex": False, "isEqual": True}
        now = datetime.now(UTC)
        span = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
        body = {"matchers": [matcher], **span, "createdBy": "test", "comment": "looked at"}
        httpx.post(f"{self.url}/api/v2/silences", json=body).raise_for_status()

    def at(self, path: str, containing: str) -> str:
        """The first body that was sent to a path and holds a text, as soon as there is one."""
        return until(lambda: next((body for body in self.sink.bodies.get(path, []) if containing in body), ""), 30, 0.1)

    def muted(self) -> set[tuple[str, str]]:
        """The alerts that others explain, with what tells each from others."""
        found = [each for each in httpx.get(f"{self.url}/api/v2/alerts").json() if each["status"]["inhibitedBy"]]
        return {(each["labels"]["alertname"], each["labels"].get("which", "")) for each in found}

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False


@contextmanager
def running(folder: Path, changes: Mapping[str, Any], rewrite: Callable[[str], str] = str) -> Iterator[Told]:
    """Alertmanager on the bundle's routes, and receivers that keep what comes."""
    address = f"127.0.0.1:{free_port()}"
    with Sink() as sink:
        (folder / "slack").write_text(f"{sink.url}/slack")
        (folder / "pagerduty").write_text("0123456789abcdef0123456789abcdef")
        receivers = {
            "pagerduty": {"routing_key_file": str(folder / "pagerduty"), "url": f"{sink.url}/pagerduty"},
            "slack": {"api_url_file": str(folder / "slack")},
            "email": {"smarthost": sink.smarthost, "require_tls": False},
            "sms": {"api_url": f"{sink.url}/sns"},
            "webhook": {"url": f"{sink.url}/webhook"},
            "sentry": {"url": f"{sink.url}/sentry"},
        }
        written(folder, **{**changes, "receivers": {**receivers, **changes.get("receivers", {})}})
        routes = folder / "prometheus/alertmanager.yml"
        routes.write_text(rewrite(routes.read_text()))
        command = alertmanager_command(
            f"--config.file={folder}/prometheus/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            "--log.level=debug",  # tells what it does not tell of
        )
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, env={**os.environ, **credentials}, stdout=log, stderr=log)
        try:
            told = Told(f"http://{address}", sink)
            until(told.is_ready, 30, 0.1)
            yield told
        finally:
            process.terminate()
            process.wait(timeout=10)


def expand(template: str, labels: Mapping[str, str]) -> str:
    """A text with the labels that Prometheus would put into it."""

    def value(found: re.Match[str]) -> str:
        return quote_plus(labels[found[1]]) if found[2] else labels[found[1]]

    return re.sub(r"{{ \$labels\.(\w+)( \| urlquery)? }}", value, template)


FACTOR = 400  # every duration of the ladder test's routes is divided by it: 5 minutes become 0.75 seconds
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def shortened(text: str) -> str:
    """Routes whose durations are divided by the factor."""
    return re.sub(
        r"((?:group_wait|group_interval|repeat_interval): )(\d+)([smhd])\n",
        lambda found: f"{found[1]}{int(found[2]) * _SECONDS[found[3]] * 1000 // FACTOR}ms\n",
        text,
    )
