"""What the pages of docs/integrations show can be used as it stands, and the demo watches every simulated service."""

import re
from pathlib import Path

import pytest

from exporter.collector import load_kinds
from exporter.demo.service_account import key_file
from exporter.document import Document
from exporter.settings import settings_of
from tests.vendors.case import Case, cases
from tests.vendors.conftest import Simulators

KINDS = load_kinds()
PAGES = sorted(Path("docs/integrations").glob("*.md"))
EXAMPLES = [
    (page, text) for page in PAGES for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
]


def test_every_vendor_has_a_page_with_an_example() -> None:
    assert {case.kind for case in cases()} <= {page.stem for page, _ in EXAMPLES}


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[page.stem for page, _ in EXAMPLES])
def test_an_example_is_settings_of_the_pages_kind(page: Path, text: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret-of-a-test\n")
    file = key_file("https://oauth2.googleapis.com/token") if page.stem == "ga4" else secret
    given = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "secret-of-a-test")
    settings = settings_of(Document.parse(re.sub(r"/(run|etc)/[\w./-]+", str(file), text), "bellwether.yml"), given)
    assert page.stem in {collector.kind for collector in settings.collectors}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_collector_of_the_demo_asks_the_simulator(case: Case, vendors: Simulators) -> None:
    for kind, settings in vendors.watched(case.simulator):
        assert kind == case.kind
        collector = KINDS[kind].model_validate(settings)
        assert collector.model_dump()["url"].startswith(vendors.url(case.simulator))
