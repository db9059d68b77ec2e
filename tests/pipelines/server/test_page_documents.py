"""Pages and boxes over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pdf_files import make_pdf

from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import opened
from pipelines.server.guard import Access, Limits
from rag import PipelineConfig

from .conftest import Client, running

pytest.importorskip("pypdfium2")
LINES = ["The harbour was dredged in May.", "Ships of nine metres may enter now."]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    folder = tmp_path_factory.mktemp("pdf")
    (folder / "docs").mkdir()
    (folder / "docs" / "harbour.pdf").write_bytes(make_pdf(LINES, ["Night work."]))
    (folder / "docs" / "note.md").write_text("# Note\n\nNothing.\n")
    assert run(["ingest", str(folder / "docs"), "--into", str(folder / "kb"), "--embedder", "hashing-64"]) == 0
    with ExitStack() as stack:
        collections = stack.enter_context(opened([folder / "kb"], PipelineConfig.of, at_once=2))
        url = stack.enter_context(running(application(collections, Access(), Limits()), Limits()))
        yield Client(url), folder


def found(client: Client, question: str) -> dict:
    return client.post("/v1/search", {"question": question, "k": 1})[1]["passages"][0]


def test_boxes_and_the_picture_of_a_span(served: tuple[Client, Path]) -> None:
    client, folder = served
    own = found(client, "draught of ships in the harbour")
    start = own["start"] + own["text"].index("Ships")
    status, told = client.get(f"/v1/documents/{own['document']}/boxes?start={start}&end={start + 35}")
    assert status == 200
    (page,) = told["pages"]
    assert (page["page"], page["how"], len(page["rectangles"])) == (1, "exact", 1)
    left, top, right, bottom = page["rectangles"][0]
    assert 0.1 < left < right < 0.6
    assert 0.08 < top < bottom < 0.13
    status, heads, data = client.send("GET", f"/v1/documents/{own['document']}/pages/1.png?width=300")
    assert (status, heads["content-type"], data[:8]) == (200, "image/png", b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20]) == pytest.approx(300, abs=1)
    assert str(folder) not in str(told)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("boxes?start=5&end=5", 400),
        ("boxes?start=0&end=999999999", 400),
        ("boxes?start=-1&end=5", 400),
        ("boxes?start=x&end=5", 400),
        ("boxes?start=0&end=99999999999999999999999999", 400),
        ("pages/0.png", 409),
        ("pages/3.png", 409),
        ("pages/99999999999999999999.png", 409),
        ("pages/x.png", 400),
        ("pages/1.png?width=99", 400),
        ("pages/1.png?width=2401", 400),
        ("pages/1.png?width=100", 200),
        ("pages/1.png?width=2400", 200),
        ("pages/1.png?kb=none", 404),
    ],
)
def test_limits_and_one_past_them(served: tuple[Client, Path], path: str, status: int) -> None:
    client, _ = served
    own = found(client, "draught of ships in the harbour")
    assert client.send("GET", f"/v1/documents/{own['document']}/{path}")[0] == status


def test_what_is_no_pdf_or_has_changed_is_said_and_names_no_folder(served: tuple[Client, Path]) -> None:
    client, folder = served
    note, own = found(client, "nothing note"), found(client, "draught of ships in the harbour")
    status, told = client.get(f"/v1/documents/{note['document']}/boxes?start=0&end=3")
    assert (status, told["error"]["message"]) == (409, "only the pages of PDF files can be shown")
    assert client.get("/v1/documents/none/boxes?start=0&end=3")[0] == 404
    file = folder / "docs" / "harbour.pdf"
    before = file.read_bytes()
    try:
        for change, words in ((make_pdf(["Other."]), "has changed since it was read"), (None, "the file is gone")):
            file.unlink() if change is None else file.write_bytes(change)
            for path in ("boxes?start=0&end=5", "pages/1.png"):
                status, told = client.get(f"/v1/documents/{own['document']}/{path}")
                assert status == 409
                assert words in told["error"]["message"]
                assert str(folder) not in told["error"]["message"]
    finally:
        file.write_bytes(before)
