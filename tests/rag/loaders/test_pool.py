"""The sandbox: parsers that hang, spin, eat memory, exit, crash, print or lie."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from rag.loaders import discover, load_files
from rag.loaders.limits import ParseLimits
from rag.loaders.pool import Pool


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Take a silent parser for hanging as soon as its seconds have passed by the clock."""
    monkeypatch.setattr("rag.loaders.limits._WALL", 1)


# A worker whose PDF parser does what the file says. It exists in this test only: `load_files` is told to start it.
WORKER = """
import os, signal, sys, time, types
from rag.loaders import formats, worker
from rag.loaders.results import Failed, Parsed
from rag.loaders.members import read_member

def parse(data, context):
    word = data.split()[0].decode().rstrip("0123456789")
    if word == "members":
        for name in data.decode().split()[1:]:
            yield from read_member(name + ".pdf", name.encode, context)
        return
    if word == "hang": time.sleep(1000)
    if word == "nap": time.sleep(4)
    if word == "spin":
        while True: pass
    if word == "eat": keep = [bytearray(50_000_000) for _ in range(100)]
    if word == "hungry": raise MemoryError
    if word == "exit": os._exit(3)
    if word == "sysexit": sys.exit(0)
    if word == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if word == "killed" and data.decode().split()[1] not in os.listdir(data.decode().split()[2]):
        time.sleep(30)
    if word == "segv": os.kill(os.getpid(), signal.SIGSEGV)
    if word == "print": print("garbage\\x00" * 1000); sys.stdout.flush(); os.write(1, b"more garbage")
    if word == "flood": os.write(2, b"noise " * 200_000)
    if word == "frames": os.write(CHANNEL, b"\\xff\\xff\\xff\\xff nonsense")
    if word == "lie": os.write(CHANNEL, b"\\x00\\x00\\x00\\x15" + b'{"job":99,"kind":"a"}')
    if word == "raise": raise ValueError("odd " + "x" * 1000)
    if word == "write": open("/tmp/written-by-a-parser", "w")
    if word == "fork": os.fork()
    if word == "shell": os.system("true")
    if word == "net": __import__("socket").create_connection(("127.0.0.1", 9), 1)
    if word == "long":
        for _ in range(100): context.budget.charge(1 << 20)
    if word == "secret": yield Parsed(os.environ.get("RAG_TEST_SECRET", "none")); return
    yield Parsed(data.decode())

CHANNEL = 3
module = types.ModuleType("rag.loaders.trick")
module.parse = parse
sys.modules["rag.loaders.trick"] = module
formats.FORMATS["pdf"] = formats.Format("trick:parse")
worker.main()
"""


def load(tmp_path, words, **options):
    """Write a file per word and load them; what became of each."""
    for number, word in enumerate(words):
        (tmp_path / f"{number:02} {word.split()[0]}.pdf").write_text(word)
    options = {"workers": 2, "parse_seconds": 8.0, "parse_memory": 256, **options}
    outcome = {}
    for item in load_files(discover([tmp_path]), command=[sys.executable, "-P", "-c", WORKER], **options):
        name = getattr(item, "id", item.source).rpartition("/")[2]
        assert name not in outcome, "listed twice"
        outcome[name] = item
    return outcome


def reasons(outcome):
    return {name.partition(" ")[2]: getattr(item, "reason_class", "ok") for name, item in outcome.items()}


@pytest.mark.slow
def test_every_kind_of_trouble_has_its_reason_and_stops_nobody_else(tmp_path):
    bad = {
        "hang": "timeout", "eat": "memory", "exit": "crash", "sysexit": "crash", "segv": "crash", "frames": "crash",
        "lie": "crash",
        "raise": "parse", "write": "parse", "fork": "parse", "shell": "parse", "net": "parse", "long": "limit",
    }  # fmt: skip
    words = []
    for word in bad:
        words += [word, f"good {word}"]
    words += ["print fine", "flood fine"]
    outcome = load(tmp_path, words)
    assert len(outcome) == len(words)
    texts = sorted(item.text for item in outcome.values() if hasattr(item, "text"))
    assert texts == sorted([w for w in words if w.startswith("good")] + ["print fine", "flood fine"])
    assert {k.removesuffix(".pdf"): v for k, v in reasons(outcome).items() if v != "ok"} == bad
    refused = [item.detail for item in outcome.values() if "a parser tried" in getattr(item, "detail", "")]
    assert len(refused) == 4
    assert list(outcome) == sorted(outcome), "results come in the order of the files"


def test_processor_time_is_limited_even_when_nobody_watches(tmp_path):
    (tmp_path / "spin.pdf").write_text("spin")
    (found,) = discover([tmp_path])
    pool = Pool(workers=1, limits=ParseLimits(0.2, 256), command=[sys.executable, "-P", "-c", WORKER])
    try:
        job = pool.submit(found)
        worker = pool._workers[0]
        deadline = time.monotonic() + 200
        pool.poll()
        while worker.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)  # the parent does not look: the kernel alone ends the worker
        assert worker.process.returncode in {-signal.SIGXCPU, -signal.SIGALRM}
        pool.wait(job)
        assert job.error is not None
        assert job.error.reason == "timeout"
    finally:
        pool.close()


@pytest.mark.slow
def test_a_file_that_waits_for_the_processor_is_not_late(tmp_path, monkeypatch):
    """On a loaded machine a parser gets little processor time in a minute; here it sleeps instead."""
    monkeypatch.setattr("rag.loaders.limits._WALL", 100)
    (document,) = load(tmp_path, ["nap then good"], parse_seconds=3.0).values()
    assert document.text == "nap then good"


