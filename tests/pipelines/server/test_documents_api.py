"""Uploads over a real server: what goes in, under which name and for whom, how far it is, and how it goes out again."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.ingest import IngestProgress
from pipelines.server import documents_api, jobs
from pipelines.server.app import application
from pipelines.server.collections import opened
from pipelines.server.guard import Access, Limits
from pipelines.server.principals import EVERYBODY, Principal, digest_of
from pipelines.server.uploads import Uploads, safe_name
from rag import KnowledgeBase, PipelineConfig

from .conftest import MULTIPART, TEA, Client, multipart, running

pytestmark = pytest.mark.usefixtures("impatient")

LIMITS = Limits()
UPLOADER = Access(anybody=Principal("everybody", None, EVERYBODY.scopes | {"upload"}))
ANN, BOB = "ann-key-correct-horse", "bob-key-correct-horse"
OKAPIS = b"# Okapis\n\nOkapis live in the Ituri rainforest.\n"
ASKED = {"question": "Where do okapis live?", "k": 1}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "tea.md").write_text(TEA)
    assert run(["ingest", str(docs), "--into", str(tmp_path / "kb"), "--embedder", "hashing-64"]) == 0
    return tmp_path / "kb"


@contextmanager
def served(base: Path, access: Access = UPLOADER, limits: Limits = LIMITS, *, uploads: bool = True) -> Iterator[Client]:
    with ExitStack() as stack:
        rights = access.keys is not None
        collections = stack.enter_context(opened([base], PipelineConfig.of, at_once=4, rights=rights))
        app = application(collections, access, limits, uploads=uploads)
        yield Client(stack.enter_context(running(app, limits)))


def send(client: Client, name: str, data: bytes, key: str = "", **fields: str) -> tuple[int, dict[str, Any]]:
    heads = {"Content_Type": MULTIPART, "Authorization": f"Bearer {key}"}
    status, _, told = client.send("POST", "/v1/documents", multipart(name, data, **fields), **heads)
    return status, json.loads(told)


def ended(client: Client, told: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Wait for a job by its events; returns its last state."""
    heads = {"Authorization": f"Bearer {key}"}
    _, _, data = client.send("GET", f"/v1/jobs/{told['job']['id']}/events", **heads)
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in data.decode().split("\n\n") if block
    ]
    *_, last = blocks
    own: dict[str, Any] = json.loads(last["data"])["job"]
    assert own["state"] == last["event"]
    return own


def test_an_upload_is_found_listed_and_deleted_again(base: Path) -> None:
    with served(base) as client:
        status, told = send(client, "okapi.md", OKAPIS)
        assert (status, told["job"]["files"]) == (202, ["okapi.md"])
        done = ended(client, told)
        assert (done["state"], done["report"]["added"], done["report"]["failures"]) == ("done", 1, [])
        assert done["report"]["account"]["held"] > 0
        (own,) = done["report"]["documents"]
        assert "Ituri" in client.post("/v1/search", ASKED)[1]["passages"][0]["text"]
        _, listed = client.get("/v1/documents?where=source%20startswith%20%22uploads%22")
        assert [each["id"] for each in listed["documents"]] == [own]
        assert sorted(each["uploaded"] for each in client.get("/v1/documents")[1]["documents"]) == [False, True]
        assert client.get(f"/v1/documents/{own}")[1]["source"] == "okapi.md"
        (kept,) = Uploads(base)
        file = Uploads(base).folder / kept.source
        assert file.read_bytes() == OKAPIS
        assert str(base.parent) not in json.dumps([done, listed])
        status, _, data = client.send("DELETE", f"/v1/documents/{own}")
        assert (status, json.loads(data)) == (200, {"removed": 1})
        assert client.get(f"/v1/documents/{own}")[0] == 404
        assert not file.exists()


def test_a_file_of_the_same_name_replaces_the_one_before(base: Path) -> None:
    with served(base) as client:
        first = ended(client, send(client, "okapi.md", OKAPIS)[1])
        second = ended(client, send(client, "okapi.md", OKAPIS.replace(b"Ituri", b"Congo"))[1])
        assert first["report"]["documents"] == second["report"]["documents"]
        assert second["report"]["changed"] == 1
        assert "Congo" in client.post("/v1/search", ASKED)[1]["passages"][0]["text"]


