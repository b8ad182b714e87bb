"""What customers think: surveys, wishes with their votes, and bugs. They like the product more from month to month.

But for three weeks after a release that went wrong, eight months in: then they are annoyed, and report twice as many bugs.
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_ANSWERS = {"nps": 0.0022, "csat": 0.004}  # a user and day
_MOODS = ("positive", "neutral", "negative")
_TEXTS = 0.35  # share of answers with a text
_BAD_RELEASE = range(240, 261)  # days since the story's begin
_AREAS = {"billing": 20, "reports": 30, "integrations": 25, "mobile": 15, None: 10}
_WISHES, _DECIDED_DAYS, _DONE, _NEVER_DECIDED = 0.8, 60.0, 0.4, 0.3
_VOTES, _VOTE_DAYS = 9.0, 25.0  # for a wish, and how long after it on average
_BUGS = 1.4
_SEVERITIES = {"critical": 4, "high": 16, "medium": 45, "low": 35}
_FIX_DAYS = {"critical": 0.6, "high": 4.0, "medium": 18.0, "low": 70.0}
_NEVER_FIXED = {"critical": 0.0, "high": 0.0, "medium": 0.03, "low": 0.2}


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    number = (day.start - day.story.begins_at).days
    annoyed = number in _BAD_RELEASE
    content = 0.6 + 0.12 * min(number / 400, 1) - (0.25 if annoyed else 0)
    for question, rate in _ANSWERS.items():
        for _ in range(poisson(random, len(day.users) * rate)):
            yield "survey_answers", _answer(day, question, content)
    for _ in range(poisson(random, _WISHES)):
        yield from _wish(day)
    for _ in range(poisson(random, _BUGS * (2 if annoyed else 1))):
        [severity] = random.choices(list(_SEVERITIES), list(_SEVERITIES.values()))
        reported = day.at(random.triangular(6, 22, 11))
        fixed = reported + timedelta(days=random.expovariate(1 / _FIX_DAYS[severity]))
        never = random.random() < _NEVER_FIXED[severity]
        yield "bugs", (new_id(random, "bug"), severity, _area(random), reported, None if never else fixed)


def _answer(day: Day, question: str, content: float) -> Row:
    random = day.random
    if question == "nps":
        score = min(10, max(0, round(random.gauss(2.5 + 8.5 * content, 2.2))))
        mood = _MOODS[0 if score >= 9 else 1 if score >= 7 else 2]
    else:
        score = min(5, max(1, round(random.gauss(2 + 3.8 * content, 0.8))))
        mood = _MOODS[0 if score >= 4 else 1 if score == 3 else 2]
    if random.random() < 0.15:  # what is written is not always what is scored
        mood = random.choice(_MOODS)
    text = random.random() < _TEXTS
    at = day.at(random.triangular(6, 22, 12))
    return new_id(random, "answer"), random.choice(day.users).user_id, question, score, mood if text else None, at


def _wish(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    wish, wished = new_id(random, "wish"), day.at(random.triangular(6, 22, 12))
    decided = wished + timedelta(days=random.expovariate(1 / _DECIDED_DAYS))
    decision = "done" if random.random() < _DONE else "declined"
    never = random.random() < _NEVER_DECIDED
    yield "wishes", (wish, _area(random), wished, *((None, None) if never else (decided, decision)))
    for _ in range(poisson(random, random.expovariate(1 / _VOTES))):  # few are popular
        voted = wished + timedelta(days=random.expovariate(1 / _VOTE_DAYS))
        if never or voted < decided:
            yield "wish_votes", (wish, voted)


def _area(random: Random) -> str | None:
    return random.choices(list(_AREAS), list(_AREAS.values()))[0]
