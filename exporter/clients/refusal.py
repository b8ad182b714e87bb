"""Refusal: the error for a status that means no success, with what to do and how long to wait.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-15 and https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable

_LONGEST_WAIT = 86400.0  # seconds; what asks for more would not be heard of again
_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset", "x-sentry-rate-limit-reset")
_HINTS = {
    401: "check the credentials",
    402: "check the plan of the account",
    403: "check the rights of the credentials",
    404: "check the URL",
}


def refusal(
    status: int, headers: httpx.Headers, place: str, name: str = "", meaning: type[PollError] | None = None
) -> PollError:
    """The error of a request; `name` is what the API calls it, and `meaning` what that is, where the status does not say."""
    message = f"{place}: got status {status}{_phrase(status)}{f' ({name})' if name else ''}"
    asked_to_wait = status == 429 or (status in {403, 503} and "retry-after" in headers)
    if meaning is Throttled or (meaning is None and asked_to_wait):
        return Throttled(f"{message}: asked to send fewer requests", _wait(headers))
    if status in _HINTS:
        message += f"; {_HINTS[status]}"
    if meaning is not None:
        return meaning(message)
    if status in {401, 402, 403, 407}:
        return Denied(message)
    if status in {408, 504}:
        return TimedOut(message)
    return Unreachable(message) if status >= 500 else Malformed(message)


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:  # a number of the API's own
        return ""


def _wait(headers: httpx.Headers) -> float | None:
    """Seconds that the API asks to wait; None where it does not say."""
    wait = _retry_after(headers.get("retry-after", ""))
    if wait is None:
        wait = next(filter(None, (_until_reset(headers.get(name, "")) for name in _RESETS)), None)
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT)


def _retry_after(text: str) -> float | None:
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(text).timestamp() - time.time()
    return None


def _until_reset(text: str) -> float | None:
    """There is no standard: some give seconds from now, some Unix time, some that in milliseconds."""
    if not text.strip().isdecimal():
        return None
    number = float(text)
    if number > 1e11:
        number /= 1000
    return number - time.time() if number > 1e9 else number
