"""The table of incidents is whole, and the demo's page says the same."""

import re
from collections import Counter

from exporter.demo.incidents import INCIDENTS
from tests.end_to_end.expected import AWAY, FROM_THE_BEGINNING, GROUPS, SILENCED, TRUE_TOO, UNTOLD
from tests.rules.rendered import RULES
from tests.stack import ROOT

TOLD = {
    incident: told
    for group in (*GROUPS.values(), *AWAY.values(), FROM_THE_BEGINNING, SILENCED)
    for incident, told in group.items()
}
ROWS = re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]*) \|$", (ROOT / "docs/demo.md").read_text(), re.MULTILINE)


def test_each_incident_has_its_place_in_the_table_once() -> None:
    groups = [*GROUPS.values(), *AWAY.values(), FROM_THE_BEGINNING, SILENCED, UNTOLD]
    assert Counter(incident for group in groups for incident in group) == dict.fromkeys(INCIDENTS, 1)
    assert TRUE_TOO.keys() == GROUPS.keys() | AWAY.keys()


def test_the_page_of_the_demo_says_what_is_told_of_each() -> None:
    said = {incident: set(re.findall(r"[A-Z]\w+", told)) & RULES.keys() for incident, told in ROWS}
    assert said == {incident: TOLD.get(incident, set()) for incident in sorted(INCIDENTS)}
