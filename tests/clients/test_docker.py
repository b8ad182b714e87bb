"""The client of the Engine API: against recorded answers on real sockets, and what it says when an engine misbehaves."""

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from exporter.clients.docker import Engine
from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from tests.clients.engine import DB, HANG, WEB, Recorded, recorded


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a socket may be: its path has to be short, and its folder open to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "engine.sock")


async def test_an_engine_is_asked_in_its_own_version_of_the_api(place: Path) -> None:
    docker = Recorded()
    docker.answers["/version"] |= {"ApiVersion": "1.43"}
    async with docker.at(place) as address, Engine(address, 5) as engine:
        await engine.containers()
        assert (await engine.about()).api_version == "1.43"
    assert docker.versions == {"1.43"}


async def test_an_engine_from_the_future_is_asked_in_the_newest_version_known_here(place: Path) -> None:
    docker = Recorded()
    docker.answers["/version"] |= {"ApiVersion": "1.107"}
    async with docker.at(place) as address, Engine(address, 5) as engine:
        await engine.containers()
    assert docker.versions == {"1.51"}


async def test_the_version_is_asked_once_and_again_after_closing(place: Path) -> None:
    docker = Recorded()
    async with docker.at(place) as address, Engine(address, 5) as engine:
        await engine.containers()
        await engine.containers()
        assert docker.asked.count("/version") == 1
        await engine.close()
        await engine.containers()
    assert docker.asked.count("/version") == 2


async def test_podman_is_told_from_docker(place: Path) -> None:
    podman = Recorded()
    async with podman.at(place) as address:
        async with Engine(address, 5) as engine:
            assert (await engine.about())[:3] == ("docker", "28.3.2", "1.51")
        podman.answers["/version"] = recorded("podman-version")
        async with Engine(address, 5) as engine:
            assert (await engine.about())[:3] == ("podman", "4.3.1", "1.41")


async def test_a_proxy_may_keep_what_the_machine_is_like_to_itself(place: Path) -> None:
    docker = Recorded()
    docker.answers["/info"] = (403, "<html>Forbidden</html>")
    async with docker.at(place) as address, Engine(address, 5) as engine:
        assert (await engine.about())[3:] == (None, None)


async def test_a_container_has_its_own_name_rather_than_what_others_link_it_by(place: Path) -> None:
    async with Recorded().at(place) as address, Engine(address, 5) as engine:
        assert [container.name for container in await engine.containers()] == ["shop-web-1", "db", "import"]


async def test_neither_the_environment_nor_the_command_is_kept(place: Path) -> None:
    assert "hunter2" in str(recorded("inspect-web"))
    async with Recorded().at(place) as address, Engine(address, 5) as engine:
        assert "hunter2" not in str(await engine.details(WEB))


async def test_a_container_that_is_gone_is_none(place: Path) -> None:
    docker = Recorded()
    del docker.answers[f"/containers/{WEB}/json"]
    docker.answers[f"/containers/{WEB}/stats"] = (409, '{"message":"container is not running"}')
    docker.answers[f"/containers/{DB}/stats"] = (200, "")  # Podman's answer for one that was never started
    async with docker.at(place) as address, Engine(address, 5) as engine:
        assert await engine.details(WEB) is None
        assert await engine.stats(WEB) is None
        assert await engine.stats(DB) is None


async def test_a_container_that_crashes_again_and_again_is_not_running_between_two_attempts(place: Path) -> None:
    docker = Recorded()
    docker.answers[f"/containers/{WEB}/json"]["State"] |= {"Running": True, "Restarting": True, "Pid": 0, "ExitCode": 1}
    async with docker.at(place) as address, Engine(address, 5) as engine:
        details = await engine.details(WEB)
    assert details is not None
    assert (details.running, details.exit_code) == (False, 1.0)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((500, '{"message":"hunter2"}'), Unreachable, "was answered with 500; the engine's log says why"),
        ((200, "<html>hunter2</html>"), Malformed, "answered with 200 and text/html, expected 200 and JSON"),
        ((302, "<html>hunter2</html>"), Malformed, "answered with 302 and text/html, expected 200 and JSON"),
        ((403, "<html>hunter2</html>"), Denied, "was refused with 403"),
        ([{"hunter2": 1}], Malformed, "lists containers otherwise than the Engine API does"),
        ({"message": "hunter2"}, Malformed, "lists containers otherwise than the Engine API does"),
        (HANG, TimedOut, "within 0.2 s"),
    ],
)
async def test_what_an_engine_does_wrong_is_said_without_its_own_words(
    place: Path, answer: object, error: type[PollError], words: str
) -> None:
    docker = Recorded()
    docker.answers["/containers/json"] = answer
    async with docker.at(place) as address, Engine(address, 0.2) as engine:
        with pytest.raises(error, match=words) as raised:
            await engine.containers()
    assert "hunter2" not in str(raised.value)


async def test_another_web_server_is_not_taken_for_an_engine(place: Path) -> None:
    web = Recorded()
    web.answers["/version"] = {"version": "1.0"}
    async with web.at(place) as address, Engine(address, 5) as engine:
        with pytest.raises(Malformed, match="names no ApiVersion at /version; expected the Engine API of Docker or Podman"):
            await engine.containers()


async def test_a_socket_that_is_not_there_or_that_nobody_listens_at_is_said_to_be_so(place: Path) -> None:
    async with Engine(f"unix://{place}", 5) as engine:
        with pytest.raises(Unreachable, match=r"engine\.sock does not exist; is the engine running"):
            await engine.about()
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(place))
        with pytest.raises(Unreachable, match=r"nobody listens at unix://.*; is the engine running"):
            await engine.about()


async def test_a_socket_that_hangs_is_given_up(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place))
        silent.listen()
        async with Engine(f"unix://{place}", 0.2) as engine:
            with pytest.raises(TimedOut, match=r"no answer to GET /version at unix://.* within 0.2 s"):
                await engine.about()


async def test_a_socket_that_may_not_be_used_says_which_group_may(place: Path) -> None:
    async with Recorded().at(place) as address, Engine(address, 5) as engine:
        place.chmod(0o660)
        if os.geteuid() != 0:
            place.chmod(0)
            words = "may not be used"
        else:
            os.chown(place, 0, 12345)  # a number that no group has
            words = r"add this user to it \(usermod -aG 12345 USER\), or start the exporter's container with --group-add 12345"
            os.seteuid(65534)
        try:
            with pytest.raises(Denied, match=words):
                await engine.about()
        finally:
            if os.getuid() == 0:
                os.seteuid(0)


async def test_an_engine_behind_tls_knows_the_exporter_by_its_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    of_server, of_exporter = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(of_server)
    authority.configure_trust(of_server)
    of_server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(of_exporter)
    authority.issue_cert("exporter@example.org").configure_cert(of_exporter)
    async with Recorded().behind_tls(of_server) as address, Engine(address, 5, of_exporter) as engine:
        assert len(await engine.containers()) == 3
