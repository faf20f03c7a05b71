"""What all AWS clients share: connections, and a TLS context that still checks who answers."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rotator.adapters.kms import KmsAlias
from rotator.aws import AwsAccess, AwsClients
from rotator.errors import TargetUnreachable
from tests.adapters.conftest import Profiles
from tests.adapters.rawserver import certificate
from tests.servers.ministack import ANYBODY

BODY = b'{"KeyMetadata":{"KeyId":"1","Arn":"arn:aws:kms:us-east-1:1:key/1"}}'


class Kms(http.server.BaseHTTPRequestHandler):
    """One answer to everything, on connections that stay open; the server counts them."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    connections = 0
    tls: ssl.SSLContext | None = None

    def finish_request(self, request, client_address):
        stream = self.tls.wrap_socket(request, server_side=True) if self.tls else request
        with stream:
            super().finish_request(stream, client_address)

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the server hangs up."""


@contextmanager
def serving(tls: ssl.SSLContext | None) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Kms) as server:
        server.tls = tls
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server whose certificate, for 127.0.0.1, is trusted."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    return context


def alias(clients: AwsClients, host: str, server: Server, region: str = "us-east-1") -> KmsAlias:
    url = f"https://{host}:{server.server_address[1]}"
    return KmsAlias(clients, AwsAccess(region, "tested", kms_endpoint=url), "alias/any")


def test_clients_of_one_access_share_connections_and_all_share_one_context(
    profiles: Profiles, trusted: ssl.SSLContext
) -> None:
    profiles({"tested": ANYBODY})
    clients = AwsClients()
    with serving(trusted) as server:
        here = alias(clients, "127.0.0.1", server)
        for _ in range(3):
            assert here.read() == "arn:aws:kms:us-east-1:1:key/1"
            here.point("arn:aws:kms:us-east-1:1:key/1")
        assert server.connections == 1
        assert alias(clients, "127.0.0.1", server, "eu-west-1").read()
        assert server.connections == 2
    assert len(clients._trusted) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_must_be_trusted_and_for_that_name(
    profiles: Profiles,
    trusted: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
) -> None:
    profiles({"tested": ANYBODY})
    if host == "127.0.0.1":  # the right name, but nobody vouches for it
        monkeypatch.delenv("AWS_CA_BUNDLE")
    with serving(trusted) as server, pytest.raises(TargetUnreachable) as caught:
        alias(AwsClients(), host, server).point("arn:aws:kms:us-east-1:1:key/1")

    assert "SSL validation failed" in caught.value.detail
    assert "effect" not in caught.value.detail
    assert caught.value.hint == "set AWS_CA_BUNDLE to your certificate authority"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_cannot_be_read_is_said(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    profiles({"tested": ANYBODY})
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    access = AwsAccess("us-east-1", "tested", kms_endpoint="https://127.0.0.1:9")

    with pytest.raises(TargetUnreachable) as caught:
        KmsAlias(AwsClients(), access, "alias/any").read()

    assert "effect" not in caught.value.detail
    assert "AWS_CA_BUNDLE" in caught.value.hint


def test_a_proxy_is_still_asked(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch, trusted: ssl.SSLContext
) -> None:
    profiles({"tested": ANYBODY})
    with serving(None) as proxy, serving(trusted) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(TargetUnreachable) as caught:
            alias(AwsClients(), "127.0.0.1", server).read()
        assert "proxy" in caught.value.detail.lower()
        assert proxy.connections > 0
        assert server.connections == 0
