"""What may not leave a collector: too many series, overlong labels, a series twice, anything that looks like personal data."""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import islice

from exporter.exposition import number, series, tails
from exporter.metric import Distribution, Metric, Sample

MAX_LABEL_LENGTH = 1024
REDACTED = "redacted"
_NUMBERED = "queryid"  # label: what PostgreSQL numbers statements by, one number in ten of which could be a card's

_MOST = sys.float_info.max

_EMAIL = re.compile(r"[^\s@/:]@[^\s@/:]+\.[A-Za-z]{2,}")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w.-])")
_PHONE = re.compile(r"(?<![\w.])\+\d[\d ().-]{6,18}\d(?![\w.])")
_TOKEN = re.compile(r"\bBearer\s+\S+|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\b(?:sk|rk|pk)_(?:live|test)_\w{8,}", re.IGNORECASE)
_SHORTEST_PERSONAL = 6  # characters: a@b.io

_IDENTIFIER = re.compile(
    r"""
    (?<![\da-z]) [\da-f]{8} (?:-[\da-f]{4}){3} -[\da-f]{12} (?![\da-z])  # a UUID
  | (?<![\d.]) \d{9,}                                                  # a number that counts nothing; a date has 8 digits
  | (?<![\da-z]) [\da-f]{16,} (?![\da-z])                             # bytes in hexadecimal
  | (?<![\da-z]) (?<!\bprice_) (?<!\bplan_) (?<!\bprod_) (?<!\bpri_)   # what is sold is a kind, though Stripe names it so
    (?=[\da-z]*\d[a-z]+\d) [\da-z]{20,}                               # letters and digits mixed, as ULIDs have them
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PATH = re.compile(r"(?:[A-Z]+ )?(?:https?:/)?/\S*")
_LONGEST_NAME = 64  # characters; a route may be longer
_MOST_WORDS = 5  # of a name; more make a sentence

_Key = tuple[Metric, tuple[str, ...]]
_Ends = list[tuple[tuple[str, ...], float]]
"""Tail and value of each line."""
_Block = tuple[Metric, dict[_Key, str], list[str]]
"""What is admitted or refused as one: a series, or all series of one label set of a histogram or summary."""


class Draft:
    """The lines of one poll, gathered before any is published. What is refused is counted by reason.

    `known` is the poll before. Its series come first where there are too many, so that the same ones are shown from poll
    to poll, whatever order the source has. Only a series that is new is escaped and inspected, so a steady collector pays
    for its values alone.
    """

    def __init__(self, declared: Mapping[str, Metric], max_series: int, known: "Draft | None" = None) -> None:
        self._declared = declared
        self._max_series = max_series
        self._known: Mapping[_Key, str] = {} if known is None else known.texts
        if len(self._known) > max_series:
            self._known = dict(islice(self._known.items(), max_series))
        self._expected = dict(self._known)
        """Of the series that the poll before had, those that this one has not had yet."""
        self._room = max_series - len(self._known)
        """How many series may be taken in beside those expected."""
        self._new: dict[_Key, str] = {}
        self._lost: set[_Key] = set()
        """Series that the poll before had, and whose value is of no use now."""
        self._waiting: dict[_Key, _Block] = {}
        """New ones that found no room; they get what the expected ones leave."""
        self._distributions: set[_Key] = set()
        """Label sets of histograms and summaries that were taken in."""
        self._shown: dict[tuple[bool, str], str] = {}
        """What stands for each label value that was inspected, of an open label or another."""
        self._lines: dict[Metric, list[str]] = {}
        self._dropped: Counter[str] = Counter()
        self.redacted = 0
        """Series with a label value replaced because it looked like personal data."""

    @property
    def texts(self) -> Mapping[_Key, str]:
        """Series text by metric and label values, of what was admitted."""
        self._settle()
        if not (self._expected or self._lost or self._new):
            return self._known
        texts = dict(self._known)
        for key in (*self._expected, *self._lost):
            texts.pop(key, None)
        return texts | self._new

    @property
    def lines(self) -> dict[Metric, list[str]]:
        """Lines as they stand on the page, by metric; those of one label set together."""
        self._settle()
        return self._lines

    @property
    def dropped(self) -> Counter[str]:
        """Series refused, by reason: `budget`, `duplicate`, `label_length`, `value`."""
        self._settle()
        return self._dropped

    def trim(self) -> None:
        """Let go of all but what the next run has to know, once the lines are published."""
        self._known = self.texts
        self._expected, self._new, self._lines, self._shown = {}, {}, {}, {}
        self._lost, self._distributions = set(), set()

    def add(self, sample: Sample) -> None:
        """Take a sample in, or count why not.

        Raises `LookupError` for a metric that the collector does not declare, `TypeError` for a label that is no text.
        """
        metric, labels, value = sample
        key = (metric, labels)
        try:
            text = self._expected.pop(key, None)
        except TypeError:  # a label that cannot even be hashed
            text = None
        if text is None:
            self._add_new(metric, labels, value)
            return
        try:
            # Most values take the short way; what repr() would write otherwise than the format wants takes the long one.
            short = type(value) is float and metric.least <= value <= _MOST
            line = f"{text}{value!r}\n" if short else f"{text}{_written(metric, value)}\n"
        except (OverflowError, TypeError, ValueError):
            self._dropped["value"] += 1
            self._lost.add(key)
            return
        try:
            self._lines[metric].append(line)
        except KeyError:
            self._lines[metric] = [line]

    def _add_new(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        ends: _Ends = list(tails(value)) if isinstance(value, Distribution) else [((), value)]
        if self._room <= 0 and len(self._waiting) >= self._max_series:
            self._dropped["budget"] += len(ends)
            return
        safe = self._inspect(metric, labels)
        if safe is None:
            self._dropped["label_length"] += len(ends)
            return
        group = (metric, safe)
        if self._has(group):
            self._dropped["duplicate"] += len(ends)
            return
        try:
            block = self._block(metric, safe, ends)
        except (OverflowError, TypeError, ValueError):
            self._dropped["value"] += len(ends)
            return
        new = sum(key not in self._expected for key in block[1])
        if new > self._room:
            self._waiting[group] = block
            return
        self._room -= new
        if isinstance(value, Distribution):
            self._distributions.add(group)
        self._admit(block)

    def _has(self, group: _Key) -> bool:
        if group in self._new or group in self._waiting or group in self._distributions:
            return True
        return group in self._known and group not in self._expected and group not in self._lost

    def _block(self, metric: Metric, labels: tuple[str, ...], ends: _Ends) -> _Block:
        texts: dict[_Key, str] = {}
        lines: list[str] = []
        for tail, value in ends:
            key = (metric, labels + tail)
            text = texts[key] = self._expected.get(key) or series(*key)
            lines.append(f"{text}{_written(metric, value)}\n")
        return metric, texts, lines

    def _admit(self, block: _Block) -> None:
        metric, texts, lines = block
        for key, text in texts.items():
            if self._expected.pop(key, None) is None:
                self._new[key] = text
        self._lines.setdefault(metric, []).extend(lines)

    def _settle(self) -> None:
        """Give the waiting ones what room the expected ones have left."""
        if not self._waiting:
            return
        self._lost.update(self._expected)
        self._expected.clear()
        self._room = self._max_series - (len(self._known) - len(self._lost) + len(self._new))
        for block in self._waiting.values():
            size = len(block[1])
            if size <= self._room:
                self._room -= size
                self._admit(block)
            else:
                self._dropped["budget"] += size
        self._waiting.clear()

    def _inspect(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        """The labels of a new series as they may be shown; None when one is too long."""
        declared = self._declared.get(metric.name)
        if not (metric.found if declared is None or declared.found else declared is metric or declared.same_as(metric)):
            raise LookupError(f"{metric.name} was emitted, but this collector does not declare it")
        safe = []
        for label, value in zip(metric.labels, labels, strict=True):
            if not isinstance(value, str):
                raise TypeError(f"{metric.name}: expected text as value of the label {label}, got {type(value).__name__}")
            if len(value) > MAX_LABEL_LENGTH:
                return None
            key = (label in metric.open, value)
            if label == _NUMBERED and value.lstrip("-").isdecimal():
                safe.append(value)
                continue
            text = self._shown.get(key)
            if text is None:
                # What is not Unicode is marked before series are compared, since two such values may become the same.
                text = value if value.isascii() else value.encode(errors="replace").decode()
                text = REDACTED if looks_personal(text) or (key[0] and names_no_kind(text)) else text
                self._shown[key] = text
            safe.append(text)
        if REDACTED in safe:
            self.redacted += any(text == REDACTED != value for text, value in zip(safe, labels, strict=True))
        shown = tuple(safe)
        return labels if shown == labels else shown  # most are shown as they came, and need be held only once


def _written(metric: Metric, value: float) -> str:
    if metric.type == "counter" and not value >= 0:
        raise ValueError(f"{metric.name}: a counter is at least 0, got {value}")
    return number(value)


def looks_personal(text: str) -> bool:
    """Whether a label value looks like an e-mail address, a card or phone number, or a credential."""
    if len(text) < _SHORTEST_PERSONAL:
        return False
    if ("@" in text and _EMAIL.search(text)) or ("+" in text and _PHONE.search(text)) or _TOKEN.search(text):
        return True
    return any(_passes_luhn(match.group()) for match in _CARD.finditer(text))


def names_no_kind(text: str) -> bool:
    """Whether a text looks like the id of one person or thing, or like a sentence, where the name of a kind belongs."""
    if _IDENTIFIER.search(text) or (len(text) > _LONGEST_NAME and not _PATH.fullmatch(text)):
        return True
    return sum(any(map(str.isalpha, word)) for word in text.split()) > _MOST_WORDS


def _passes_luhn(text: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B: tells card numbers from other long numbers nine times in ten."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
