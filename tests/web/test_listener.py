"""What one client can do to the others, and how it ends."""

import asyncio
import socket
import ssl
import struct
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from exporter.web import Listener
from exporter.web.gate import Receive, Scope, Send
from tests.web.serving import LOCAL, PATIENT, QUICK, Files, Waiting, answer, client, connected, hello, page, serving

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
BIG = 20_000_000  # bytes: more than the kernel's buffers hold


async def status_of(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The status and the text of an answer after which the connection ends."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        await gone(reader)
    status = int(head.split()[1])
    assert b"connection: close" in head or status == 200  # uvicorn before 0.54 does not announce it
    return status, body.decode()


async def gone(reader: asyncio.StreamReader) -> None:
    """Wait until the other side ends the connection."""
    async with asyncio.timeout(10):
        try:
            while await reader.read(65536):
                pass
        except ConnectionResetError:
            pass


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_more_requests_at_once_than_allowed_are_answered_503_and_health_is_not() -> None:
    waiting = Waiting()
    async with serving(waiting, max_requests=3) as listener, client(listener, timeout=20) as http:
        first = [asyncio.create_task(http.get("/metrics")) for _ in range(3)]
        await waiting.reached(3)
        refused = await http.get("/metrics")
        text = "3 requests are under way, all that --web.max-requests allows; ask again later\n"
        assert (refused.status_code, refused.text) == (503, text)
        assert (await http.get("/-/healthy")).text == "healthy"
        waiting.go_on.set()
        assert [(await task).status_code for task in first] == [200, 200, 200]
        assert (await http.get("/metrics")).status_code == 200


async def test_no_limit_is_written_0() -> None:
    waiting = Waiting()
    async with serving(waiting, max_requests=0) as listener, client(listener, timeout=20) as http:
        requests = [asyncio.create_task(http.get("/metrics")) for _ in range(60)]
        await waiting.reached(60)
        waiting.go_on.set()
        assert {(await task).status_code for task in requests} == {200}


async def test_a_request_that_fails_or_is_left_no_longer_counts(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fails":
            raise ZeroDivisionError
        await waiting(scope, receive, send)

    async with serving(application, max_requests=1) as listener, client(listener) as http:
        assert [(await http.get("/fails")).status_code for _ in range(2)] == [500, 500]
        async with connected(listener) as (_, writer):
            writer.write(HEAD + b"\r\n")
            await waiting.reached(1)
        waiting.go_on.set()
        await waiting.reached(0)
        assert (await http.get("/")).status_code == 200
    assert caplog.messages == ["Exception in ASGI application\n"] * 2


async def test_two_hundred_scrapes_at_once_are_all_answered() -> None:
    async with serving(page(300_000)) as listener:
        limits = httpx.Limits(max_connections=200)
        async with client(listener, limits=limits, timeout=30) as http:
            answers = await asyncio.gather(*(http.get("/") for _ in range(200)))
    assert {(each.status_code, len(each.content)) for each in answers} == {(200, 300_000)}


async def test_readers_that_are_slow_do_not_use_up_the_requests_allowed() -> None:
    async with serving(page(BIG), max_requests=1) as listener, connected(listener) as (_, writer):
        writer.write(HEAD + b"\r\n")
        await asyncio.sleep(0.1)
        async with client(listener) as http:
            assert (await http.get("/")).status_code == 200


async def test_headers_too_long_are_answered_431() -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"x-long: " + b"y" * 20_000 + b"\r\n\r\n")
        assert await status_of(reader) == (431, "request line and headers are longer than 16384 bytes\n")


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nx-long: ", b"GET / HTTP/1.1\r\nx-"])
async def test_headers_without_an_end_are_answered_431(beginning: bytes) -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(beginning)
        for _ in range(20):
            writer.write(b"y" * 1000)
            await asyncio.sleep(0.001)
        assert await status_of(reader) == (431, "request line and headers are longer than 16384 bytes\n")


async def test_headers_of_an_ordinary_length_pass_also_piece_by_piece_and_again() -> None:
    async with serving() as listener, client(listener) as http:
        for _ in range(3):
            assert (await http.get("/?" + "x" * 8_000, headers={"x-long": "y" * 8_000})).status_code == 200


async def test_a_body_announced_too_long_is_answered_413_before_it_comes() -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"content-length: 100000000\r\nexpect: 100-continue\r\n\r\n")
        assert await status_of(reader) == (413, "the body is longer than 65536 bytes\n")


