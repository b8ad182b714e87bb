"""The kind `supabase` against the simulated project, and the simulator against the documented page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from exporter.collectors.supabase import Supabase
from exporter.demo.company import Company
from exporter.demo.vendors.supabase import Supabase as Simulator
from exporter.document import Document
from exporter.errors import Denied
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Response
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.supabase import CASE

PAGE = Path("docs/integrations/supabase.md")
Make = Callable[..., Supabase]


@pytest.fixture
def supabase(making: Making) -> Make:
    return making(Supabase, CASE)


async def figures(collector: Supabase) -> dict[str, dict[str, float]]:
    """What it shows, by name and then by labels as text, without what it says of itself."""
    found: dict[str, dict[str, float]] = {}
    async for sample in collector.collect():
        if not sample.metric.name.startswith("bellwether_"):
            labels = ",".join(f"{name}={value}" for name, value in zip(sample.metric.labels, sample.labels, strict=True))
            found.setdefault(sample.metric.name, {})[labels] = sample.value
    return found


async def test_a_full_poll_gives_the_figures_of_the_company(vendors: Simulators, company: Company, supabase: Make) -> None:
    found = await figures(supabase(vendors.url("supabase")))
    with psycopg.connect(company.application_dsn) as connection:
        [(users,)] = connection.execute("select count(*) from bellwether.users").fetchall()
    labels = f"source=supabase,project={Simulator.PROJECT}"
    assert found["auth_users_user_count"] == {labels: users}
    assert found["node_load1"] == {labels: 0.21}
    assert set(found["pg_database_size_bytes"]) == {f"{labels},datname=shop"}
    assert set(found) == {
        "node_load1", "auth_users_user_count", "pg_database_size_bytes", "pg_stat_database_num_backends",
    }  # fmt: skip


async def test_a_prefix_and_a_choice_are_as_for_scrape(vendors: Simulators, supabase: Make) -> None:
    found = await figures(supabase(vendors.url("supabase"), prefix="supabase_", metrics=["node_*", "go_*"], drop=[]))
    assert set(found) == {"supabase_node_load1", "supabase_go_goroutines"}


async def test_recorded_answers_are_read_and_the_key_is_sent_by_basic_authentication(server: Endpoint, supabase: Make) -> None:
    server.answers[Simulator.PATH] = Response.recorded("supabase/metrics")
    found = await figures(supabase(server.url, name="shop", secret_key="sb_secret_x"))
    assert found["auth_users_user_count"] == {f"source=shop,project={Simulator.PROJECT}": 42}
    [request] = server.requests
    assert httpx.BasicAuth("service_role", "sb_secret_x")._auth_header == request.headers["authorization"]


async def test_a_wrong_key_is_denied(vendors: Simulators, supabase: Make) -> None:
    with pytest.raises(Denied, match="401") as raised:
        await asked(supabase(vendors.url("supabase"), secret_key="sb_secret_wrong"))
    assert "sb_secret" not in str(raised.value)


def test_the_simulated_page_has_the_documented_shape(vendors: Simulators) -> None:
    def shape(text: str) -> set[tuple[str, str, str, tuple[str, ...]]]:
        return {
            (family.name, family.type, family.documentation, tuple(sorted(sample.labels)))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    auth = ("service_role", Simulator.KEY)
    page = httpx.get(vendors.url("supabase") + Simulator.PATH, auth=auth, trust_env=False).text
    assert shape(page) == shape(Response.recorded("supabase/metrics").body.decode())


def test_the_address_is_made_of_the_project_unless_given() -> None:
    made = Supabase.model_validate({"project": "abcdefghijklmnopqrst", "secret_key": "x"})
    assert made.url == "https://abcdefghijklmnopqrst.supabase.co/customer/v1/privileged/metrics"
    assert made.every == 60


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"secret_key": "x"}, "expected project"),
        ({"project": "abcdefghijklmnopqrst"}, "secret_key"),
        ({"project": "../evil", "secret_key": "x"}, "match pattern"),
        ({"project": "abcdefghijklmnopqrst", "secret_key": "x", "bearer_token": "y"}, "no other credentials"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Supabase.model_validate(settings)


def test_the_examples_of_the_page_work() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert blocks
    for text in blocks:
        if "scrape_configs" not in text:
            settings_of(Document.parse(text, str(PAGE)), {"SUPABASE_SECRET_KEY": "sb_secret_x", "DSN": "postgresql://x"})
