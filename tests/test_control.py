"""Reload, the page of settings, and probes on demand, over real sockets."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from exporter.app import App
from exporter.demo.website import Website
from exporter.errors import SettingsError
from exporter.serving import Web
from exporter.settings import load
from tests.stack import free_port, until

LOOPBACK = Web(("127.0.0.1:0",))

NODE = "collectors:\n- kind: node\n"


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = App(load(file), LOOPBACK, lambda: load(file))
    async with app.running() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await app.ready()
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bellwether.yml"
    path.write_text(NODE)
    return path


def value(page: str, name: str) -> float:
    return next(sample.value for family in parse(page) for sample in family.samples if sample.name == name)


async def test_a_reload_takes_up_new_settings_and_says_so(file: Path) -> None:
    async with serving(file) as client:
        before = value((await client.get("/metrics")).text, "bellwether_config_last_reload_success_timestamp_seconds")
        file.write_text("collectors:\n- {kind: node, name: first}\n- {kind: node, name: second}\n")
        answer = await client.post("/-/reload")
        assert (answer.status_code, answer.text) == (200, "reloaded\n")
        page = (await client.get("/metrics")).text
        assert 'bellwether_collector_up{collector="node"}' not in page
        assert 'bellwether_collector_up{collector="second"} 1.0' in page
        assert value(page, "bellwether_config_last_reload_success_timestamp_seconds") > before


async def test_wrong_settings_leave_those_before_in_force_and_are_named(file: Path) -> None:
    async with serving(file) as client:
        file.write_text("collectors:\n- kind: nod\n")
        answer = await client.post("/-/reload")
        assert answer.status_code == 500
        assert f"{file}:2: collectors[0].kind: 'nod': expected one of" in answer.text
        page = (await client.get("/metrics")).text
        assert value(page, "bellwether_config_last_reload_successful") == 0
        assert 'bellwether_collector_up{collector="node"} 1.0' in page
        file.write_text(NODE)
        await client.post("/-/reload")
        assert value((await client.get("/metrics")).text, "bellwether_config_last_reload_successful") == 1


async def test_a_storm_of_reloads_loses_no_scrape(file: Path) -> None:
    async with serving(file) as client:

        async def reload(number: int) -> int:
            file.write_text(f"collectors:\n- {{kind: node, name: node, timeout: {5 + number % 7}s}}\n")
            return (await client.post("/-/reload")).status_code

        async def scrape() -> bool:
            return "node_load1 " in (await client.get("/metrics")).text

        for _ in range(4):  # within the limit of requests at a time, again and again
            results = await asyncio.gather(*[each for number in range(15) for each in (reload(number), scrape())])
            assert results == [200, True] * 15


async def test_a_get_does_not_reload(file: Path) -> None:
    async with serving(file) as client:
        assert (await client.get("/-/reload")).status_code == 405


async def test_the_page_of_settings_shows_what_is_in_force_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "bellwether.yml"
    (tmp_path / "password").write_text("hunter2")
    file.write_text(
        "collectors:\n- {kind: node, timeout: 3s}\n"
        f"- {{kind: postgres, dsn: 'postgres://bob:hunter2@db.invalid/x', password_file: {tmp_path}/password, every: 1h}}\n"
        "- {kind: http, target: 'https://site.invalid/?token=hunter2', headers: {Authorization: Bearer hunter2}, every: 1h}\n"
    )
    app = App(load(file), LOOPBACK)
    async with app.running() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        text = (await client.get("/config")).text
    assert "hunter2" not in text
    assert "timeout: 3.0" in text
    assert "dsn: redacted" in text
    assert "Authorization: redacted" in text
    assert "https://site.invalid/?token=redacted" in text


PROBE = """
probe:
  targets: ["{site}/*", "https://*.example.com/*"]
  modules:
    http_2xx: {{kind: http, timeout: 5s}}
    http_404: {{kind: http, valid_status_codes: [404]}}
