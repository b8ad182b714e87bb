"""What an answer has to say, as the settings put it.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/CONFIGURATION.md
"""

import re
from typing import Self

from pydantic import Field, model_validator

from exporter.collector import Model
from exporter.collectors.probes.probe import BY_TARGET
from exporter.metric import Metric

FAILED_REGEX = Metric(
    "probe_failed_due_to_regex",
    "Whether the probe failed because a regular expression matched, or did not: 1 or 0.",
    labels=BY_TARGET,
)

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


class HeaderMatch(Model):
    """A response header, and an expression that its value is compared with."""

    header: str
    """The header's name."""
    regexp: re.Pattern[str]
    """The expression; it may match anywhere in the value."""
    allow_missing: bool = False
    """Whether a response without the header is as good as one that passes."""


class Step(Model):
    """One step of a conversation: wait for a line or bytes, then say something, then begin TLS; each where it is given."""

    expect: re.Pattern[str] | None = None
    """Lines are read until one matches this expression."""
    expect_bytes: str = ""
    """Exactly this text has to come next."""
    send: str = ""
    """A line to send; `${1}` stands for what the first group of `expect` matched. It is no place for secrets."""
    starttls: bool = False
    """Whether to begin TLS now."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of `probe_expect_info` and their values; `${1}` stands for what the first group of `expect` matched."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.expect is not None and self.expect_bytes:
            raise ValueError("expected expect or expect_bytes, not both")
        if self.expect is None:
            if self.labels:
                raise ValueError("expected an expression in expect beside labels")
            return self
        groups = {*map(str, range(self.expect.groups + 1)), *self.expect.groupindex}
        for name in (name for text in (self.send, *self.labels.values()) for name in _references(text)):
            if name not in groups:
                raise ValueError(f"${{{name}}} stands for no group of expect; write $$$$ for a dollar sign")
        return self


def _references(text: str) -> list[str]:
    return [match[2] or match[3] for match in _REFERENCE.finditer(text) if not match[1]]


def expanded(text: str, match: re.Match[str]) -> str:
    """A text with `${1}`, `$1` and `$$` replaced; a group that took no part stands for nothing."""

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        return match[int(name) if name.isdigit() else name] or ""

    return _REFERENCE.sub(value, text)
