"""Feature flags: switches in the code that are turned on for ever more users, and off again when something breaks.

Whether a flag is on for a user is decided by a hash of his id, so that whoever has it keeps it as the share grows.
"""

from collections.abc import Iterator
from datetime import timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.chapters.experiments import share
from exporter.demo.story import poisson

FLAGS = {
    "dark_mode": ((20, 0.1), (34, 0.5), (48, 1.0)),
    "legacy_export": ((0, 1.0), (215, 0.2), (240, 0.0)),
    "new_editor": ((250, 0.05), (264, 0.25), (270, 0.0), (283, 0.25), (310, 0.6), (352, 1.0)),
    "smart_search": ((330, 0.1), (388, 0.3)),
}
"""From which day of the story on each was on for what share of users; 0: off."""
_A_DAY = 14.0  # how often a flag is asked for a user
_CHANGED_AT = 10.0  # o'clock


def day(day: Day) -> Iterator[tuple[str, Row]]:
    number = (day.start - day.story.begins_at) // timedelta(days=1)
    for flag, changes in FLAGS.items():
        for begins, ratio in changes:
            if begins == number:
                yield "flag_changes", (flag, ratio > 0, ratio or None, day.at(_CHANGED_AT))
        if number > changes[0][0] and day.users:  # from the day after the first change on
            for _ in range(poisson(day.random, _A_DAY)):
                user, hour = day.random.choice(day.users), day.random.triangular(5, 23, 14)
                ratio = [ratio for begins, ratio in changes if (begins, _CHANGED_AT) <= (number, hour)][-1]
                variant = "on" if share(flag, user.user_id) < ratio else "off"
                yield "exposures", (flag, variant, user.user_id, day.at(hour))
