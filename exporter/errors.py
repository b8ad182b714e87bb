"""Every error that Bellwether raises for others to catch.

BellwetherError
├── SettingsError          a file of the user's is wrong: the process ends with status 2
├── BundleError            a dashboard, rule or route cannot be rendered
├── DemoError              the embedded company cannot be started
└── PollError              a poll failed; says what to do next
├── Unreachable        no answer from the target: try again, waiting longer
├── Throttled          told to slow down: wait for `retry_after`
├── Denied             credentials or rights are wrong: a person must act
├── Malformed          an answer came, but not one we understand
└── TimedOut           the target took longer than it was given
"""

from typing import ClassVar


class BellwetherError(Exception):
    """The root of the tree."""


class SettingsError(BellwetherError):
    """A setting is wrong. The message names file, path in the file, value and what was expected."""


class BundleError(BellwetherError):
    """A dashboard, rule or route cannot be rendered."""


class DemoError(BellwetherError):
    """The embedded company cannot be started. The message says what is missing and how to get it."""


class PollError(BellwetherError):
    """A poll failed for a reason that the collector understands. Never holds a secret or a response body."""

    reason: ClassVar[str]


class Unreachable(PollError):
    """The target does not answer."""

    reason = "unreachable"


class Throttled(PollError):
    """The target asks for fewer requests."""

    reason = "throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the next request, when the target said so."""


class Denied(PollError):
    """The target refuses the credentials, or they lack a right."""

    reason = "denied"


class Malformed(PollError):
    """The target answered with something that cannot be read."""

    reason = "malformed"


class TimedOut(PollError):
    """The target took longer than the poll, the statement or the lock was given."""

    reason = "timeout"