def test_what_cannot_be_read_is_told_and_not_kept(base: Path) -> None:
    with served(base) as client:
        done = ended(client, send(client, "broken.pdf", b"%PDF-1.7\nnothing of the kind")[1])
        assert done["state"] == "done"
        assert done["report"]["documents"] == []
        assert [each["source"] for each in done["report"]["failures"]] == ["broken.pdf"]
    assert list(Uploads(base)) == []


def test_uploads_outlive_a_restart_and_one_cut_short_is_read_then(base: Path) -> None:
    with served(base) as client:
        ended(client, send(client, "okapi.md", OKAPIS)[1])
    late = Uploads(base)
    with (base.parent / "x").open("wb+") as data:
        data.write(b"# Quokkas\n\nQuokkas live on Rottnest Island.\n")
        data.seek(0)
        late.keep("quokka.md", data, [])
    (late.folder / "uploads" / next(iter(late)).source.split("/")[1] / ".part-1").write_bytes(b"half")
    with served(base) as client:
        until = time.monotonic() + 60
        while client.get("/v1/documents")[1]["total"] < 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert client.get("/v1/documents")[1]["total"] == 3
    assert not list(late.folder.rglob(".part-*"))


def test_documents_of_the_servers_own_files_are_not_deleted(base: Path) -> None:
    with served(base) as client:
        (own,) = client.get("/v1/documents")[1]["documents"]
        status, _, data = client.send("DELETE", f"/v1/documents/{own['id']}")
        assert status == 400
        assert b"rag remove" in data
        assert client.get("/v1/documents")[1]["total"] == 1


def test_a_list_comes_page_by_page(base: Path) -> None:
    with KnowledgeBase.open(base, mode="w") as kb:
        from rag import Document

        kb.add([Document.from_text(f"Otter {n}.", id=f"otter-{n:02}", n=n) for n in range(24)])
    with served(base) as client:
        seen, after, pages = [], "", 0
        while True:
            told = client.get(f"/v1/documents?limit=10{after}")[1]
            assert told["total"] == 25
            seen += [each["id"] for each in told["documents"]]
            pages += 1
            if told["after"] is None:
                break
            after = f"&after={told['after']}"
        assert (pages, len(set(seen))) == (3, 25)
        assert client.get("/v1/documents?where=n%20%3C%203")[1]["total"] == 3
        assert client.get("/v1/documents?limit=0")[0] == client.get("/v1/documents?limit=1001")[0] == 400
        assert client.get("/v1/documents?after=nothing")[0] == 404


# ---- who may --------------------------------------------------------------------------------------------------------


def test_a_server_takes_nothing_unless_it_is_told_to(base: Path) -> None:
    with served(base, limits=Limits(body_bytes=1000), uploads=False) as client:
        assert send(client, "okapi.md", OKAPIS)[0] == 403
        assert client.send("DELETE", f"/v1/documents/{'0' * 24}")[0] == 403
        assert client.get("/v1/jobs")[0] == 403
        heads = {"Content_Type": MULTIPART}
        assert client.send("POST", "/v1/documents", multipart("a.md", b"x" * 1000), **heads)[0] == 413
    with served(base, Access()) as client:
        assert send(client, "okapi.md", OKAPIS)[0] == 403
    assert not Uploads(base).folder.exists()


def keyed() -> Access:
    ann = Principal("ann", frozenset({"sales", "all"}), frozenset({"read", "upload"}))
    bob = Principal("bob", frozenset({"all"}), frozenset({"read", "upload"}))
    return Access(keys={digest_of(ANN): ann, digest_of(BOB): bob})


