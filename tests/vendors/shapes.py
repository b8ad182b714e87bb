"""Whether a simulated answer has the shape of the documented one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any


def same_shape(recorded: Any, simulated: Any, *, free: Collection[str] = (), optional: Collection[str] = ()) -> None:
    """Fail unless both have the same keys with values of the same types, all the way down.

    Paths are written `data[].plan`. The elements of a list are one shape, the union of those recorded. `null` fits any type,
    since what may be null is rarely said. The keys of an object at a path in `free` are data, such as names of dimensions: all
    its values are one shape. A key in `optional` may lack on either side.
    """
    differences = list(_Comparison(frozenset(free), frozenset(optional)).of("", [recorded], [simulated]))
    assert not differences, "the simulated answer differs from the documented one:\n  " + "\n  ".join(differences)


@dataclass(frozen=True)
class _Comparison:
    free: frozenset[str]
    optional: frozenset[str]

    def of(self, path: str, recorded: list[Any], simulated: list[Any]) -> Iterator[str]:
        """The differences of what stands at a path."""
        recorded, simulated = _some(recorded), _some(simulated)
        if not recorded or not simulated:
            return
        documented, got = {_type(value) for value in recorded}, {_type(value) for value in simulated}
        if not got <= documented:
            yield f"{path or 'the answer'}: expected {' or '.join(sorted(documented))}, got {' and '.join(sorted(got))}"
            return
        yield from self.of(f"{path}[]", _items(recorded), _items(simulated))
        mappings = [value for value in recorded if isinstance(value, dict)], [v for v in simulated if isinstance(v, dict)]
        if path in self.free:
            yield from self.of(f"{path}.*", *([value for each in side for value in each.values()] for side in mappings))
        elif all(mappings):
            yield from self._keys(path, *mappings)

    def _keys(self, path: str, recorded: list[dict[str, Any]], simulated: list[dict[str, Any]]) -> Iterator[str]:
        known = set().union(*recorded)
        required = set(recorded[0]).intersection(*recorded)
        for name in sorted(known.union(*simulated)):
            below = f"{path}.{name}" if path else name
            if name not in known and below not in self.optional:
                yield f"{below}: not documented"
            if name in required and below not in self.optional and not all(name in each for each in simulated):
                yield f"{below}: missing"
            yield from self.of(below, *([each[name] for each in side if name in each] for side in (recorded, simulated)))


def _some(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _items(values: list[Any]) -> list[Any]:
    return [item for value in values if isinstance(value, list) for item in value]


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