async def test_a_body_too_long_is_answered_413_while_it_comes() -> None:
    waiting = Waiting()
    async with serving(waiting) as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(20):
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()
        assert await status_of(reader) == (413, "the body is longer than 65536 bytes\n")
        waiting.go_on.set()


async def test_a_body_that_nobody_asked_for_is_not_read_for_ever() -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        assert await reader.readuntil(b"hello") != b""
        async with asyncio.timeout(10):
            while listener._connections():
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await asyncio.sleep(0)


async def test_a_small_body_is_given_to_the_application() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await answer(send, message["body"])

    async with serving(echo) as listener, client(listener) as http:
        assert (await http.post("/-/reload", content=b"please")).text == "please"


async def test_a_sender_of_a_byte_at_a_time_is_cut_off() -> None:
    async with serving(limits=QUICK) as listener, connected(listener) as (reader, writer):
        sent = 0

        async def trickle() -> None:
            nonlocal sent
            for byte in HEAD * 100:
                writer.write(bytes([byte]))
                sent += 1
                await asyncio.sleep(0.02)

        task = asyncio.create_task(trickle())
        assert await status_of(reader) == (408, "the request was not complete within 0.3 s\n")
        task.cancel()
        assert sent < 100


@pytest.mark.parametrize("first", [b"", b"\r\n", b"GET"])
async def test_a_client_that_says_little_is_cut_off(first: bytes) -> None:
    async with serving(limits=QUICK) as listener, connected(listener) as (reader, writer):
        writer.write(first)
        async with asyncio.timeout(10):
            answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 408 Request Timeout\r\n") == (first == b"GET")


async def test_a_client_is_cut_off_also_at_its_second_request() -> None:
    async with serving(limits=QUICK) as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"\r\n" + HEAD)
        await reader.readuntil(b"hello")
        assert await status_of(reader) == (408, "the request was not complete within 0.3 s\n")


async def test_a_body_that_does_not_come_is_waited_for_no_longer() -> None:
    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] == "http.request":
            await receive()

    async with serving(patient, limits=QUICK) as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"content-length: 10\r\n\r\nx")
        assert await status_of(reader) == (408, "the request was not complete within 0.3 s\n")


async def test_a_request_that_takes_long_to_answer_is_not_cut_off() -> None:
    waiting = Waiting()
    async with serving(waiting, limits=QUICK) as listener, client(listener, timeout=20) as http:
        request = asyncio.create_task(http.get("/"))
        await waiting.reached(1)
        await asyncio.sleep(0.8)
        waiting.go_on.set()
        assert (await request).text == "waited"


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("last", [b"", b"connection: close\r\n"])
async def test_a_reader_that_does_not_read_is_cut_off(files: Files, secure: bool, last: bytes) -> None:
    before = descriptors()
    tls = {"ssl": files.trust(), "server_hostname": "localhost"} if secure else {}
    config = files.tls() if secure else None
    async with (
        serving(page(BIG), limits=QUICK, config_file=config) as listener,
        connected(listener, limit=1024, **tls) as (reader, writer),
    ):
        writer.write(HEAD + last + b"\r\n")
        await reader.read(100)
        async with asyncio.timeout(10):
            while listener._connections():
                await asyncio.sleep(0.02)
        await gone(reader)
    assert descriptors() <= before