def test_an_upload_is_read_by_the_uploaders_groups(base: Path) -> None:
    with served(base, keyed()) as client:
        private = ended(client, send(client, "okapi.md", OKAPIS, ANN, acl="sales")[1], ANN)["report"]["documents"][0]
        shared = ended(client, send(client, "quokka.md", b"Quokkas live.", ANN)[1], ANN)["report"]["documents"][0]

        def seen(key: str) -> set[str]:
            told = client.get("/v1/documents", Authorization=f"Bearer {key}")[1]
            return {each["id"] for each in told["documents"]}

        assert seen(ANN) == {private, shared}
        assert seen(BOB) == {shared}
        status, told = send(client, "okapi.md", OKAPIS, BOB, acl="sales")
        assert (status, told["error"]["message"]) == (400, "acl: give groups of yours: all")
        ended(client, send(client, "okapi.md", b"Bob's own okapis.", BOB)[1], BOB)
        assert "Ituri" in client.get(f"/v1/documents/{private}", Authorization=f"Bearer {ANN}")[1]["text"]
        assert client.send("DELETE", f"/v1/documents/{private}", Authorization=f"Bearer {BOB}")[0] == 404


def test_a_job_does_not_tell_whether_somebody_has_the_same_text(base: Path) -> None:
    """Else whoever uploads guesses learns which one is in a document that is hidden."""
    told = []
    with served(base, keyed()) as client:
        ended(client, send(client, "okapi.md", OKAPIS, ANN, acl="sales")[1], ANN)
        for guess in (OKAPIS.replace(b"Ituri", b"Congo"), OKAPIS):
            job = ended(client, send(client, "okapi.md", guess, BOB)[1], BOB)
            assert client.send(
                "DELETE", f"/v1/documents/{job['report']['documents'][0]}", Authorization=f"Bearer {BOB}"
            )[0]
            for part in (job["progress"], job["report"]):
                part.pop("seconds")
            told.append((job["progress"], job["report"]))
    assert told[0] == told[1]


def test_a_job_is_its_owners_alone(base: Path) -> None:
    with served(base, keyed()) as client:
        _, told = send(client, "okapi.md", OKAPIS, ANN)
        ended(client, told, ANN)
        own = f"/v1/jobs/{told['job']['id']}"
        for method, path in (("GET", own), ("GET", f"{own}/events"), ("DELETE", own)):
            foreign = client.send(method, path, Authorization=f"Bearer {BOB}")
            missing = client.send(method, path.replace(told["job"]["id"], "0" * 24), Authorization=f"Bearer {BOB}")
            assert foreign[0] == missing[0] == 404
            assert foreign[2].replace(told["job"]["id"].encode(), b"0" * 24) == missing[2]
        assert client.get("/v1/jobs", Authorization=f"Bearer {BOB}")[1] == {"jobs": []}


def test_bytes_of_a_vanished_file_do_not_move_its_document(base: Path, tmp_path: Path) -> None:
    """Whoever knows a document's bytes must not take it from its readers."""
    file = tmp_path / "docs" / "tea.md"
    file.unlink()
    with served(base, keyed()) as client:
        ended(client, send(client, "mine.md", TEA.encode(), ANN)[1], ANN)
    with KnowledgeBase.open(base) as kb:
        assert len(kb.document_ids()) == 2


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_a_form_at_the_limit_is_read_and_one_byte_more_is_not(base: Path) -> None:
    heads = {"Content_Type": MULTIPART}
    size = 5000
    fits = multipart("a.txt", b"x" * (size - len(multipart("a.txt", b""))))
    assert len(fits) == size
    with served(base, limits=Limits(body_bytes=100, upload_bytes=size)) as client:
        assert client.send("POST", "/v1/documents", fits, **heads)[0] == 202
        assert client.send("POST", "/v1/documents", fits.replace(b"xx", b"xxx", 1), **heads)[0] == 413


