"""What packs ought to say, worked out from the story in Python: a second way to each figure."""

from collections.abc import Iterable

Parts = tuple[tuple[str, float | None, float], ...]


def histogram(observations: Iterable[float], bounds: Iterable[float]) -> Parts:
    """The parts of a histogram over the observations, each to the cent of a second."""
    values = list(observations)
    buckets = [("_bucket", bound, float(sum(value <= bound for value in values))) for bound in (*bounds, float("inf"))]
    return (*buckets, ("_sum", None, round(sum(values), 2)), ("_count", None, float(len(values))))


def rounded(parts: Parts) -> Parts:
    """As found, with the sum to the cent of a second."""
    return tuple((suffix, bound, round(value, 2) if suffix == "_sum" else value) for suffix, bound, value in parts)