async def test_a_reader_that_takes_its_time_within_the_limit_gets_all() -> None:
    limits = replace(PATIENT, send=10)
    async with serving(page(BIG), limits=limits) as listener, connected(listener, limit=1024) as (reader, writer):
        writer.write(HEAD + b"connection: close\r\n\r\n")
        size = 0
        while data := await reader.read(500_000):
            size += len(data)
            await asyncio.sleep(0.002)
    assert size > BIG


async def test_a_slow_reader_holds_a_piece_of_the_page_and_not_the_page() -> None:
    async with serving(page(BIG)) as listener, connected(listener, limit=1024) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await reader.read(100)
        await asyncio.sleep(0.1)
        sizes = [each.transport.get_write_buffer_size() for each in listener._connections()]
        assert [0 < size <= 1280 * 1024 for size in sizes] == [True], sizes


async def test_a_connection_is_kept_for_longer_than_a_request_may_take() -> None:
    async with serving(limits=QUICK) as listener, connected(listener) as (reader, writer):
        for pause in (0.8, 0):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            await asyncio.sleep(pause)


async def test_a_connection_without_requests_is_closed() -> None:
    async with serving(limits=replace(PATIENT, idle=1)) as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"hello")
        async with asyncio.timeout(10):
            assert await reader.read() == b""


async def test_more_connections_than_allowed_are_refused() -> None:
    async with serving(limits=replace(PATIENT, connections=2)) as listener:
        async with connected(listener) as (_, first), connected(listener):
            async with connected(listener) as (reader, _):
                assert await status_of(reader) == (503, "too many connections are open\n")
            first.write(HEAD + b"\r\n")
        async with client(listener) as http:
            assert (await http.get("/")).status_code == 200


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET \x00 HTTP/1.1\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"G\x00"]
)
async def test_what_is_no_request_is_answered_400_and_not_logged(rubbish: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(rubbish)
        assert await status_of(reader) == (400, "not a request in HTTP/1.1\n")
    assert caplog.messages == []


async def test_a_wrong_second_request_does_not_spoil_the_answer_to_the_first() -> None:
    waiting = Waiting()
    async with serving(waiting) as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await waiting.reached(1)
        writer.write(b"\x00rubbish")
        await asyncio.sleep(0.05)
        waiting.go_on.set()
        assert await status_of(reader) == (200, "waited")


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_another_protocol_is_answered_in_this_one(protocol: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"connection: upgrade\r\nupgrade: " + protocol + b"\r\n\r\n")
        assert await status_of(reader) == (200, "hello")
    assert caplog.messages == []


async def test_an_answer_does_not_wait_for_the_reader_to_acknowledge_its_head() -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"hello")
        connection = listener._connections()[0].transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_requests_sent_ahead_are_answered_in_turn() -> None:
    async with serving() as listener, connected(listener) as (reader, writer):
        writer.write((HEAD + b"\r\n") * 20 + HEAD + b"connection: close\r\n\r\n")
        assert (await reader.read()).count(b"hello") == 21


@pytest.mark.parametrize("secure", [False, True])
async def test_a_thousand_scrapes_aborted_midway_leak_no_descriptor(files: Files, secure: bool) -> None:
    config = files.tls() if secure else None
    reset = struct.pack("ii", 1, 0)  # closing sends a reset
    trust = files.trust() if secure else None
    async with serving(page(3_000_000), config_file=config) as listener:
        url = httpx.URL(listener.urls[0])

        def abort(times: int) -> None:
            for _ in range(times):
                plain = socket.create_connection((url.host, url.port))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                with trust.wrap_socket(plain, server_hostname="localhost") if trust else plain as connection:
                    connection.sendall(HEAD + b"\r\n")
                    connection.recv(1000)

        await asyncio.to_thread(abort, 10)
        before = descriptors()
        await asyncio.to_thread(abort, 1000)
        async with asyncio.timeout(10):
            while listener._connections():
                await asyncio.sleep(0.02)
        assert descriptors() <= before
        async with client(listener, trust or True) as http:
            assert (await http.get("/")).status_code == 200


