"""Experiments at the company: one that helps new users along, and one on everybody's checkout, whose effects are known.

Who meets which variant is decided by a hash of the user's id, as feature-flag services do it, so that no state is needed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is tried, on whom, and what it truly does."""

    begins: int
    """The day of the story on which it begins, at midnight."""
    days: int | None
    """How long it runs; None while nobody has ended it."""
    weights: dict[str, int]
    """Planned shares by variant, the control first."""
    rates: dict[str, float]
    """What share of users comes to each outcome under the control."""
    lifts: dict[tuple[str, str], float] = field(default_factory=dict)
    """By how much more, relative to that, under another variant: by variant and outcome; 0 for all others."""
    entry_days: int = 0
    """Over how many days the users that there are come upon it; 0: it is for new users, on the day that they join."""


EXPERIMENTS = {
    "guided_setup": Experiment(180, 200, {"blank": 50, "guided": 50}, {"activation": 0.4}, {("guided", "activation"): 0.25}),
    "checkout": Experiment(
        begins=320,
        days=None,
        weights={"long": 50, "short": 25, "one_page": 25},
        rates={"purchase": 0.24, "complaint": 0.03},
        lifts={("short", "purchase"): 0.3, ("one_page", "complaint"): 2.0},
        entry_days=70,
    ),
}
_CENTS = (500, 1000, 2000, 5000)  # what a purchase is worth
_RETURNS = 0.5  # share of users who meet their variant again, some days later
_STRAYS = 0.008  # and who then meet another one: a second device
_HOURS = {"activation": 20.0, "purchase": 30.0, "complaint": 60.0}  # mean time from the first meeting


def day(day: Day) -> Iterator[tuple[str, Row]]:
    number = (day.start - day.story.begins_at) // timedelta(days=1)
    for name, experiment in EXPERIMENTS.items():
        if number == experiment.begins:
            ends_at = None if experiment.days is None else day.start + timedelta(days=experiment.days)
            for position, (variant, weight) in enumerate(experiment.weights.items()):
                yield "experiments", (name, variant, position == 0, weight, day.start, ends_at)
        if experiment.begins <= number and (experiment.days is None or number < experiment.begins + experiment.days):
            for user in list(_entering(day, name, experiment, number - experiment.begins)):
                yield from _tried(day, user, name, experiment)


def share(*key: str) -> float:
    """A number from 0 up to 1 that belongs to the key for good; not of a CRC, whose values for two experiments are akin."""
    return int.from_bytes(hashlib.blake2b(":".join(key).encode(), digest_size=4).digest()) / 2**32


def variant_of(user_id: str, name: str) -> str:
    """Which variant of an experiment the user is to meet."""
    at, weights = share(name, user_id), EXPERIMENTS[name].weights
    for variant, weight in weights.items():
        at -= weight / sum(weights.values())
        if at < 0:
            return variant
    return next(iter(weights))


def _entering(day: Day, name: str, experiment: Experiment, number: int) -> Iterator[User]:
    """Who comes upon the experiment on that day of it."""
    new = list(takewhile(lambda user: user.created_at >= day.start, reversed(day.users)))
    if number >= experiment.entry_days:
        return iter(new)
    old = day.users[: len(day.users) - len(new)]
    turn = range(experiment.entry_days)[number]
    return (user for user in old if int(share("entry", name, user.user_id) * experiment.entry_days) == turn)


def _tried(day: Day, user: User, name: str, experiment: Experiment) -> Iterator[tuple[str, Row]]:
    random, variant = day.random, variant_of(user.user_id, name)
    met_at = max(day.at(random.triangular(5, 23, 14)), user.created_at + timedelta(minutes=1))
    yield "exposures", (name, variant, user.user_id, met_at)
    if random.random() < _RETURNS:
        again = variant
        if random.random() < _STRAYS / _RETURNS:
            again = random.choice([other for other in experiment.weights if other != variant])
        yield "exposures", (name, again, user.user_id, met_at + timedelta(days=random.expovariate(1 / 3)))
    for outcome, rate in experiment.rates.items():
        if random.random() < rate * (1 + experiment.lifts.get((variant, outcome), 0)):
            at = met_at + timedelta(hours=random.expovariate(1 / _HOURS[outcome]))
            yield "outcomes", (new_id(random, "out"), user.user_id, outcome, at, _cents(random, outcome))


def _cents(random: Random, outcome: str) -> int | None:
    return random.choice(_CENTS) if outcome == "purchase" else None
