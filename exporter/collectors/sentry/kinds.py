"""What kind of error a type is, which is all that is kept of it: types are any text that a programmer chose."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.roles.errors import LEVELS

Kind = Literal["script", "network", "api", "validation", "other"]


def _in_small_letters(kinds: dict[str, Kind]) -> dict[str, Kind]:
    return {pattern.strip().lower(): kind for pattern, kind in kinds.items()}


Kinds = Annotated[dict[str, Kind], AfterValidator(_in_small_letters)]
"""Kinds by patterns of types."""

_KNOWN: dict[Kind, str] = {  # the first that fits counts
    "validation": "*validation* zoderror *invalidinput* *invalidargument* *invalidparam* badrequest* unprocessable*",
    "network": "networkerror *connection* *timeout* timedout* *websocket* *socket* chunkloaderror *fetcherror aborterror ssl*"
    " urlerror dns* gaierror brokenpipe*",
    "api": "axios* api* *apierror http* *httperror *serviceunavailable* *unavailableerror *upstream* *ratelimit* graphql*"
    " *responseerror stripe* clienterror servererror toomanyrequests*",
    "script": "typeerror referenceerror syntaxerror rangeerror evalerror urierror internalerror keyerror attributeerror"
    " nameerror indexerror zerodivisionerror assertionerror unboundlocalerror recursionerror nullpointerexception"
    " classcastexception indexoutofbounds* illegalstateexception nomethoderror unhandledrejection",
}
_PATTERNS: dict[str, Kind] = {pattern: kind for kind, text in _KNOWN.items() for pattern in text.split()}
_LEVELS = {"fatal": "critical"} | {level: level for level in LEVELS}


def level_of(value: object) -> str:
    """One of LEVELS."""
    return _LEVELS.get(value.lower(), "other") if isinstance(value, str) else "other"


def kind_of(value: object, further: Mapping[str, Kind]) -> Kind:
    """The kind of an error: of a type, or of a chain of them, the one raised last at its end.

    The last type of a chain that is known decides, since what wraps another is often of no kind.
    """
    types = value if isinstance(value, list) else [value]
    for each in reversed(types):
        name = each.rpartition(".")[2].lower() if isinstance(each, str) else ""
        for patterns in (further, _PATTERNS):
            for pattern, kind in patterns.items():
                if fnmatchcase(name, pattern):
                    return kind
    return "other"
