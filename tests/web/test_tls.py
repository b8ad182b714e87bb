"""TLS, over real sockets with real certificates."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from exporter.errors import SettingsError
from exporter.web import Listener
from tests.web.serving import Files, client, connected, sent, serving

MUTUAL = ("client_ca_file: ca.pem", "client_auth_type: RequireAndVerifyClientCert")


async def certificate(listener: Listener, trust: ssl.SSLContext) -> bytes:
    async with connected(listener, ssl=trust, server_hostname="localhost") as (_, writer):
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(found, bytes)
        return found


async def asked(listener: Listener, trust: ssl.SSLContext) -> str:
    async with client(listener, trust) as http:
        return (await http.get("/")).text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(files: Files, version: ssl.TLSVersion) -> None:
    trust = files.trust()
    trust.minimum_version = trust.maximum_version = version
    trust.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(config_file=files.tls()) as listener:
        assert listener.urls[0].startswith("https://127.0.0.1:")
        async with connected(listener, ssl=trust, server_hostname="localhost") as (_, writer):
            connection = writer.get_extra_info("ssl_object")
            assert (connection.version(), connection.selected_alpn_protocol()) == (version.name.replace("_", "."), "http/1.1")
        assert await asked(listener, trust) == "hello"


@pytest.mark.parametrize(
    ("line", "version"), [("min_version: TLS13", ssl.TLSVersion.TLSv1_2), ("max_version: TLS12", ssl.TLSVersion.TLSv1_3)]
)
async def test_a_version_outside_the_range_is_refused(files: Files, line: str, version: ssl.TLSVersion) -> None:
    trust = files.trust()
    trust.minimum_version = trust.maximum_version = version
    async with serving(config_file=files.tls(line)) as listener:
        with pytest.raises(httpx.ConnectError):
            await asked(listener, trust)
        assert await asked(listener, files.trust()) == "hello"


async def test_curl_is_content(files: Files) -> None:
    if shutil.which("curl") is None:
        assert os.environ.get("CI") != "true", "curl is not installed"
        pytest.skip("curl is not installed")
    async with serving(config_file=files.tls()) as listener:
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--tlsv1.2", "--tls-max", "1.2", "--http2"]
        command += ["--cacert", str(files.folder / "ca.pem"), "--write-out", "%{http_version}", listener.urls[0]]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("hello1.1", "")


async def test_inline_certificate_and_key_do_as_well_as_files(files: Files) -> None:
    def block(name: str) -> str:
        return "|\n" + "".join(f"    {line}\n" for line in (files.folder / name).read_text().splitlines())

    inline = f"tls_server_config:\n  cert: {block('cert.pem')}  key: {block('key.pem')}"
    async with serving(config_file=files.write(inline)) as listener:
        assert await asked(listener, files.trust()) == "hello"


async def test_a_client_with_a_certificate_of_the_authority_is_let_in_and_no_other(files: Files) -> None:
    async with serving(config_file=files.tls(*MUTUAL)) as listener:
        assert await asked(listener, files.trust("scraper.example")) == "hello"
        for stranger in (files.trust(), files.trust("scraper.example", issuer=trustme.CA())):
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await asked(listener, stranger)


async def test_a_certificate_may_be_optional_but_then_a_wrong_one_is_refused(files: Files) -> None:
    optional = files.tls("client_ca_file: ca.pem", "client_auth_type: VerifyClientCertIfGiven")
    async with serving(config_file=optional) as listener:
        assert await asked(listener, files.trust()) == "hello"
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await asked(listener, files.trust("scraper.example", issuer=trustme.CA()))


async def test_a_listed_certificate_is_trusted_whoever_signed_it(files: Files) -> None:
    intermediate = files.authority.create_child_ca()
    intermediate.cert_pem.write_to_path(files.folder / "ca-of-clients.pem")
    mutual = files.tls("client_ca_file: ca-of-clients.pem", "client_auth_type: RequireAndVerifyClientCert")
    async with serving(config_file=mutual) as listener:
        assert await asked(listener, files.trust("scraper.example", issuer=intermediate)) == "hello"


async def test_without_client_ca_the_systems_authorities_count(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files.folder / "ca.pem"))
    async with serving(config_file=files.tls("client_auth_type: RequireAndVerifyClientCert")) as listener:
        assert await asked(listener, files.trust("scraper.example")) == "hello"


@pytest.mark.parametrize("name", ["scraper.example", "10.0.0.7", "2001:db8::7", "scraper@example.com"])
async def test_a_client_is_known_by_any_kind_of_name(files: Files, name: str) -> None:
    config = files.tls(*MUTUAL, f"client_allowed_sans: [other.example, '{name}']")
    async with serving(config_file=config) as listener:
        assert await asked(listener, files.trust("further.example", name)) == "hello"


async def test_a_client_of_another_name_is_refused(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(config_file=files.tls(*MUTUAL, "client_allowed_sans: [scraper.example]")) as listener:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await asked(listener, files.trust("sub.scraper.example"))
    assert caplog.messages == ["a client was refused: no name of its certificate is in client_allowed_sans"]


async def test_a_resumed_session_is_held_to_the_names_too(files: Files) -> None:
    trust = files.trust("scraper.example")
    trust.maximum_version = ssl.TLSVersion.TLSv1_2  # a session of TLS 1.3 comes only after the handshake
    async with serving(config_file=files.tls(*MUTUAL, "client_allowed_sans: [scraper.example]")) as listener:
        port = httpx.URL(listener.urls[0]).port

        def ask(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool, bytes]:
            plain = socket.create_connection(("127.0.0.1", port))
            with trust.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                answer = b""
                while data := sock.recv(4096):
                    answer += data
                return sock.session, bool(sock.session_reused), answer

        session, reused, first = await asyncio.to_thread(ask, None)
        assert not reused
        _, reused, second = await asyncio.to_thread(ask, session)
    assert reused
    assert first.endswith(b"hello")
    assert second.endswith(b"hello")


async def test_ciphers_and_curve_are_those_chosen(files: Files) -> None:
    config = files.tls(
        "max_version: TLS12",
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
        "curve_preferences: [CurveP384]",
    )
    async with serving(config_file=config) as listener:
        for offered, expected in (
            ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ):
            trust = files.trust()
            trust.set_ciphers(offered)
            async with connected(listener, ssl=trust, server_hostname="localhost") as (_, writer):
                assert writer.get_extra_info("cipher")[0] == expected
        trust = files.trust()
        trust.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
        with pytest.raises(httpx.ConnectError):
            await asked(listener, trust)
        trust = files.trust()
        trust.set_ecdh_curve("prime256v1")
        with pytest.raises(httpx.ConnectError):
            await asked(listener, trust)


async def test_the_clients_order_of_ciphers_counts_if_so_chosen(files: Files) -> None:
    config = files.tls(
        "max_version: TLS12",
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
        "prefer_server_cipher_suites: false",
    )
    trust = files.trust()
    trust.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    async with (
        serving(config_file=config) as listener,
        connected(listener, ssl=trust, server_hostname="localhost") as (_, writer),
    ):
        assert writer.get_extra_info("cipher")[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"


async def until_certificate_changes(listener: Listener, trust: ssl.SSLContext, old: bytes) -> None:
    async with asyncio.timeout(10):
        while await certificate(listener, trust) == old:
            await asyncio.sleep(0.02)


async def test_a_new_certificate_is_taken_up_while_it_runs(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(config_file=files.tls()) as listener, client(listener, files.trust()) as http:
        await http.get("/")
        old = await certificate(listener, files.trust())
        files.renew()
        await until_certificate_changes(listener, files.trust(), old)
        assert (
            await sent(http, http.build_request("GET", "/"))
        ).text == "hello"  # the old connection was closed, a new one is made
    assert [record.levelname for record in caplog.records if record.name == "exporter.web.watch"] == []


async def test_a_wrong_new_certificate_leaves_the_old_one_in_force_and_is_logged_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(config_file=files.tls()) as listener:
        old = await certificate(listener, files.trust())
        files.authority.issue_cert("localhost").private_key_pem.write_to_path(files.folder / "key.pem")
        async with asyncio.timeout(10):
            while not caplog.messages:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # ten more looks
        wrong = f"{files.config}:3: tls_server_config.key_file: the key does not belong to the certificate"
        assert caplog.messages == [f"the web configuration is wrong, the one before stays in force: {wrong}"]
        assert await certificate(listener, files.trust()) == old
        files.renew()
        await until_certificate_changes(listener, files.trust(), old)


async def test_a_certificate_that_comes_after_the_configuration_that_names_it_is_taken_up(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(config_file=files.tls()) as listener:
        old = await certificate(listener, files.trust())
        files.tls("client_auth_type: NoClientCert").write_text(files.config.read_text().replace("cert.pem", "next.pem"))
        async with asyncio.timeout(10):
            while not caplog.messages:
                await asyncio.sleep(0.02)
        assert "tls_server_config.cert_file: " in caplog.text
        server = files.authority.issue_cert("localhost", "127.0.0.1")
        server.private_key_pem.write_to_path(files.folder / "key.pem")
        server.cert_chain_pems[0].write_to_path(files.folder / "next.pem")
        await until_certificate_changes(listener, files.trust(), old)


async def test_tls_cannot_be_switched_off_while_it_runs(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(config_file=files.tls()) as listener:
        files.write("")
        async with asyncio.timeout(10):
            while "TLS cannot be switched on or off while running" not in caplog.text:
                await asyncio.sleep(0.02)
        assert await asked(listener, files.trust()) == "hello"


PEM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["client_auth_type: RequireAnyClientCert"], "4: tls_server_config.client_auth_type: 'RequireAnyClientCert': Python's"),
        (["client_auth_type: Any"], "4: tls_server_config.client_auth_type: 'Any': expected one of NoClientCert, Verify"),
        (["client_ca_file: ca.pem"], "4: tls_server_config.client_ca_file: needs client_auth_type: RequireAndVerifyClientCert"),
        (["client_allowed_sans: [x]"], "4: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerify"),
        (["min_version: TLS10"], "4: tls_server_config.min_version: 'TLS10': expected 'TLS12' or 'TLS13'"),
        (["min_version: TLS13", "max_version: TLS12"], "4: tls_server_config.min_version: 'TLS13': expected no more than"),
        (
            ["cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"],
            "4: tls_server_config.cipher_suites[0]: 'TLS_RSA_WITH_RC4_128_SHA': exp",
        ),
        (["cipher_suites: [TLS_AES_128_GCM_SHA256]"], "4: tls_server_config.cipher_suites: names no suite of TLS 1.2"),
        (["curve_preferences: [X25519, CurveP256]"], "4: tls_server_config.curve_preferences: Python's TLS takes one curve"),
        (["curve_preferences: [Curve9]"], "4: tls_server_config.curve_preferences[0]: 'Curve9': expected one of CurveP256"),
        (["cert: x"], "2: tls_server_config.cert_file: 'cert.pem': give cert or cert_file, not both"),
        (["clientca: x"], "4: tls_server_config.clientca: unknown key; did you mean client_ca?"),
        ([*MUTUAL[1:], "client_ca_file: none.pem"], "5: tls_server_config.client_ca_file: 'none.pem': cannot be read: No such"),
        (
            [*MUTUAL[1:], "client_ca_file: key.pem"],
            "5: tls_server_config.client_ca_file: 'key.pem': expected certificates in PEM",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_at_its_line(files: Files, lines: list[str], message: str) -> None:
    config = files.tls(*lines)
    with pytest.raises(SettingsError) as raised:
        Listener(lambda *_: asyncio.sleep(0), ["127.0.0.1:0"], config_file=config)
    assert str(raised.value).startswith(f"{config}:{message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key_file: key.pem", "1: tls_server_config: expected cert_file, or cert with the certificate itself"),
        ("cert_file: cert.pem", "1: tls_server_config: expected key_file, or key with the key itself"),
        ("cert_file: key.pem, key_file: key.pem", "1: tls_server_config.cert_file: 'key.pem': expected certificates in PEM"),
        ("cert_file: cert.pem, key_file: cert.pem", "1: tls_server_config.key_file: expected a private key in PEM"),
        ("cert_file: cert.pem, key: s3cret", "1: tls_server_config.key: expected a private key in PEM"),
        ("cert_file: cert.pem, key: [s3cret]", "1: tls_server_config.key: expected a valid string"),
        ("cert_file: cert.pem, key_file: locked.pem", "1: tls_server_config.key_file: the key is encrypted; give it without"),
    ],
)
def test_a_wrong_certificate_or_key_is_refused_without_a_word_of_it(files: Files, text: str, message: str) -> None:
    key = serialization.load_pem_private_key((files.folder / "key.pem").read_bytes(), None)
    locked = key.private_bytes(*PEM, serialization.BestAvailableEncryption(b"password"))
    Path(files.folder / "locked.pem").write_bytes(locked)
    config = files.write(f"tls_server_config: {{{text}}}")
    with pytest.raises(SettingsError) as raised:
        Listener(lambda *_: asyncio.sleep(0), ["127.0.0.1:0"], config_file=config)
    assert str(raised.value).startswith(f"{config}:{message}")
    assert "s3cret" not in str(raised.value)