def test_as_many_files_as_may_come_and_one_more(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_api, "MOST_FILES", 2)

    def form(n: int) -> bytes:
        own = [multipart(f"{i}.txt", b" ").removesuffix(b"--otter--\r\n") for i in range(n)]
        return b"".join(own) + b"--otter--\r\n"

    with served(base) as client:
        statuses = [client.send("POST", "/v1/documents", form(n), Content_Type=MULTIPART)[0] for n in (2, 3)]
        assert statuses == [202, 400]
        twice = form(1).removesuffix(b"--otter--\r\n") + form(1)
        assert client.send("POST", "/v1/documents", twice, Content_Type=MULTIPART)[0] == 400


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "file"),
        ("", "file"),
        (".groups.json", "groups.json"),
        ("a\x00b.txt", "ab.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ('<img src=x onerror="x">.md', "_img src=x onerror=_x__.md"),
        ("zip#member.txt", "zip_member.txt"),
        ("beir:x", "beir_x"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("\ud800.txt", "\ufffd.txt"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("é" * 300, "é" * 60),
        (" . ", "file"),
    ],
)
def test_names_of_files_are_untrusted(given: str, kept: str, tmp_path: Path) -> None:
    assert safe_name(given) == kept
    (tmp_path / kept).write_text("x")


def test_what_is_no_file_is_told(base: Path) -> None:
    body = b'--otter\r\nContent-Disposition: form-data; name="files"\r\n\r\nhello\r\n--otter--\r\n'
    with served(base) as client:
        status, _, data = client.send("POST", "/v1/documents", body, Content_Type=MULTIPART)
    assert (status, json.loads(data)["error"]["message"]) == (400, "files.0: this must be a file, with a file name")


def test_a_file_goes_nowhere_but_into_its_folder(base: Path) -> None:
    with served(base) as client:
        for name in ("../../../evil.md", "..\\\\evil2.md", ".groups.json"):
            ended(client, send(client, name, OKAPIS)[1])
    inside = {each for each in Uploads(base).folder.rglob("*") if each.is_file()}
    assert {each.name for each in inside} == {"evil.md", "evil2.md", ".groups.json"}
    assert {json.loads(each.read_text()) == [] for each in inside if each.suffix == ".json"} == {True}
    assert {*base.parent.glob("**/evil*.md")} < inside
    assert not [*base.parent.parent.glob("evil*.md")]


# ---- jobs -----------------------------------------------------------------------------------------------------------


def test_a_job_that_is_cancelled_stops_and_the_next_one_runs(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def slow(*_: Any, on_progress: Any, **__: Any) -> Any:
        begun.set()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            on_progress(IngestProgress(files=1))
            time.sleep(0.01)

    with served(base) as client:
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.server.writing.ingest", slow)
            _, told = send(client, "okapi.md", OKAPIS)
            _, waits = send(client, "second.md", OKAPIS)
            assert begun.wait(60)
            assert client.send("DELETE", f"/v1/jobs/{waits['job']['id']}")[0] == 200
            assert client.send("DELETE", f"/v1/jobs/{told['job']['id']}")[0] == 200
            assert ended(client, told)["state"] == "cancelled"
            assert ended(client, waits)["state"] == "cancelled"
        assert [each["state"] for each in client.get("/v1/jobs")[1]["jobs"]] == ["cancelled", "cancelled"]
        assert ended(client, send(client, "third.md", OKAPIS)[1])["state"] == "done"
    assert [Path(each.source).name for each in Uploads(base)] == ["third.md"]


def test_a_job_that_fails_says_why_and_the_next_one_runs(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("the key is sk-canary-1")

    with served(base) as client:
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.server.writing.ingest", broken)
            failed = ended(client, send(client, "okapi.md", OKAPIS)[1])
        assert (failed["state"], failed["error"]["type"]) == ("failed", "internal")
        assert "canary" not in json.dumps(failed)
        assert ended(client, send(client, "okapi.md", OKAPIS)[1])["state"] == "done"


def test_more_than_may_wait_are_told_to_come_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_WAITING", 1)
    go = threading.Event()

    def stalled(*_: Any, **__: Any) -> Any:
        go.wait(60)
        raise jobs.Cancelled

    with served(base) as client, monkeypatch.context() as patch:
        patch.setattr("pipelines.server.writing.ingest", stalled)
        assert send(client, "a.md", OKAPIS)[0] == 202
        status, told = send(client, "b.md", OKAPIS)
        go.set()
        assert (status, told["error"]["type"]) == (503, "Busy")


def test_whatever_a_file_is_called_it_is_kept_inside(tmp_path: Path) -> None:
    own = Uploads(tmp_path / "kb")
    for name in ("../../../evil.md", "/etc/evil.md", "..", "a/../../b.md"):
        kept = own.keep(name, io.BytesIO(b"x"), ["sales"])
        assert (own.folder / kept.source).resolve().parent.parent == own.folder / "uploads"
        own.delete(kept.source)
    own.delete("../kb")
    assert list(own) == []
