"""Basic authentication: who is let in, and what it costs."""

import asyncio
import base64
import time

import bcrypt
import pytest

from exporter.web.access import Access
from tests.web.serving import Files, client, serving, users


def hashed(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        ("alice", "wonder", 200),
        ("zoë", "pass:wörd", 200),
        ("alice", "wonders", 401),
        ("alice", "", 401),
        ("bob", "wonder", 401),
        ("", "", 401),
    ],
)
async def test_the_right_password_of_a_user_is_let_in_and_nothing_else(
    files: Files, user: str, password: str, status: int
) -> None:
    config = files.write(users(alice="wonder", zoë="pass:wörd"))
    async with serving(config_file=config) as listener, client(listener) as http:
        for _ in range(2):  # the second time from memory
            answer = await http.get("/", headers={"authorization": basic(user, password).decode()})
            assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="bellwether", charset="UTF-8"'
        assert answer.text == "a user name and a password are expected (HTTP basic authentication)\n"


@pytest.mark.parametrize("header", [b"", b"Basic", b"Basic !", b"Basic YWxpY2U=", b"Bearer YWxpY2U6d29uZGVy", b"Basic \xff"])
async def test_what_is_no_pair_of_user_and_password_is_refused(header: bytes) -> None:
    assert not await Access({"alice": hashed("wonder")}).allows(header)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_hashes_of_every_tool_are_understood(prefix: str) -> None:
    assert await Access({"alice": prefix + hashed("wonder")[4:]}).allows(basic("alice", "wonder"))


async def test_a_password_longer_than_bcrypt_looks_at_works() -> None:
    access = Access({"alice": hashed("x" * 72)})
    assert await access.allows(basic("alice", "x" * 90))
    assert not await access.allows(basic("alice", "x" * 71))


async def test_a_right_password_costs_a_hash_once_and_a_wrong_one_each_time() -> None:
    access = Access({"alice": hashed("wonder", 12)})
    spent = []
    for password in ("wonder", "wonder", "wrong", "wrong"):
        start = time.process_time()
        assert await access.allows(basic("alice", password)) == (password == "wonder")
        spent.append(time.process_time() - start)
    assert [seconds > 0.05 for seconds in spent] == [True, False, True, True]


async def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    access = Access({"alice": hashed("wonder", 4), "bob": hashed("builder", 12)})
    start = time.process_time()
    assert not await access.allows(basic("bob", "wrong"))
    known = time.process_time() - start
    start = time.process_time()
    assert not await access.allows(basic("carol", "wrong"))
    assert 0.5 < (time.process_time() - start) / known < 2


async def test_what_nobody_hashed_lets_no_unknown_user_in() -> None:
    access = Access({"alice": hashed("wonder")})
    for password in ("", "wonder", access._decoy.decode()):
        assert not await access.allows(basic("carol", password))


async def test_many_first_requests_at_once_cost_one_hash() -> None:
    access = Access({"alice": hashed("wonder", 10)})
    start = time.process_time()
    await access.allows(basic("alice", "wrong"))
    one = time.process_time() - start
    start = time.process_time()
    assert all(await asyncio.gather(*(access.allows(basic("alice", "wonder")) for _ in range(50))))
    assert time.process_time() - start < 10 * one