"""


@asynccontextmanager
async def probing(file: Path) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    async with Website("host=/nonexistent") as site:
        file.write_text(NODE + PROBE.format(site=site.url))
        async with serving(file) as client:
            yield client, site.url


async def test_a_probe_answers_as_blackbox_exporter_does(file: Path) -> None:
    async with probing(file) as (client, site):
        good = (await client.get("/probe", params={"target": f"{site}/pricing", "module": "http_2xx"})).text
        default = (await client.get("/probe", params={"target": f"{site}/pricing"})).text
        bad = await client.get("/probe", params={"target": f"{site}/nowhere"})
        expected = (await client.get("/probe", params={"target": f"{site}/nowhere", "module": "http_404"})).text
    assert "probe_success 1.0" in good  # no label: Prometheus adds the target it asked for
    assert "probe_success 1.0" in default
    assert (bad.status_code, "probe_success 0.0" in bad.text, "probe_http_status_code 404.0" in bad.text) == (200, True, True)
    assert "probe_success 1.0" in expected


@pytest.mark.parametrize(
    ("params", "status", "text"),
    [
        ({"module": "http_2xx"}, 400, "the parameter target is missing"),
        (
            {"target": "SITE/", "module": "dns"},
            400,
            "there is no module dns; the settings' probe.modules has http_2xx, http_404",
        ),
        ({"target": "http://169.254.169.254/latest/"}, 403, "the target is not allowed"),
        ({"target": "https://evil.invalid/www.example.com/"}, 403, "the target is not allowed"),
        ({"target": "https://www.example.com@evil.invalid/"}, 403, "the target is not allowed"),
        ({"target": "https://www.example.com:444/"}, 403, "the target is not allowed"),
        ({"target": "https://www.example.com:x/"}, 403, "the target is not allowed"),
        ({"target": "http://www.example.com/"}, 403, "the target is not allowed"),
        ({"target": "SITE.evil.invalid/"}, 403, "the target is not allowed"),
        ({"target": "file:///etc/passwd"}, 403, "the target is not allowed"),
    ],
)
async def test_what_may_not_be_probed_is_refused(file: Path, params: dict[str, str], status: int, text: str) -> None:
    async with probing(file) as (client, site):
        params = {name: given.replace("SITE", site) for name, given in params.items()}
        answer = await client.get("/probe", params=params)
    assert (answer.status_code, answer.text.startswith(text)) == (status, True), answer.text


async def test_a_probe_for_people_shows_settings_and_findings(file: Path) -> None:
    async with probing(file) as (client, site):
        text = (await client.get("/probe", params={"target": f"{site}/", "debug": "true"})).text
    assert f"target {site}/\nmodule http_2xx\n" in text
    assert '"timeout": 5.0' in text
    assert "probe_success 1.0" in text


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (
            "probe: {modules: {x: {kind: http, headers: {Authorization: hunter2}}}}",
            "probe.modules.x.headers: a module that takes",
        ),
        ("probe: {modules: {x: {kind: htp}}}", "probe.modules.x.kind: 'htp': expected one of"),
        ("probe: {targets: example.com}", "probe.targets: 'example.com': expected a list of URLs"),
        ("probe: {target: []}", "probe.target: unknown key; expected modules or targets"),
        ("probe: []", "probe: expected a mapping"),
    ],
)
def test_wrong_settings_of_probes_are_named(file: Path, probe: str, message: str) -> None:
    file.write_text(f"{NODE}{probe}\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:3: {message}")
    assert "hunter2" not in str(caught.value)


async def test_nothing_may_be_probed_unless_the_settings_say_so(file: Path) -> None:
    async with serving(file) as client:
        answer = await client.get("/probe", params={"target": "http://127.0.0.1/"})
    assert (answer.status_code, answer.text) == (400, "there is no module http_2xx; the settings' probe.modules has none\n")


def test_sighup_reads_the_settings_again(file: Path) -> None:
    port, log = free_port(), file.with_name("log")
    command = [sys.executable, "-m", "exporter", "run", "--config", str(file), "--web.listen-address", f"127.0.0.1:{port}"]
    with log.open("wb") as stream:
        exporter = subprocess.Popen(command, stderr=stream)
    try:
        until(lambda: "listening on" in log.read_text(), pause=0.05)
        file.write_text(NODE + "  name: renamed\n")
        exporter.send_signal(signal.SIGHUP)
        until(lambda: "settings reloaded" in log.read_text(), pause=0.05)
        assert 'collector="renamed"' in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    finally:
        exporter.terminate()
        assert exporter.wait(20) == 0
