"""The worked examples of the kind `json` against simulated services, and these against what is documented."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from exporter.collectors.json import Json
from exporter.demo.company import Company
from exporter.demo.vendors.json_examples import Launchdarkly, Logrocket, VercelDeployments
from exporter.document import Document
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Request, Response
from tests.packs.conftest import NOW, ask
from tests.vendors.case import Case, Figures, asked
from tests.vendors.conftest import Simulators
from tests.vendors.json import CASES, EXAMPLES, KEYS, example, settings
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/json.md")
Make = Callable[[Mapping[str, Any]], Json]
RECORDS = {
    "launchdarkly": "launchdarkly_flags",
    "logrocket": "logrocket_logs",
    "vercel_deployments": "vercel_deployments",
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.json.time.time", NOW.timestamp)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Json] = []

    def build(given: Mapping[str, Any]) -> Json:
        made.append(Json.model_validate(dict(given)))
        return made[-1]

    yield build
    for collector in made:
        await collector.close()


async def figures(collector: Json) -> Figures:
    """What it found, without what it says of its requests."""
    return {name: values for name, values in (await asked(collector)).items() if not name.startswith("bellwether_")}


def changed(given: Mapping[str, Any], limit: int, windows: list[str] | None = None) -> dict[str, Any]:
    """The settings with smaller pages in the first request, and other windows."""
    first, *others = given["requests"]
    first = first | {"params": first["params"] | {"limit": limit}} | ({"windows": windows} if windows else {})
    return {**given, "requests": [first, *others]}


async def test_launchdarkly_tells_of_flags_what_the_pack_tells(vendors: Simulators, company: Company, make: Make) -> None:
    found = await figures(make(settings("launchdarkly")(vendors.url("launchdarkly"))))
    pack = await ask(company.monitor_dsn, "flags", NOW)
    assert len(found["feature_flag_enabled"]) == 4
    assert found["feature_flag_enabled"] == pack["feature_flag_enabled"]
    changed_at = found["feature_flag_changed_timestamp_seconds"]
    assert changed_at == pytest.approx(pack["feature_flag_changed_timestamp_seconds"], abs=0.002)


async def test_pages_of_launchdarkly_beyond_the_first_are_read(vendors: Simulators, make: Make) -> None:
    found = await asked(make(changed(settings("launchdarkly")(vendors.url("launchdarkly")), 3)))
    assert len(found["feature_flag_enabled"]) == 4
    assert found["bellwether_api_requests_total"] == {("200",): 2}


async def test_vercel_counts_deployments_of_each_window(vendors: Simulators, company: Company, make: Make) -> None:
    given = settings("vercel_deployments")(vendors.url("vercel_deployments"))
    found = await figures(make(changed(given, 4, ["50d", "400d"])))
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute("select changed_at, enabled from shop.flag_changes").fetchall()
    expected = {
        (state, f"{days}d"): sum(at >= NOW - timedelta(days=days) and on is enabled for at, on in rows)
        for days in (50, 400)
        for state, enabled in (("READY", True), ("ERROR", False))
    }
    expected = {labels: count for labels, count in expected.items() if count}
    assert len(expected) >= 3
    assert found["vercel_deployments"] == expected
    newest = max(at for at, _ in rows).timestamp()
    assert found["vercel_newest_deployment_timestamp_seconds"] == {(): pytest.approx(newest, abs=0.002)}


async def test_logrocket_counts_what_people_did_and_names_nobody(vendors: Simulators, company: Company, make: Make) -> None:
    found = await asked(make(changed(settings("logrocket")(vendors.url("logrocket")), 100, ["30d"])))
    with psycopg.connect(company.application_dsn) as connection:
        query = "select count(*), max(created_at) from bellwether.tickets where created_at between %s and %s"
        [(count, newest)] = connection.execute(query, (NOW - timedelta(days=30), NOW)).fetchall()
    assert count > 200
    assert found["logrocket_audit_actions"] == {("Viewed session", "30d"): count}
    newest_action = found["logrocket_audit_newest_action_timestamp_seconds"]
    assert newest_action == {("Viewed session", "30d"): pytest.approx(newest.timestamp(), abs=1e-3)}
    assert found["bellwether_api_requests_total"] == {("200",): -(-count // 100)}


@pytest.mark.parametrize(
    ("name", "path", "key", "refused"),
    [
        ("launchdarkly", "/api/v2/flags/shop?limit=1", Launchdarkly.KEY, "launchdarkly_unauthorized"),
        ("vercel_deployments", "/v6/deployments?limit=1", f"Bearer {VercelDeployments.KEY}", "vercel_forbidden"),
        ("logrocket", "/v1/orgs/shop/apps/web/audit/logs/?limit=1&cursor=0", f"token {Logrocket.KEY}", ""),
    ],
)
def test_simulated_answers_have_the_documented_shape(vendors: Simulators, name: str, path: str, key: str, refused: str) -> None:
    def answer(**headers: str) -> httpx.Response:
        return httpx.get(vendors.url(name) + path, headers=headers, trust_env=False)

    same_shape(yaml.safe_load(Response.recorded(f"json/{RECORDS[name]}").body), answer(Authorization=key).json())
    if refused:
        recorded = Response.recorded(f"json/{refused}")
        assert answer().status_code == recorded.status
        same_shape(yaml.safe_load(recorded.body), answer().json())


def test_the_demo_watches_what_the_example_watches(vendors: Simulators) -> None:
    (written,) = yaml.safe_load(example("launchdarkly"))["collectors"]
    given = {key: value for key, value in written.items() if key != "kind"}
    assert vendors.settings("launchdarkly") == {**given, "url": vendors.url("launchdarkly")}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (CASES[0], {"feature_flag_enabled": {("new-search",): 1}}),
        (CASES[1], {"vercel_deployments": {("READY", "1d"): 1}}),
        (CASES[2], {"logrocket_audit_actions": {("Viewed session", "1d"): 1}}),
    ],
    ids=[case.simulator for case in CASES],
)
async def test_recorded_answers_are_read(server: Endpoint, make: Make, case: Case, expected: Figures) -> None:
    def once(_: Request) -> Response:
        first = len(server.requests) == 1
        return Response.recorded(f"json/{RECORDS[case.simulator]}") if first else Response.json(nothing)

    nothing = {"items": [], "_links": {}, "deployments": [], "pagination": {"next": None}, "logs": [], "has_next": False}
    given: Mapping[str, Any] = case.settings(server.url)
    server.answers = {request["path"]: once for request in given["requests"]}
    found = await figures(make(given))
    assert {name: found[name] for name in expected} == expected
    assert len(server.requests) > 1


@pytest.mark.parametrize("file", [PAGE, *sorted(EXAMPLES.glob("*.yaml"))], ids=lambda file: file.stem)
def test_the_examples_work(file: Path) -> None:
    text = file.read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if file == PAGE else [text]
    assert blocks
    for block in blocks:
        settings_of(Document.parse(block, str(file)), KEYS | {"TOKEN": "s3cr3t"})
