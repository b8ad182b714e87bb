"""Credentials that are made for each request: tokens by OAuth and by Google's service accounts, signatures of AWS."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from exporter.clients.access import Access
from exporter.clients.api import CALLS, Api
from exporter.clients.aws import Signature
from exporter.clients.google import ServiceAccount
from exporter.clients.oauth import ClientCredentials
from exporter.clients.signer import Signer
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import Secret
from tests.endpoint import Endpoint, Request, Response, endpoint
from tests.stack import free_port

SECRET = "s3cr3t-" + "x" * 20
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """An API that takes the token given last, and the server that gives tokens."""
    with endpoint() as served:
        served.answers["/token"] = lambda _: token(f"token-{len(served.asked('/token'))}")
        served.answers["/data"] = lambda request: (
            Response.json({"ok": True})
            if request.headers.get("authorization") == f"Bearer token-{len(served.asked('/token'))}"
            else Response.json({"error": "unauthorized"}, 401)
        )
        yield served


def token(text: object, **more: object) -> Response:
    """The answer of section 5.1 of RFC 6749."""
    return Response.json({"access_token": text, "token_type": "Bearer", "expires_in": 3600} | more)


def credentials(server: Endpoint, **options: Any) -> ClientCredentials:
    return ClientCredentials(f"{server.url}/token", "client-1", Secret(SECRET), **options)


def api(server: Endpoint, signer: Signer, **options: Any) -> Api:
    return Api(server.url, Access(), signer=signer, **options)


async def failure(server: Endpoint, signer: Signer, **options: Any) -> PollError:
    client = api(server, signer, **options)
    with pytest.raises(PollError) as raised:
        await client.get("/data")
    await client.close()
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    return raised.value


async def test_a_token_is_asked_for_once_and_sent_with_each_request(server: Endpoint) -> None:
    client = api(server, credentials(server, scope="read write"))
    for _ in range(3):
        assert await client.get("/data") == {"ok": True}
    [asked] = server.asked("/token")
    assert asked.method == "POST"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["client-1"], "client_secret": [SECRET], "scope": ["read write"],
    }  # fmt: skip
    assert [sample.value for sample in client.samples("x") if sample.metric is CALLS] == [3]
    await client.close()


async def test_a_token_may_be_asked_for_in_json_and_without_scope(server: Endpoint) -> None:
    client = api(server, credentials(server, body="json"))
    await client.get("/data")
    assert server.asked("/token")[0].data == {
        "grant_type": "client_credentials",
        "client_id": "client-1",
        "client_secret": SECRET,
    }
    await client.close()


@pytest.mark.parametrize(("lifetime", "asked"), [(61.0, 1), (60, 2), ("30", 2), ("soon", 1), (None, 1)])
async def test_a_token_is_renewed_a_minute_before_its_end(server: Endpoint, lifetime: object, asked: int) -> None:
    server.answers["/token"] = lambda _: token(f"token-{len(server.asked('/token'))}", expires_in=lifetime)
    client = api(server, credentials(server))
    await client.get("/data")
    await client.get("/data")
    assert len(server.asked("/token")) == asked
    await client.close()


async def test_a_token_that_is_refused_is_replaced_once(server: Endpoint) -> None:
    signer = credentials(server)
    client = api(server, signer)
    server.answers["/token"] = lambda _: token("old" if len(server.asked("/token")) == 1 else "token-2")
    assert await client.get("/data") == {"ok": True}
    assert [sample.labels[1] for sample in client.samples("x") if sample.metric is CALLS] == ["401", "200"]
    server.answers["/data"] = Response.json({}, 401)
    with pytest.raises(Denied, match=r"/data at .*got status 401"):
        await client.get("/data")
    assert (len(server.asked("/data")), len(server.asked("/token"))) == (4, 3)
    await client.close()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Response.json({"error": "invalid_client", "error_description": SECRET}, 401), Denied, "status 401 (invalid_client)"),
        (Response.json({"error": SECRET}, 400), Denied, "status 400; check the credentials"),
        (Response.json({"error": {"message": SECRET}}, 401), Denied, "status 401; check the credentials"),
        (Response.text("<html>", "text/html", 403), Denied, "status 403"),
        (Response.json({}, 429, Retry_After="9"), Throttled, "429"),
        (Response.json({}, 500), Unreachable, "500"),
        (Response.json({}, 302), Malformed, "302"),
        (Response.text("<html>", "text/html"), Malformed, "access_token"),
        (Response.json([]), Malformed, "access_token"),
        (Response.json({"access_token": 5}), Malformed, "access_token"),
        (token(""), Malformed, "access_token"),
        (token("a\r\nHost: evil"), Malformed, "access_token"),
        (Response.json({"access_token": "x" * 100_000}), Malformed, "at most 100000 bytes"),
        (Response(b'{"access_token', cut_at=4), Unreachable, "the connection failed"),
    ],
)
async def test_a_token_that_is_not_given_says_why(
    server: Endpoint, answer: Response, kind: type[PollError], words: str
) -> None:
    server.answers["/token"] = answer
    error = await failure(server, credentials(server))
    assert type(error) is kind
    assert str(error).startswith("POST /token at 127.0.0.1:")
    assert words in str(error)
    assert server.asked("/data") == []


async def test_a_server_of_tokens_that_is_away_or_hangs_is_named(server: Endpoint) -> None:
    error = await failure(server, ClientCredentials(f"http://127.0.0.1:{free_port()}/token", "c", Secret(SECRET)))
    assert type(error) is Unreachable
    assert str(error).startswith("POST /token at ")
    released = threading.Event()
    server.answers["/token"] = Response(b"{}", after=released)
    assert type(await failure(server, credentials(server), timeout=0.1)) is TimedOut
    released.set()


async def test_a_secret_that_cannot_be_read_is_denied(server: Endpoint, tmp_path: Path) -> None:
    secret = Secret(file=tmp_path / "gone")
    error = await failure(server, ClientCredentials(f"{server.url}/token", "c", secret))
    assert (type(error), str(error)) == (Denied, f"cannot read {tmp_path / 'gone'}: No such file or directory")


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file(folder: Path, key: rsa.RSAPrivateKey, address: str, **changed: object) -> Path:
    """As the console gives it: https://docs.cloud.google.com/iam/docs/keys-create-delete#creating"""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = folder / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "shop",
                "private_key_id": "0123456789abcdef",
                "private_key": pem,
                "client_email": "reader@shop.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": address,
            }
            | changed
        )
    )
    return file


def unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_a_service_account_signs_a_statement_for_its_token(
    server: Endpoint, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    address = f"{server.url}/token"
    client = api(server, ServiceAccount(key_file(tmp_path, key, address), SCOPE))
    began = int(time.time())
    assert await client.get("/data") == {"ok": True}
    form = parse_qs(server.asked("/token")[0].body.decode())
    assert form.keys() == {"grant_type", "assertion"}
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    header, claims, signature = form["assertion"][0].split(".")
    signed = f"{header}.{claims}".encode()
    key.public_key().verify(unpacked(signature), signed, padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(unpacked(header)) == {"alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef"}
    told = json.loads(unpacked(claims))
    assert began <= told["iat"] <= time.time()
    assert told == {
        "iss": "reader@shop.iam.gserviceaccount.com", "scope": SCOPE, "aud": address,
        "iat": told["iat"], "exp": told["iat"] + 3600,
    }  # fmt: skip
    await client.close()


@pytest.mark.parametrize("changed", [{"private_key": SECRET}, {"client_email": None, "private_key": None}, {"token_uri": 5}])
def test_a_file_that_is_no_key_is_refused_by_name(tmp_path: Path, key: rsa.RSAPrivateKey, changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"cannot use .*key\.json: expected the JSON key of a service account") as raised:
        ServiceAccount(key_file(tmp_path, key, "http://127.0.0.1/token", **changed), SCOPE)
    assert SECRET not in str(raised.value)


def test_a_key_file_that_is_missing_or_no_json_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*none: No such file"):
        ServiceAccount(tmp_path / "none", SCOPE)
    (tmp_path / "text").write_text(SECRET)
    with pytest.raises(ValueError, match=r"cannot use .*text: expected the JSON key"):
        ServiceAccount(tmp_path / "text", SCOPE)


def recomputed(request: Request, secret: str) -> str:
    """The signature of what arrived, from the description alone: `docs.aws.amazon.com/IAM/…/create-signed-request.html`."""
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(", "))
    scope = fields["Credential"].split("/")[1:]
    names = fields["SignedHeaders"].split(";")
    parts = urlsplit(request.path)
    query = "&".join(sorted(f"{name}={value}" for name, value in request.query.items()))
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = "\n".join(
        [request.method, parts.path, query, headers, ";".join(names), hashlib.sha256(request.body).hexdigest()]
    )
    text = "\n".join(
        [algorithm, request.headers["x-amz-date"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which programs of AWS find nothing but the files of this folder."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def told_to_aws(server: Endpoint) -> Request:
    [request] = server.asked("/")
    fields = dict(part.split("=", 1) for part in request.headers["authorization"].partition(" ")[2].split(", "))
    assert fields["Credential"].endswith("/eu-west-1/monitoring/aws4_request")
    assert fields["Signature"] == recomputed(request, SECRET)
    return request


async def test_what_is_signed_is_what_arrives(server: Endpoint, no_credentials: Path) -> None:
    server.answers["/"] = Response.json({})
    signer = Signature(
        "monitoring",
        "eu-west-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key=Secret(SECRET),
        session_token=Secret("session-1"),
    )
    client = api(server, signer)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData"}
    await client.post("/", {"a": "ä b", "n": [1]}, {"b": "2", "a": "1"}, headers)
    request = told_to_aws(server)
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-target"] == "GraniteServiceVersion20100801.GetMetricData"
    assert request.headers["x-amz-security-token"] == "session-1"
    assert request.data == {"a": "ä b", "n": [1]}
    await client.close()


async def test_credentials_are_found_where_the_programs_of_aws_find_them(server: Endpoint, no_credentials: Path) -> None:
    server.answers["/"] = Response.json({})
    (no_credentials / "credentials").write_text(
        f"[reading]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"
    )
    client = api(server, Signature("monitoring", "eu-west-1", profile="reading"))
    await client.get("/")
    assert "Credential=AKIDPROFILE/" in told_to_aws(server).headers["authorization"]
    await client.close()


@pytest.mark.parametrize("profile", ["", "unknown"])
async def test_without_credentials_it_says_where_they_are_expected(
    server: Endpoint, no_credentials: Path, profile: str
) -> None:
    error = await failure(server, Signature("monitoring", "eu-west-1", profile=profile))
    assert type(error) is Denied
    assert "no credentials of AWS were found: expected access_key_id" in str(error)
    assert server.requests == []


def test_without_the_extra_each_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("google.auth.jwt", "botocore.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'bellwether-exporter\[google\]'"):
        ServiceAccount(tmp_path / "key.json", SCOPE)
    with pytest.raises(ValueError, match=r"pip install 'bellwether-exporter\[aws\]'"):
        Signature("monitoring", "eu-west-1")
