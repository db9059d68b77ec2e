"""What is found, what is listed, what is left out; the root is never left."""

from __future__ import annotations

import os
import socket

import pytest

from rag.loaders import Found, LoadFailure, discover


def put(root, *names, data=b"text"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def sources(items):
    return [item.source for item in items]


def test_sorted_and_named_as_the_user_wrote_it(tmp_path, monkeypatch):
    put(tmp_path, "docs/b.md", "docs/a/z.txt", "docs/a.md", "docs/c.py", "top.txt")
    monkeypatch.chdir(tmp_path)
    found = list(discover(["docs/../docs/", "top.txt"]))
    assert sources(found) == ["docs/a/z.txt", "docs/a.md", "docs/b.md", "docs/c.py", "top.txt"]
    assert [f.type for f in found] == ["text", "md", "md", "python", "text"]
    assert found[1].path == found[1].location == str(tmp_path / "docs/a.md")
    assert found[0].size == 4
    assert found[0].modified == (tmp_path / "docs/a/z.txt").stat().st_mtime
    assert found[0].sha256 == "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    assert sources(discover(["."])) == sources(discover(["docs", "top.txt"]))


def test_hidden_things_are_counted_not_listed(tmp_path):
    put(
        tmp_path,
        "a.md",
        ".git/config",
        ".env",
        "__pycache__/x.pyc",
        "node_modules/m/r.md",
        "venv/pyvenv.cfg",
        "venv/b.md",
        "kb/store.sqlite",
        "kb/generations/000001-flat/manifest.json",
        "tried.results/experiment.json",
        "tried.results/results.jsonl",
        "tried.results/report.md",
        "cache/CACHEDIR.TAG",
        "cache/facts.json",
    )
    found = discover([tmp_path])
    assert [item.source for item in found] == [str(tmp_path / "a.md")]
    assert found.hidden == 8


def test_a_hidden_folder_that_is_named_is_walked(tmp_path):
    put(tmp_path, ".notes/a.md", "b.md")
    assert sources(discover([tmp_path, tmp_path / ".notes"])) == [str(tmp_path / "b.md"), str(tmp_path / ".notes/a.md")]


def test_a_folder_inside_another_is_walked_once(tmp_path):
    put(tmp_path, "a/b/c.md", "ab/d.md")
    roots = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "ab", tmp_path / "a" / "b" / "c.md"]
    assert sources(discover(roots)) == [str(tmp_path / "a/b/c.md"), str(tmp_path / "ab/d.md")]


def test_nothing_outside_the_root_and_nothing_special(tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    put(outside, "secret.md", "dir/x.md")
    put(root, "good.md", "sub/inner.md")
    (root / "file-link.md").symlink_to(outside / "secret.md")
    (root / "dir-link").symlink_to(outside / "dir")
    (root / "broken.md").symlink_to(root / "nowhere.md")
    (root / "loop.md").symlink_to(root / "loop.md")
    (root / "up").symlink_to("..")
    (root / "inner-link.md").symlink_to("sub/inner.md")
    (root / "sub-link").symlink_to("sub")
    (root / "zero").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(root)  # the path of a socket may not be long
        server.bind("sock.md")
    found = discover([root])
    items = list(found)
    reasons = {i.source.rpartition("/")[2]: i.reason_class for i in items if isinstance(i, LoadFailure)}
    assert reasons == {
        "broken.md": "missing",
        "dir-link": "outside",
        "file-link.md": "outside",
        "loop.md": "io",
        "pipe.md": "special",
        "sock.md": "special",
        "up": "outside",
        "zero": "outside",
    }
    assert [i.source.rpartition("/")[2] for i in items if isinstance(i, Found)] == [
        "good.md",
        "inner-link.md",
        "inner.md",
    ]
    assert found.hidden == 1  # the link to a folder that is walked anyway


def test_types_by_suffix_then_by_content(tmp_path):
    put(tmp_path, "a.ico", "b.gz", "c.pkl")
    put(tmp_path, "unknown.xyz", data=b"\x7fELF\x00\x00")
    put(tmp_path, "report", data=b"%PDF-1.7 ...")
    put(tmp_path, "words.unknown", data=b"just words")
    items = {i.source.rpartition("/")[2]: i for i in discover([tmp_path])}
    assert {n: i.reason_class for n, i in items.items() if isinstance(i, LoadFailure)} == dict.fromkeys(
        ("a.ico", "b.gz", "c.pkl", "unknown.xyz"), "type"
    )
    assert all(i.skipped for i in items.values() if isinstance(i, LoadFailure))
    assert "only .zip is read" in items["b.gz"].detail
    assert items["report"].type == "pdf"
    assert items["words.unknown"].type == "text"


@pytest.mark.parametrize("path", ["no/such/file.md", "", "a\0b.md", "x" * 5000])
def test_impossible_paths_are_listed(path):
    (failure,) = discover([path])
    assert isinstance(failure, LoadFailure)
    assert failure.reason_class in {"missing", "io"}
    assert failure.source.isprintable()


def test_names_of_any_bytes_stay_distinct_and_well_formed(tmp_path):
    for name in (b"a\xff.md", b"a\xfe.md", b"new\nline.md", "\u202eevil.md".encode()):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:  # noqa: PTH118, PTH123 - bytes
            file.write(name)
    found = list(discover([tmp_path]))
    names = [f.source for f in found]
    assert len(set(names)) == 4
    assert all(name.encode() and f.location.encode() for name, f in zip(names, found, strict=True))
    assert {f.source.rpartition("/")[2] for f in found} == {"a\\xff.md", "a\\xfe.md", "new\nline.md", "\u202eevil.md"}
    assert all(f.sha256 for f in found)


def test_no_permission_is_listed(tmp_path, monkeypatch):
    put(tmp_path, "locked/a.md", "b.md")
    scandir = os.scandir

    def guarded(path):  # the tests may run as root, who may read everything
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    good, locked = discover([tmp_path])
    assert (locked.source, locked.reason_class) == (str(tmp_path / "locked"), "permission")
    assert good.source == str(tmp_path / "b.md")
