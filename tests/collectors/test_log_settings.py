"""docs/logs.md: the settings on the page are valid ones."""

import re
from pathlib import Path

import pytest

from exporter.document import Document
from exporter.settings import settings_of

PAGE = Path(__file__).parent.parent.parent / "docs/logs.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
SECRETS = {"GRAFANA_CLOUD_TOKEN": "glc_1234", "ELASTIC_API_KEY": "aWQ6a2V5"}


@pytest.mark.parametrize("text", BLOCKS, ids=[re.sub(r"\W+", "-", text[20:60]) for text in BLOCKS])
def test_each_documented_setting_is_valid(text: str) -> None:
    [collector] = settings_of(Document.parse(text, "docs/logs.md"), SECRETS).collectors
    assert collector.kind in {"loki", "elasticsearch"}


def test_both_kinds_are_documented() -> None:
    assert {kind for text in BLOCKS for kind in re.findall(r"kind: (\w+)", text)} == {"loki", "elasticsearch"}
