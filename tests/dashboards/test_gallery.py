"""docs/dashboards.md: every page is in it, with a picture that can be kept beside the sources."""

import re
from pathlib import Path

from exporter.bundle import gallery
from exporter.sources import sources_folder
from tests.dashboards.rendered import DASHBOARDS, FILES, each_dashboard, entries_of
from tests.dashboards.test_links import ALERTS

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES, MOST_BYTES_TOGETHER = 150_000, 3_000_000
TEXT = gallery.page(FILES, sources_folder())
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n### ")[1:]}


@each_dashboard
def test_a_page_has_its_audience_panels_and_alerts(uid: str) -> None:
    section = SECTIONS[DASHBOARDS[uid]["title"]]
    assert re.search(r"^For .+[.?]$", section, re.MULTILINE), "for whom is it?"
    for entry in entries_of(DASHBOARDS[uid]):
        assert f"*{entry['title']}*" in section
    leading = {name for name, rule in ALERTS.items() if re.search(rf"/d/{uid}(?![\w-])", rule["annotations"]["dashboard_url"])}
    named = re.findall(r"^Alerts that lead here: (.+)\.$", section, re.MULTILINE)
    assert leading == set(re.findall(r"\[(\w+)\]\(alerts\.md#", "".join(named)))


@each_dashboard
def test_a_page_has_a_picture_of_a_size_that_can_be_kept(uid: str) -> None:
    assert f"](pictures/{uid}.webp)" in SECTIONS[DASHBOARDS[uid]["title"]]
    assert (DOCS / "pictures" / f"{uid}.webp").stat().st_size <= MOST_BYTES


def test_there_are_no_other_pictures_and_all_can_be_kept() -> None:
    pictures = list((DOCS / "pictures").iterdir())
    assert {picture.name for picture in pictures} == {f"{uid}.webp" for uid in DASHBOARDS}
    assert sum(picture.stat().st_size for picture in pictures) <= MOST_BYTES_TOGETHER
