"""Google APIs that take an API key in the URL: what they answer to a key that is wrong.

Source: https://cloud.google.com/docs/authentication/api-keys and https://cloud.google.com/apis/design/errors
"""

from contextlib import suppress
from typing import Any

from exporter.clients.api import Answer
from exporter.clients.refusal import refusal
from exporter.errors import Denied, PollError

_OF_THE_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "keyInvalid", "keyExpired"})


def error_name(body: Any) -> object:
    """What the API calls an error."""
    return body["error"]["status"]


def error_of(answer: Answer) -> PollError:
    """The error of an answer that was let through. A wrong key comes as status 400, where others say 401."""
    error = _error(answer)
    if _OF_THE_KEY.intersection(_reasons(error)):
        return Denied(f"{answer.place}: the key is not valid; check api_key")
    name = error.get("status")
    return refusal(answer.status, answer.headers, answer.place, name if isinstance(name, str) and name.isidentifier() else "")


def is_not_found(answer: Answer) -> bool:
    """Whether the API itself says that there is no data, and not a server that has no such address."""
    return answer.status == 404 and _error(answer).get("status") == "NOT_FOUND"


def is_of_lighthouse(answer: Answer) -> bool:
    """Whether the run failed because of the page, and not because of the API."""
    errors = _error(answer).get("errors")
    items = errors if isinstance(errors, list) else []
    return any(isinstance(item, dict) and str(item.get("reason", "")).startswith("lighthouse") for item in items)


def _error(answer: Answer) -> dict[str, Any]:
    with suppress(PollError, LookupError, TypeError):
        error = answer.data()["error"]
        if isinstance(error, dict):
            return error
    return {}


def _reasons(error: dict[str, Any]) -> set[str]:
    items = [item for key in ("details", "errors") if isinstance(error.get(key), list) for item in error[key]]
    return {str(item["reason"]) for item in items if isinstance(item, dict) and "reason" in item}
