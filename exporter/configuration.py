"""The settings in force, as a page that may be shown: defaults filled in, secrets and whatever may hold one taken out."""

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import yaml

from exporter.collector import Collector
from exporter.guard import REDACTED, looks_personal
from exporter.settings import Settings


def as_yaml(settings: Settings) -> str:
    """The settings as YAML, in the form of the settings file."""
    shown: dict[str, Any] = {"collectors": [_collector(each) for each in settings.collectors]}
    if settings.prober.modules:
        modules = {name: _collector(each, leave_out={"target", "name"}) for name, each in settings.prober.modules.items()}
        shown["probe"] = {"targets": list(settings.prober.targets), "modules": modules}
    return yaml.safe_dump(shown, sort_keys=False, width=120, allow_unicode=True)


def _collector(collector: Collector, leave_out: set[str] | None = None) -> dict[str, Any]:
    fields = collector.model_dump(mode="json", exclude=leave_out)
    return {"kind": collector.kind} | {
        name: _hidden(value) if collector.hides(name) else _safe(value) for name, value in fields.items() if value is not None
    }


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return dict.fromkeys(value, REDACTED)
    return REDACTED if value else value


def _safe(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _safe(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if not isinstance(value, str):
        return value
    if "://" in value:
        value = _without_credentials(value)
    return REDACTED if looks_personal(value) else value


def _without_credentials(url: str) -> str:
    """A URL without user, password and the values of its query, which often are tokens."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=re.sub(r"=[^&]*", f"={REDACTED}", parts.query)))