async def test_a_request_under_way_is_answered_before_the_end() -> None:
    waiting = Waiting()
    async with serving(waiting) as listener, client(listener, timeout=20) as http:
        request = asyncio.create_task(http.get("/"))
        await waiting.reached(1)
        listener.stop()
        await asyncio.sleep(0.1)
        with pytest.raises(httpx.ConnectError):
            async with client(listener) as other:
                await other.get("/")
        waiting.go_on.set()
        assert (await request).text == "waited"


async def test_a_request_that_is_never_answered_is_told_so_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting()
    async with client_of(waiting) as request:
        await waiting.reached(1)
    answered = await request
    assert (answered.status_code, answered.text) == (503, "the exporter is stopping\n")
    assert waiting.under_way == 0
    assert caplog.messages == []


class client_of:  # noqa: N801 - reads as a function
    """A request to a listener that ends with the block."""

    def __init__(self, application: Waiting) -> None:
        self._context = serving(application, limits=replace(QUICK, drain=0.2))

    async def __aenter__(self) -> asyncio.Task[httpx.Response]:
        self._http = client(await self._context.__aenter__(), timeout=20)
        return asyncio.create_task(self._http.get("/"))

    async def __aexit__(self, *_: object) -> None:
        await self._context.__aexit__(None, None, None)
        await asyncio.sleep(0.05)
        await self._http.aclose()


async def test_idle_clients_do_not_hold_up_the_end(files: Files) -> None:
    async with (
        serving(limits=replace(PATIENT, drain=60), config_file=files.tls()) as listener,
        connected(listener, ssl=files.trust(), server_hostname="localhost") as (reader, writer),
    ):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"hello")
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()  # it will not answer that the other side says goodbye
        async with asyncio.timeout(10):
            listener.stop()
            while listener._connections():
                await asyncio.sleep(0.02)
        writer.transport.abort()


async def test_an_idle_connection_is_closed_at_once_at_the_end() -> None:
    waiting = Waiting()
    async with serving(waiting) as listener, connected(listener) as (reader, writer), connected(listener) as (_, other):
        writer.write(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"healthy")
        other.write(HEAD + b"\r\n")
        await waiting.reached(1)
        listener.stop()
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        assert waiting.under_way == 1
        waiting.go_on.set()


async def test_a_reader_that_does_not_read_is_cut_off_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serving(page(BIG), limits=replace(PATIENT, drain=0.1)) as listener,
        connected(listener, limit=1024) as (reader, w),
    ):
        w.write(HEAD + b"\r\n")
        await reader.read(100)
        listener.stop()
        async with asyncio.timeout(10):
            while listener._connections() or listener._state.tasks:
                await asyncio.sleep(0.02)
    assert caplog.messages == []


async def test_a_cancelled_listener_leaves_nothing_open() -> None:
    before = descriptors()
    listener = Listener(hello, LOCAL)
    task = asyncio.create_task(listener.serve())
    async with connected(listener) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"hello")
        task.cancel()
        await gone(reader)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert descriptors() <= before


async def test_a_client_that_does_not_begin_with_tls_is_cut_off(files: Files) -> None:
    async with serving(limits=QUICK, config_file=files.tls()) as listener, connected(listener) as (reader, _):
        await gone(reader)


async def test_a_client_that_does_not_say_goodbye_in_tls_is_cut_off(files: Files) -> None:
    async with serving(limits=QUICK, config_file=files.tls()) as listener:
        url, trust = httpx.URL(listener.urls[0]), files.trust()

        def ask() -> ssl.SSLSocket:
            connection = trust.wrap_socket(socket.create_connection((url.host, url.port)), server_hostname="localhost")
            connection.sendall(HEAD + b"connection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
            return connection

        with await asyncio.to_thread(ask):
            async with asyncio.timeout(10):
                while listener._connections():
                    await asyncio.sleep(0.02)


async def test_a_listener_that_was_stopped_before_it_served_serves_nobody() -> None:
    async with serving(hello) as listener:
        listener.stop()
    with pytest.raises(httpx.ConnectError):
        async with client(listener) as http:
            await http.get("/")
