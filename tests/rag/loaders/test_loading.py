"""Loading end to end: order, metadata, isolation of bad files, accounting."""

from __future__ import annotations

import hashlib
import logging
import os
import random

import pytest

from rag.documents.document import Document
from rag.loaders import LoadFailure, discover, load, load_files


@pytest.fixture
def folder(tmp_path, seeds):
    root = tmp_path / "good"
    root.mkdir()
    for name, data in seeds.items():
        (root / name).write_bytes(data)
    return root


def test_every_format_goes_in_with_its_origin(folder, seeds, run):
    documents, failures = run(folder, meta={"team": "sea", "author": "us"})
    assert failures == []
    ids = [d.id.removeprefix(f"{folder}/") for d in documents]
    expected = []
    for name in sorted(seeds):
        expected += {
            "lines.jsonl": ["lines.jsonl#a", "lines.jsonl#b"],
            "mail.eml": ["mail.eml", "mail.eml#list.csv"],
            "pack.zip": ["pack.zip#in/a.md", "pack.zip#b.txt"],
        }.get(name, [name])
    assert ids == expected
    for document in documents:
        name = document.source.rpartition("/")[2]
        assert document.source_sha256 == hashlib.sha256(seeds[name]).hexdigest()
        assert document.location == str(folder / name)
        assert document.modified == (folder / name).stat().st_mtime
        assert document.metadata["team"] == "sea"
        assert document.metadata["author"] == "us"  # the user's word wins over the file's
    kinds = {d.id.removeprefix(f"{folder}/"): d.type for d in documents}
    assert kinds["code.py"] == "python"
    assert kinds["pack.zip#in/a.md"] == "md"
    assert kinds["mail.eml#list.csv"] == "csv"


def test_good_files_do_not_notice_bad_ones(folder, seeds, run, tmp_path):
    """150 damaged files in between: the good come out the same, each bad one is listed once or gives a document."""
    alone, _ = run(folder)
    rng = random.Random(20240501)
    names = sorted(seeds)
    mutated = 0
    for number in range(150):
        name = names[number % len(names)]
        data = bytearray(seeds[name])
        for _ in range(rng.randint(1, 12)):
            kind = rng.randrange(4)
            place = rng.randrange(len(data)) if data else 0
            if kind == 0 and data:
                data[place] ^= 1 << rng.randrange(8)
            elif kind == 1:
                del data[place : place + rng.randint(1, 200)]
            elif kind == 2:
                data[place:place] = data[place : place + rng.randint(1, 300)]
            else:
                other = seeds[rng.choice(names)]
                data[place : place + 64] = other[:64]
        if number % 7 == 0:
            del data[len(data) // 2 :]
        mutated += bytes(data) != seeds[name]
        stem, _, suffix = name.partition(".")
        (folder / f"{stem}~{number}.{suffix}").write_bytes(data)
    assert mutated > 140  # a few changes undo one another
    documents, failures = run(folder, parse_seconds=5.0)
    good = [d for d in documents if "~" not in d.source]
    assert [d.digest() for d in good] == [d.digest() for d in alone]
    assert [d.sections for d in good] == [d.sections for d in alone]
    whole = [f.source for f in failures if "#" not in f.source]
    assert len(whole) == len(set(whole))
    sources = {d.source for d in documents}
    assert not sources & set(whole), "a file is either in or failed"
    members = {f.source.partition("#")[0] for f in failures if "#" in f.source}
    assert sources | set(whole) | members == {str(path) for path in folder.iterdir()}
    assert len(whole) > 20
    assert {f.reason_class for f in failures} <= {"parse", "empty", "encoding", "limit", "type", "encrypted", "io"}
    for document in documents:
        document.text.encode()
        assert "\0" not in document.text
        end = 0
        for section in document.sections:
            assert end <= section.start < section.end <= len(document.text)
            end = section.end


def test_names_that_lie(run, tmp_path, seeds):
    (tmp_path / "pdf.txt").write_bytes(seeds["paper.pdf"])
    (tmp_path / "zip.md").write_bytes(seeds["pack.zip"])
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "old.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    (tmp_path / "latin.md").write_bytes("# Größe\n\nÄpfel, Öl und Übermut für naïve Gäste.".encode("cp1252"))
    documents, failures = run(tmp_path)
    assert [(d.id.rpartition("/")[2], d.type) for d in documents] == [
        ("latin.md", "md"),
        ("pdf.txt", "pdf"),
        ("a.md", "md"),  # zip.md#in/a.md
        ("zip.md#b.txt", "text"),
    ]
    assert "Äpfel, Öl" in documents[0].text
    assert {f.source.rpartition("/")[2]: f.reason_class for f in failures} == {
        "binary.txt": "type",
        "old.docx": "type",
    }


def test_nothing_to_read_is_listed(run, tmp_path):
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "space.txt").write_bytes(b" \n\t\n")
    (tmp_path / "front.md").write_bytes(b"---\ntitle: x\n---\n")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf")
    documents, failures = run(tmp_path)
    assert documents == []
    assert [(f.source.rpartition("/")[2], f.reason_class, f.skipped) for f in failures] == [
        ("bom.txt", "empty", True),
        ("empty.md", "empty", True),
        ("front.md", "empty", True),
        ("space.txt", "empty", True),
    ]


def test_odd_unicode_comes_out_well_formed(run, tmp_path):
    (tmp_path / "a.txt").write_bytes(
        b"nul\x00s " + "e\u0301 \u202eRTL 👩‍👩‍👧 ".encode() + b"\xed\xa0\x80 end\r\nmac\rline" + b" more" * 20
    )
    (tmp_path / "b.json").write_bytes(b'{"k": "\\ud83d lone \\u0000 nul"}')
    documents, failures = run(tmp_path)
    assert failures == []
    assert documents[0].text.startswith("nuls e\u0301 \u202eRTL 👩‍👩‍👧 \ufffd")
    assert "end\nmac\nline" in documents[0].text
    assert documents[1].text == "k: \ufffd lone  nul"


