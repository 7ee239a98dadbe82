"""A service by HTTPS: certificates are checked before the key is sent, proxies are used."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from client_service import Service, page

from workbench.client import connect
from workbench.domain.errors import Code, WorkbenchError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 in one file."""
    file = tmp_path_factory.mktemp("tls") / "service.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout {file} -out {file}.crt -subj /CN=service -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
def secure(service: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    service.on("GET", "/buckets", page([]))
    service.secure(certificate)
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIXPEEK_URL", f"https://127.0.0.1:{service.port}")
    monkeypatch.setenv("MIXPEEK_API_KEY", service.key)
    return service


def test_a_certificate_that_is_trusted_is_fine(
    secure: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with connect() as client:
        assert client.buckets().results == []
        assert client.buckets().results == []
    assert len({one.connection for one in secure.seen}) == 1


def test_a_certificate_that_is_not_trusted_gets_no_key(secure: Service) -> None:
    with connect() as client, pytest.raises(WorkbenchError, match="certificate") as raised:
        client.buckets()
    assert raised.value.code is Code.SERVICE_UNREACHABLE
    assert secure.seen == []


def test_https_goes_through_the_proxy_of_the_environment(
    secure: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = threading.Thread(target=tunnel, args=(listener, secure.port, asked), daemon=True)
        proxy.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with connect() as client:
            assert client.buckets().results == []
    assert asked[0].startswith(b"CONNECT 127.0.0.1:%d " % secure.port)
    assert secure.key.encode() not in asked[0]


def tunnel(listener: socket.socket, port: int, asked: list[bytes]) -> None:
    """One connection through a proxy."""
    near, _ = listener.accept()
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += near.recv(4096)
    asked.append(request)
    far = socket.create_connection(("127.0.0.1", port))
    near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    back = threading.Thread(target=copy, args=(far, near), daemon=True)
    back.start()
    copy(near, far)
