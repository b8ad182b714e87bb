"""What may not leave a collector: too many series, overlong labels, a series twice, anything that looks like personal data."""

import re
from collections import Counter
from collections.abc import Mapping

from exporter.exposition import number, series
from exporter.metric import Metric, Sample

MAX_LABEL_LENGTH = 1024
REDACTED = "redacted"

_EMAIL = re.compile(r"[^\s@/:]+@[^\s@/:]+\.[A-Za-z]{2,}")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w.-])")
_PHONE = re.compile(r"(?<![\w.])\+\d[\d ().-]{6,18}\d(?![\w.])")
_TOKEN = re.compile(r"\bBearer\s+\S+|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\b(?:sk|rk|pk)_(?:live|test)_\w{8,}", re.IGNORECASE)


class Draft:
    """The lines of one poll, gathered before any is published. What is refused is counted by reason.

    `known` is the series text of the poll before: only a series that is new is escaped and inspected, so a steady
    collector pays for its values alone.
    """

    def __init__(self, declared: Mapping[str, Metric], max_series: int, known: "Draft | None" = None) -> None:
        self._declared = declared
        self._max_series = max_series
        self._known = known.texts if known is not None else {}
        self.texts: dict[tuple[Metric, tuple[str, ...]], str] = {}
        """Series text by metric and label values, of what was admitted. Empty text: refused."""
        self.lines: dict[Metric, list[str]] = {}
        self.dropped: Counter[str] = Counter()
        """Series refused, by reason: `budget`, `duplicate`, `label_length`, `value`."""
        self.redacted = 0
        """Label values replaced because they looked like personal data."""

    def add(self, sample: Sample) -> None:
        """Take a sample in, or count why not."""
        metric, labels, value = sample
        key = (metric, labels)
        if len(self.texts) >= self._max_series:
            self.dropped["budget"] += 1
            return
        text = self._known.get(key)
        if text is None:
            safe = self._inspect(metric, labels)
            if safe is None:
                return
            key, text = (metric, safe), series(metric, safe)
        if key in self.texts:
            self.dropped["duplicate"] += 1
            return
        try:
            # Most values take the short way; what repr() would write otherwise than the format wants takes the long one.
            line = text + (repr(value) if type(value) is float and -1e300 < value < 1e300 else number(value)) + "\n"
        except (OverflowError, TypeError, ValueError):
            self.dropped["value"] += 1
            return
        self.texts[key] = text
        try:
            self.lines[metric].append(line)
        except KeyError:
            self.lines[metric] = [line]

    def _inspect(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        """The labels of a new series as they may be shown; None when it may not be shown at all."""
        declared = self._declared.get(metric.name)
        if declared is None or not (declared is metric or declared.same_as(metric)):
            raise LookupError(f"{metric.name} was emitted, but this collector does not declare it")
        if any(len(value) > MAX_LABEL_LENGTH for value in labels):
            self.dropped["label_length"] += 1
            return None
        safe = tuple([REDACTED if looks_personal(value) else value for value in labels])
        self.redacted += safe != labels
        return safe


def looks_personal(text: str) -> bool:
    """Whether a label value looks like an e-mail address, a card or phone number, or a credential."""
    if _EMAIL.search(text) or _PHONE.search(text) or _TOKEN.search(text):
        return True
    return any(_passes_luhn(match.group()) for match in _CARD.finditer(text))


def _passes_luhn(text: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B: tells card numbers from other long numbers nine times in ten."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
