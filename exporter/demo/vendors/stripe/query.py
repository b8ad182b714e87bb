"""Query: what a request to Stripe asks for, and how it is refused.

Source: https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/errors and https://docs.stripe.com/expand
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request
from starlette.responses import JSONResponse

_MOST, _USUAL = 100, 10  # objects on a page
_LEVELS = 4  # of what can be expanded
_INDEXED = re.compile(r"(\w+)\[\d*\]")
_BOUNDS = ("gte", "gt", "lte", "lt")


class Refused(Exception):
    """That a request is answered with an error."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def refused(
    status: int, message: str, *, headers: Mapping[str, str], code: str | None = None, param: str | None = None
) -> JSONResponse:
    """The answer that says so."""
    error: dict[str, str] = {"message": message, "type": "invalid_request_error"}
    if code is not None:
        error |= {"code": code, "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"}
    if param is not None:
        error["param"] = param
    return JSONResponse({"error": error}, status, dict(headers))


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one request."""

    id: str
    """The object in the path, where there is one."""
    given: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Request) -> Self:
        """Raises `Refused` for what Stripe refuses."""
        query = cls(request.path_params.get("id", ""), tuple(request.query_params.multi_items()))
        if not 1 <= query.limit <= _MOST:
            raise Refused(400, f"This value must be between 1 and {_MOST}", "parameter_invalid_integer", "limit")
        if any(path.count(".") >= _LEVELS for path in query.many("expand")):
            raise Refused(400, "You cannot expand more than 4 levels of a property", None, "expand")
        return query

    @property
    def limit(self) -> int:
        """How many objects a page may hold."""
        return int(self.one("limit") or _USUAL)

    @property
    def earliest(self) -> int | None:
        """The date before which nothing is asked for."""
        bounds = [int(value) for name, value in self.given if name in {"created[gte]", "created[gt]"}]
        return max(bounds, default=None)

    def one(self, name: str) -> str | None:
        """The value of a parameter; None where it is not given."""
        return next((value for each, value in self.given if each == name), None)

    def required(self, name: str) -> str:
        """The value of a parameter that must be given."""
        value = self.one(name)
        if value is None:
            raise Refused(400, f"Missing required param: {name}.", "parameter_missing", name)
        return value

    def many(self, name: str) -> list[str]:
        """The values of a list such as `expand[]` or `expand[0]`."""
        return [value for each, value in self.given if (match := _INDEXED.fullmatch(each)) and match[1] == name]

    def covers(self, created: int) -> bool:
        """Whether an object of that date is asked for."""
        for bound in _BOUNDS:
            value = self.one(f"created[{bound}]")
            if value is not None and not _holds(bound, created, int(value)):
                return False
        return True


def _holds(bound: str, created: int, limit: int) -> bool:
    return {"gte": created >= limit, "gt": created > limit, "lte": created <= limit, "lt": created < limit}[bound]