@pytest.mark.slow
def test_the_failure_says_what_to_raise(tmp_path, monkeypatch):
    monkeypatch.setattr("rag.loaders.limits._WALL", 100)
    spin, eat = load(tmp_path, ["spin", "eat"], parse_seconds=1.0).values()
    assert spin.detail == (
        "took more than 1 seconds of processor time; --parse-seconds 5 (or parse_seconds=) allows more"
    )
    assert eat.detail == "needs more than 256 MB of memory; --parse-memory 512 (or parse_memory=) allows more"


def test_what_a_parser_catches_itself_is_said_alike(tmp_path):
    (failure,) = load(tmp_path, ["hungry"]).values()
    assert (failure.reason_class, "--parse-memory 512" in failure.detail) == ("memory", True)


@pytest.mark.slow
def test_all_members_together_have_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("rag.loaders.limits._CONTAINER", 2)
    words = "members one " + " ".join(f"spin{n}" for n in range(8))
    (failure,) = load(tmp_path, [words], workers=1, parse_seconds=1.0).values()
    assert (failure.source.rpartition("/")[2], failure.reason_class) == ("00 members.pdf", "timeout")


@pytest.mark.slow
def test_a_slow_consumer_makes_no_file_late(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.pdf").write_text(f"good {number} " + "x" * 300_000)
    items = []
    for item in load_files(
        discover([tmp_path]), workers=1, parse_seconds=4, command=[sys.executable, "-P", "-c", WORKER]
    ):
        if not items:
            time.sleep(5)
        items.append(item)
    assert [item.text[:6] for item in items] == [f"good {n}" for n in range(4)]


@pytest.mark.slow
def test_a_member_that_kills_the_worker_fails_alone(tmp_path):
    outcome = load(tmp_path, ["members one exit two hang three"])
    assert {name.rpartition("#")[2]: getattr(i, "reason_class", None) or i.text for name, i in outcome.items()} == {
        "one.pdf": "one",
        "two.pdf": "two",
        "three.pdf": "three",
        "exit.pdf": "crash",
        "hang.pdf": "timeout",
    }


def test_a_container_of_killers_ends(tmp_path, monkeypatch):
    """After so many lost workers a container is given up, as a whole."""
    monkeypatch.setattr("rag.loaders.pool._MAX_RESTARTS", 2)
    (failure,) = load(tmp_path, ["members one exit1 exit2 exit3 exit4"], workers=1).values()
    assert (failure.source.rpartition("/")[2], failure.reason_class) == ("00 members.pdf", "crash")


def test_workers_see_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_TEST_SECRET", "hunter2")
    (document,) = load(tmp_path, ["secret"]).values()
    assert document.text == "none"


def test_no_worker_outlives_the_loading(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.pdf").write_text("good")
    others = _children()  # of other tests, such as a tracker of shared memory
    items = load_files(discover([tmp_path]), workers=2, command=[sys.executable, "-P", "-c", WORKER])
    next(items)
    workers = _children() - others
    assert 1 <= len(workers) <= 2
    items.close()
    assert not workers & _children()


def test_a_worker_that_cannot_start_is_an_error_not_a_failure_of_every_file(tmp_path):
    (tmp_path / "a.pdf").write_text("good")
    with pytest.raises(RuntimeError, match=r"does not start.*no such module"):
        list(load_files(discover([tmp_path]), command=[sys.executable, "-c", "raise SystemExit('no such module')"]))


def test_a_missing_package_is_listed_with_its_install_line(tmp_path, seeds):
    (tmp_path / "a.pptx").write_bytes(seeds["deck.pptx"])
    (tmp_path / "b.csv").write_bytes(seeds["table.csv"])
    without = "import sys; sys.modules['lxml'] = None; from rag.loaders import worker; worker.main()"
    failure, document = load_files(discover([tmp_path]), command=[sys.executable, "-P", "-c", without])
    assert failure.reason_class == "extra"
    assert failure.detail == "needs lxml: pip install 'rag-workbench[documents]'"
    assert document.text.startswith("port: Emden")


def test_simple_files_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr("rag.loaders.pool._Worker.__init__", lambda *_: pytest.fail("started a process"))
    for name in ("a.md", "b.txt", "c.py", "d.rst"):
        (tmp_path / name).write_text("Text.")
    assert len(list(load_files(discover([tmp_path])))) == 4


def _children():
    me = str(os.getpid())
    pids = set()
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - no Path has this
        try:
            with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me and fields[0] != "Z":
            pids.add(pid)
    return pids


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_is_killed_from_outside_costs_no_file(tmp_path):
    """The killer of the system, or an operator: the file is read again, and only a second death is held against it."""
    import threading

    pool = Pool(workers=1, limits=ParseLimits(60.0, 256), command=[sys.executable, "-P", "-c", WORKER])
    seen = tmp_path / "seen"
    seen.mkdir()
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "0.pdf").write_text(f"killed now {seen}")
    (docs / "1.pdf").write_text("fine")
    before = _children()

    def kill():
        (worker,) = _until(lambda: _children() - before)
        time.sleep(1.0)
        (seen / "now").touch()
        os.kill(int(worker), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    items = list(load_files(discover([docs]), pool=pool))
    killer.join()
    pool.close()
    assert [getattr(item, "text", str(item)) for item in items] == [f"killed now {seen}", "fine"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_file_that_kills_its_worker_twice_is_blamed(tmp_path):
    outcome = load(tmp_path, ["kill", "fine"])
    assert outcome["01 fine.pdf"].text == "fine"
    assert "memory" in str(outcome["00 kill.pdf"])


def _until(condition):
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found
