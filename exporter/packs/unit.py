"""Unit: what a metric of a pack may count, in the words that the dashboards know, and in agreement with its name."""

import difflib

_SUFFIXES = ("timestamp_seconds", "milliseconds", "seconds", "bytes", "bits", "ratio", "celsius", "hertz", "joules", "months")
"""Units that a name may end in; the longer of two that end alike first."""

UNITS = (*_SUFFIXES, "boolean", "currency", "multixacts", "transactions")
"""All of them: those of `dashboards/lib/units.libsonnet` that are no rates."""


def known_unit(unit: str) -> str:
    """The unit as given. Raises `ValueError` when there is no such unit."""
    if unit and unit not in UNITS:
        near = difflib.get_close_matches(unit, UNITS, 1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(UNITS))}, or none"
        raise ValueError(f"{unit!r} is no unit; {hint}")
    return unit


def refuse_contradiction(name: str, unit: str) -> None:
    """Raise `ValueError` when the unit is another than that in the metric's name; seconds may be those of an instant."""
    stem = name.removesuffix("_total")
    said = next((suffix for suffix in _SUFFIXES if stem.endswith("_" + suffix)), "")
    if said and unit and unit != said and not unit.endswith("_" + said):
        raise ValueError(f"{name}: its name says {said}, its unit {unit}: leave the unit out, or rename the metric")
