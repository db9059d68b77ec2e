"""A server whose certificate nobody vouches for gets no key, and quotes stand in for its answer."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Message, Retriever, language_model
from rag.errors import LLMUnavailable


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Address of a server on loopback with a certificate that it signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, context), daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/v1"


HEARD: list[bytes] = []


def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                HEARD.append(secure.recv(1000))
        except OSError:
            HEARD.append(b"")


def test_the_error_is_typed_and_names_the_certificate(url: str) -> None:
    HEARD.clear()
    with (
        language_model("openai:tiny", base_url=url, api_key="sk-nobody-hears-this") as model,
        pytest.raises(LLMUnavailable, match="certificate") as error,
    ):
        model.complete([Message("user", "Hello")])
    assert error.value.attempts == 1
    assert not any(HEARD)


def test_quotes_stand_in(url: str, tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text("Green tea is steeped at 80 degrees.", id="tea")])
        with language_model("openai:tiny", base_url=url) as model:
            answer = Bot(Retriever(kb), model).ask("How hot is green tea?")
    assert answer.degraded
    assert "certificate" in answer.reason
    assert answer.citations
