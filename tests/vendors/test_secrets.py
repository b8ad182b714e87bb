"""No credential of a vendor stands in what the exporter shows: its page, its settings, a collector written out."""

import asyncio
import json

import pytest

from exporter.configuration import as_yaml
from exporter.fields import known_secrets
from exporter.guard import REDACTED
from exporter.poll import poll
from exporter.settings import Settings
from tests.vendors.case import Case, cases
from tests.vendors.conftest import Simulators


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_no_credential_and_nothing_personal_is_shown(case: Case, vendors: Simulators) -> None:
    collector = case.collector(await asyncio.to_thread(vendors.url, case.simulator), timeout=30)
    draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
    await collector.close()
    page = "".join(line for lines in draft.lines.values() for line in lines)
    assert draft.redacted == 0
    assert REDACTED not in page
    shown = [page, repr(collector), json.dumps(collector.model_dump(mode="json")), as_yaml(Settings(collectors=(collector,)))]
    assert [secret for secret in known_secrets() for text in shown if secret in text] == []


def test_the_cases_have_credentials_that_could_be_shown() -> None:
    secret = [case.kind for case in cases() if any(case.collector("http://127.0.0.1:9").hides(name) for name in _given(case))]
    assert len(set(secret)) > 10


def _given(case: Case) -> list[str]:
    return [name.removesuffix("_file") for name in case.settings("http://127.0.0.1:9")]
