"""The page of incidents, the certificate in front of the website, and the programs beside it."""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from exporter.demo import programs
from exporter.demo.desk import Desk
from exporter.demo.programs import Children
from exporter.demo.secured import Secured
from exporter.demo.website import Website
from exporter.errors import DemoError
from tests.stack import until


class Room:
    """What goes on, for a desk."""

    def __init__(self) -> None:
        self.going_on: set[str] = set()

    async def start(self, name: str) -> None:
        self.going_on.add(name)

    async def end(self, name: str) -> None:
        if name == "certificate":
            raise DemoError("it stays")
        self.going_on.discard(name)


async def test_incidents_start_and_end_at_the_desk_and_the_page_says_so() -> None:
    room = Room()
    async with Desk(lambda: room.going_on, room.start, room.end) as desk, httpx.AsyncClient(base_url=desk.url) as browser:
        assert (await browser.post("/incidents/cpu-load")).status_code == 204
        told = (await browser.get("/incidents")).json()
        assert [name for name, each in told.items() if each["going_on"]] == ["cpu-load"]
        assert "cpu-load/end" in (await browser.get("/")).text
        assert (await browser.delete("/incidents/cpu-load")).status_code == 204
        assert room.going_on == set()
        pressed = await browser.post("/incidents/cpu-load", headers={"origin": desk.url})
        assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
        await browser.post("/incidents/certificate")
        assert (await browser.delete("/incidents/certificate")).json() == {"error": "it stays"}


async def test_the_desk_knows_its_incidents_and_obeys_no_other_site() -> None:
    room = Room()
    async with Desk(lambda: room.going_on, room.start, room.end) as desk, httpx.AsyncClient(base_url=desk.url) as browser:
        assert (await browser.post("/incidents/flood")).status_code == 404
        assert (await browser.post("/incidents/cpu-load", headers={"origin": "http://evil.example"})).status_code == 403
        assert room.going_on == set()


async def test_what_was_sent_is_shown_as_text() -> None:
    room = Room()
    async with Desk(lambda: room.going_on, room.start, room.end) as desk, httpx.AsyncClient(base_url=desk.url) as browser:
        assert (await browser.post("/sent/pagerduty", content=b'{"a": "<script>"}')).json()["status"] == "success"
        assert (await browser.post("/sent/slack", content=b"not JSON")).text == "ok"
        page = (await browser.get("/")).text
        assert page.index("slack") < page.index("pagerduty")
        assert "&lt;script&gt;" in page
        assert "<script>" not in page


async def test_the_website_is_trusted_over_tls_and_its_certificate_can_be_about_to_end(database: str) -> None:
    async with Website(database) as site, Secured(site.port) as secured:

        async def days_left() -> int:
            context = ssl.create_default_context(cafile=str(secured.authority))
            async with (
                httpx.AsyncClient(verify=context, trust_env=False) as browser,
                browser.stream("GET", f"{secured.url}/pricing") as response,
            ):
                assert response.status_code == 200
                handshake = response.extensions["network_stream"].get_extra_info("ssl_object")
                presented = handshake.getpeercert(binary_form=True)
            return (x509.load_der_x509_certificate(presented).not_valid_after_utc - datetime.now(UTC)).days

        assert await days_left() >= 80
        async with secured.ending():
            assert await days_left() == 4
        assert await days_left() >= 80


def test_programs_are_found_where_one_says_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert programs.find() == (None, ["prometheus", "promtool", "alertmanager"])
    for name in ("debian/usr/bin/prometheus", "debian/usr/bin/promtool", "other/usr/bin/prometheus-alertmanager"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    found, missing = programs.find(tmp_path)
    assert found is not None
    assert (found.alertmanager, missing) == (tmp_path / "other/usr/bin/prometheus-alertmanager", [])


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return False


def test_programs_end_with_the_block(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("sleep", ["sh", "-c", "echo $$ >pid; exec sleep 1000"])
        pid = int(until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text()))
        assert alive(pid)
        assert not children.ended("sleep")
    assert not alive(pid)
    assert tmp_path.is_dir()


def test_programs_and_their_folder_go_even_when_the_demo_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    program = (
        "import sys, pathlib, time; from exporter.demo.programs import Children\n"
        "with Children(pathlib.Path(sys.argv[1])) as children:\n"
        "    children.start('sleep', ['sh', '-c', 'echo $$ >../pid; exec sleep 1000'])\n"
        "    time.sleep(1000)\n"
    )
    demo = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    pid = int(until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text()))
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()
    until(lambda: not alive(pid) and not folder.exists())
