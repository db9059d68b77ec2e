"""Members of containers that cannot be read: listed, tried again, remembered, and never at a stored document's cost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from itertools import permutations
from pathlib import Path

import pytest

from pipelines.ingest import IngestReport, Options, ingest
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.loaders import LoadFailure

OPTIONS = Options(embedder=HashingEmbedder(16))
BROKEN = b'{"text": '
GOOD = b'{"text": "The signed contract."}\n'
Write = Callable[[Path, dict[str, bytes]], None]


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def write_mail(path: Path, members: dict[str, bytes]) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Papers"
    mail.set_content("See the papers.")
    for name, data in members.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    path.write_bytes(bytes(mail))


def take(tmp_path: Path) -> IngestReport:
    return ingest([tmp_path / "docs"], tmp_path / "kb", options=OPTIONS)


def stored(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase.open(tmp_path / "kb", embedder=OPTIONS.embedder)


ORDERS = list(permutations(["broken.json", "good.md", "other.md"]))
EVERY_ORDER = pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, marks=[pytest.mark.slow] if n else [], id="".join(each[0] for each in order))
        for n, order in enumerate(ORDERS)
    ],
)


@pytest.fixture(params=[("a.zip", write_zip), ("a.eml", write_mail)], ids=["zip", "eml"])
def container(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Write]:
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs" / request.param[0], request.param[1]


@EVERY_ORDER
def test_what_failed_is_tried_again_and_listed_again_whatever_the_order(
    tmp_path: Path, container: tuple[Path, Write], order: tuple[str, ...]
) -> None:
    path, write = container
    contents = {"broken.json": BROKEN, "good.md": b"# Good\n\nOtters hold hands.", "other.md": b"Herons stand."}
    write(path, {name: contents[name] for name in order})
    for again in range(3):
        report = take(tmp_path)
        assert [f.document.rpartition("#")[2] for f in report.failures] == ["broken.json"], again
        assert report.failed == 1
    with stored(tmp_path) as kb:
        (source,) = kb.sources().values()
        assert not source.complete
        assert [line for line in source.account.lines if "broken.json is not in" in line]
        assert kb.status().remarked == 1
    write(path, {**contents, "broken.json": GOOD})
    assert take(tmp_path).failures == ()
    assert take(tmp_path).unchanged_files == 1


@EVERY_ORDER
def test_a_member_that_breaks_keeps_what_was_stored_of_it(
    tmp_path: Path, container: tuple[Path, Write], order: tuple[str, ...]
) -> None:
    path, write = container
    contents = {"broken.json": GOOD, "good.md": b"Otters hold hands.", "other.md": b"Herons stand."}
    write(path, {name: contents[name] for name in order})
    assert take(tmp_path).failures == ()
    with stored(tmp_path) as kb:
        before = kb.document_ids()
    write(path, {name: {**contents, "broken.json": BROKEN}[name] for name in order})
    report = take(tmp_path)
    assert (report.failed, report.removed) == (1, 0)
    with stored(tmp_path) as kb:
        assert kb.document_ids() == before
        assert kb.verify().ok


def test_a_member_that_nobody_could_read_makes_nothing_incomplete(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    write_zip(tmp_path / "docs" / "a.zip", {"song.mp3": b"ID3", "good.md": b"Otters hold hands."})
    report = take(tmp_path)
    assert (report.failed, [f.reason for f in report.failures]) == (0, ["type"])
    assert take(tmp_path).unchanged_files == 1
    with stored(tmp_path) as kb:
        assert kb.status().incomplete == 0
        assert kb.status().remarked == 1


def test_failures_in_a_stream_of_ones_own_count_before_and_after_their_documents(tmp_path: Path) -> None:
    one, two = (Document(f"s#{name}", f"Text {name}.", "s") for name in "12")
    failure = LoadFailure("s#2", "parse", "broken")
    for stream in ([failure, one], [one, failure]):
        place = tmp_path / str(stream.index(failure))
        with KnowledgeBase.create(place, embedder=OPTIONS.embedder) as kb:
            kb.add([one, two])
            assert kb.add(stream).removed == 0
            assert kb.document_ids() == ["s#1", "s#2"]
            assert not kb.sources()["s"].complete
