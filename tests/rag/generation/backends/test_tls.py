"""A server whose certificate nobody vouches for gets no key, and is not asked again."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, LLMUnavailable, Message, Retriever
from rag.generation.backends.openai_chat import OpenAIChat

KEY = "sk-canary-tls-77"


@pytest.fixture
def address(tmp_path):
    """A TLS server with a self-signed certificate: its URL, and what it got to read."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    heard: list[bytes] = []
    tries: list[int] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            tries.append(1)
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    heard.append(secure.recv(65536))
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{server.getsockname()[1]}/v1", heard, tries
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_an_unknown_certificate_is_an_error_in_words(address, tmp_path):
    url, heard, tries = address
    with OpenAIChat("m", base_url=url, api_key=KEY, timeout=10) as model:
        with pytest.raises(LLMUnavailable, match="no secure connection to localhost") as error:
            model.complete([Message("user", "hello")])
        assert "CERTIFICATE_VERIFY_FAILED" in str(error.value)
        assert "CERTIFICATE_VERIFY_FAILED" in str(error.value)
        assert KEY not in str(error.value)
        assert (len(tries), b"".join(heard)) == (1, b"")
        with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
            kb.add([Document.from_text("Green tea is steeped at 80 degrees.", id="tea")])
            answer = Bot(Retriever(kb), model).ask("How hot is green tea steeped?")
    assert answer.degraded
    assert "no secure connection" in answer.reason
    assert answer.text == "Green tea is steeped at 80 degrees. [1]"
    assert b"".join(heard) == b""