def test_files_that_change_or_go_between_finding_and_loading(tmp_path, seeds):
    for name in ("a.md", "b.md", "c.pdf", "d.pdf"):
        (tmp_path / name).write_bytes(seeds["paper.pdf"] if name.endswith("pdf") else b"text")
    found = list(discover([tmp_path]))
    for path in (tmp_path / "a.md", tmp_path / "c.pdf"):
        path.unlink()
    for path in (tmp_path / "b.md", tmp_path / "d.pdf"):
        path.unlink()
        path.symlink_to("/etc/passwd")
    items = list(load_files(found))
    assert [i.reason_class for i in items if isinstance(i, LoadFailure)] == ["missing", "io", "missing", "io"]
    assert len(items) == 4


def test_load_collects_or_logs_failures(tmp_path, caplog):
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.md").write_text("")
    failures: list[LoadFailure] = []
    assert [d.text for d in load(tmp_path, failures=failures)] == ["text"]
    assert [f.reason_class for f in failures] == ["empty"]
    with caplog.at_level(logging.WARNING):
        assert len(list(load(tmp_path))) == 1
    assert "b.md: empty" in caplog.text


def test_order_does_not_depend_on_workers(folder, run):
    one, _ = run(folder, workers=1)
    two, _ = run(folder, workers=2)
    assert [d.id for d in one] == [d.id for d in two]


def test_beir(tmp_path):
    (tmp_path / "corpus.jsonl").write_bytes(
        b'{"_id": "1", "title": "One", "text": "alpha", "metadata": {"year": 1990}}\n'
        b'{"_id": "2", "text": ""}\n{broken\n[1]\n{"text": "no id"}\n'
        b'{"_id": "3", "title": "Only a title", "text": " "}\n\n{"_id": "1", "text": "again"}\n'
        b'{"_id": 4, "text": "delta\\u0000"}'
    )
    items = list(load_files(discover([f"beir:{tmp_path}"], meta={"set": "x"})))
    documents = [i for i in items if isinstance(i, Document)]
    source = f"beir:{tmp_path}/corpus.jsonl"
    assert [(d.id, d.title, d.text, d.source) for d in documents] == [
        ("1", "One", "alpha", source),
        ("3", "Only a title", "Only a title", source),
        ("4", "", "delta", source),
    ]
    assert documents[0].metadata == {"year": 1990, "set": "x"}
    assert documents[0].source_sha256 == hashlib.sha256((tmp_path / "corpus.jsonl").read_bytes()).hexdigest()
    failures = [(i.source, i.reason_class) for i in items if isinstance(i, LoadFailure)]
    assert failures == [
        (f"{source}#2", "empty"),
        (f"{source}#line 3", "parse"),
        (f"{source}#line 4", "parse"),
        (f"{source}#line 5", "parse"),
        (f"{source}#line 8", "parse"),
    ]


def test_beir_folder_without_a_corpus(tmp_path):
    (failure,) = discover([f"beir:{tmp_path}"])
    assert isinstance(failure, LoadFailure)
    assert failure.reason_class == "missing"


def test_real_documents():
    data = os.environ.get("RAG_SHARED_DATA")
    if not data:
        pytest.skip("RAG_SHARED_DATA names no folder of real documents")
    found = []

    def tee():
        for item in discover([f"{data}/documents", f"{data}/hostile"]):
            found.append(item.source)
            yield item

    items = list(load_files(tee()))
    in_ = {i.source for i in items if isinstance(i, Document)}
    out = [
        i.source
        for i in items
        if isinstance(i, LoadFailure) and "#" not in i.source.rpartition("/")[2].replace("empty#", "")
    ]
    assert len(out) == len(set(out))
    assert not in_ & set(out)
    assert in_ | set(out) == set(found)
    assert len(in_) >= 300


def test_a_function_gives_each_file_its_metadata(folder):
    found = list(load(folder, meta=lambda source: {"name": source.rpartition("/")[2], "of": {"year": 2026}}))
    assert len(found) > 5
    for document in found:
        assert document.metadata["name"] == document.source.rpartition("/")[2]
        assert document.metadata["of.year"] == 2026
    first = next(load(folder, meta={"of": {"year": 2026}}))
    assert first.metadata["of.year"] == 2026


HELD = {
    "front.md": "---\nacl: [board]\nteam: sea\n---\nOtters sleep.\n",
    "hidden.md": '---\n"a\\0cl": board\n---\nOtters sleep.\n',
    "rows.jsonl": '{"_id": "a", "text": "Otters sleep.", "acl": "board", "metadata": {"acl": ["board"]}}\n',
    "page.html": "<meta name='acl' content='board'><p>Otters sleep.</p>",
}


@pytest.mark.parametrize("name", HELD)
def test_a_file_does_not_say_who_may_read_it(run, tmp_path, name):
    (tmp_path / name).write_text(HELD[name])
    documents, _ = run(tmp_path)
    assert documents
    assert all("acl" not in each.metadata for each in documents)
    documents, _ = run(tmp_path, meta={"acl": ["sales"]})
    assert all(each.metadata["acl"] == ["sales"] for each in documents)


def test_a_row_of_a_collection_does_not_say_who_may_read_it(run, tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "Otters sleep.", "metadata": {"acl": "board"}}\n')
    documents, _ = run(f"beir:{tmp_path}")
    assert [dict(each.metadata) for each in documents] == [{}]
