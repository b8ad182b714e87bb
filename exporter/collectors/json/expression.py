"""Expression: a JMESPath expression of the settings, refused at start where it cannot work.

Source: https://jmespath.org/specification.html
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import jmespath
from jmespath import exceptions, functions
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class _Functions(functions.Functions):
    """Those of JMESPath, and two that figures are in need of."""

    @functions.signature({"types": ["string"]})
    def _func_timestamp(self, text: str) -> float | None:
        """Unix time of a date in ISO 8601; one without a zone is taken for UTC."""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

    @functions.signature({"types": ["string"]})
    def _func_path(self, text: str) -> str:
        """The path of a URL, without what may tell one visitor from another."""
        return urlsplit(text).path or "/"


_OPTIONS = jmespath.Options(custom_functions=_Functions())
_TABLE: dict[str, dict[str, Any]] = _Functions.FUNCTION_TABLE


class Expression:
    """Finds something in a document. Raises `ValueError` when the text is no expression or calls what does not exist."""

    __slots__ = ("_search", "_text")

    def __init__(self, text: str) -> None:
        try:
            compiled = jmespath.compile(text)
        except exceptions.ParseError as error:
            raise ValueError(
                f"expected a JMESPath expression; this one cannot be read from column {error.lex_position + 1} on"
            ) from None
        except exceptions.JMESPathError:
            raise ValueError("expected a JMESPath expression, got an empty text") from None
        for name, given in _calls(compiled.parsed):
            _check_call(name, given)
        self._text = text
        self._search: Callable[..., Any] = compiled.search

    def find(self, document: Any) -> Any:
        """What it finds, None where there is nothing. Raises `ValueError` when the document has another form than expected."""
        try:
            return self._search(document, options=_OPTIONS)
        except (exceptions.JMESPathError, ValueError, TypeError, KeyError, ZeroDivisionError):  # holding parts of the document
            raise ValueError(f"{self._text}: expected other types in the document") from None

    def __repr__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema(when_used="always")
        )

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("expected a JMESPath expression as text")


def _calls(node: Any) -> Iterator[tuple[str, int]]:
    """Names of the functions that are called, and with how many arguments."""
    if node["type"] == "function_expression":
        yield node["value"], len(node["children"])
    for child in node["children"]:
        if isinstance(child, dict) and "type" in child:  # a slice has bare numbers
            yield from _calls(child)


def _check_call(name: str, given: int) -> None:
    known = _TABLE.get(name)
    if known is None:
        raise ValueError(f"JMESPath has no function {name}; expected one of {', '.join(sorted(_TABLE))}")
    wanted = known["signature"]
    varies = bool(wanted) and wanted[-1].get("variadic", False)
    if given < len(wanted) or (given > len(wanted) and not varies):
        raise ValueError(f"the function {name} takes {'at least ' if varies else ''}{len(wanted)} arguments, got {given}")
