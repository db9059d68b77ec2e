"""An ingest of 400 PDF and Office files by each executor: here with one thread, here, one process, two processes, Ray.

    python benchmarks/executors.py SHARED [--rounds 2] [--files 400] [--executor SPEC ...] [--parse-only]
    python benchmarks/executors.py SHARED --kills 10 [--executor processes:2]

SHARED is the folder with ``scifact/corpus.jsonl``, whose abstracts are the texts: half of the files are PDFs of three
pages, the others DOCX, PPTX and XLSX. Executors take turns; each ingest is a process of its own. ``one`` is this
process with one thread and one parsing child. With ``--kills`` a worker is killed at as many moments, one an ingest,
spread over the time that an ingest without takes, and the knowledge bases are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np


def texts(shared: Path) -> list[tuple[str, str]]:
    rows = map(json.loads, (shared / "scifact" / "corpus.jsonl").open())
    return [(row["title"], row["text"]) for row in rows if len(row["text"]) > 600]


def make(shared: Path, folder: Path, n: int) -> None:
    """Write the files, unless they are there."""
    if len(list(folder.glob("*"))) == n:
        return
    import docx
    import openpyxl
    import pptx

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.pdf_files import make_pdf

    folder.mkdir(parents=True, exist_ok=True)
    for i, (title, text) in enumerate(texts(shared)[:n]):
        plain = text.encode("ascii", "ignore").decode().replace("(", "").replace(")", "").replace("\\", "")
        lines = [plain[at : at + 90] for at in range(0, len(plain), 90)]
        if i % 2 == 0:
            third = -(-len(lines) // 3)
            pages = [lines[at : at + third] for at in range(0, len(lines), third)]
            (folder / f"{i:03}.pdf").write_bytes(make_pdf(*pages, title=f"Report {i}"))
        elif i % 6 == 1:
            document = docx.Document()
            document.add_heading(title)
            for at in range(0, len(text), 400):
                document.add_paragraph(text[at : at + 400])
            document.save(str(folder / f"{i:03}.docx"))
        elif i % 6 == 3:
            slides = pptx.Presentation()
            for at in range(0, len(text), 500):
                slide = slides.slides.add_slide(slides.slide_layouts[1])
                slide.shapes.title.text = title
                slide.placeholders[1].text = text[at : at + 500]
            slides.save(str(folder / f"{i:03}.pptx"))
        else:
            book = openpyxl.Workbook()
            book.active.append(["number", "sentence"])
            for k, sentence in enumerate(text.split(". ")):
                book.active.append([k, sentence])
            book.save(folder / f"{i:03}.xlsx")


def digest(kb: Path) -> str:
    """Return a digest of the chunks and, coarsely, their vectors."""
    from rag import KnowledgeBase

    with KnowledgeBase.open(kb) as opened:
        ids = opened.chunk_ids()
        rows = [(r.document, r.start, r.end, r.text) for r in opened.chunks(ids)]
        mean = np.round(opened.vectors(ids).mean(axis=0), 4) + 0.0
    return hashlib.sha256(repr((rows, mean.tolist())).encode()).hexdigest()[:12]


def child(args) -> None:
    """Do one ingest and print what it took."""
    from pipelines.ingest import ingest
    from rag.execution import executor as made
    from rag.loaders import discover, load_files
    from rag.loaders.apart import load_apart

    one = args.child == "one"
    workers = made("here" if one else args.child)
    if workers.apart and args.warm:
        done = [workers.submit(time.sleep, 0.1) for _ in range(2 * workers.workers)]
        [future.result() for future in done]
    start = time.perf_counter()
    killer = threading.Thread(target=kill, args=(workers, start, args.at), daemon=True)
    if args.at is not None:
        killer.start()
    if args.parse_only:
        found = discover([args.docs])
        items = load_apart(found, workers) if workers.apart else load_files(found, workers=1 if one else None)
        chunks = sum(1 for _ in items)
    else:
        report = ingest([args.docs], args.kb, executor=workers)
        chunks = report.chunks
    wall = time.perf_counter() - start
    workers.close()
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, others = (round(use.ru_utime + use.ru_stime, 1) for use in both)
    load = round(os.getloadavg()[0], 1)
    line = {"wall_s": round(wall, 1), "cpu_s": own + others, "main_cpu_s": own, "chunks": chunks, "load": load}
    print(json.dumps(line | ({} if args.parse_only else {"digest": digest(args.kb)})))


def kill(workers, start: float, at: float) -> None:
    """Kill a worker at a moment after the start."""
    import psutil

    time.sleep(max(0.0, start + at - time.perf_counter()))
    pids = getattr(workers, "pids", None)
    if pids is None:
        pids = [p.pid for p in psutil.Process().children(recursive=True) if p.cmdline()[:1] == ["ray::_run"]]
    for pid in pids[:1]:
        os.kill(pid, signal.SIGKILL)
        print(f"killed {pid} at {at:.1f} s", file=sys.stderr, flush=True)


def run(args, spec: str, at: float | None = None) -> dict[str, object]:
    shutil.rmtree(args.kb, ignore_errors=True)
    argv = [sys.executable, __file__, str(args.shared), "--child", spec, "--data", str(args.data)]
    argv += ["--parse-only"] * args.parse_only + ["--warm"] * args.warm + ([] if at is None else ["--at", str(at)])
    environment = {**os.environ, **({"RAG_THREADS": "1", "OMP_NUM_THREADS": "1"} if spec == "one" else {})}
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return {"executor": spec, **({} if at is None else {"killed_at_s": at}), **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--executor", action="append", default=None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--parse-only", action="store_true")
    parser.add_argument("--warm", action="store_true", help="start the workers before the clock")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "rag-executors")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--at", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.docs, args.kb = args.data / f"docs-{args.files}", args.data / "kb"
    if args.child:
        args.docs = max(args.data.glob("docs-*"), key=lambda folder: folder.stat().st_mtime)
        child(args)
        return
    make(args.shared, args.docs, args.files)
    args.docs.touch()
    specs = args.executor or ["one", "here", "processes:1", "processes:2"]
    if not args.kills:
        for _ in range(args.rounds):
            for spec in specs:
                print(json.dumps(run(args, spec)), flush=True)
        return
    whole = run(args, specs[-1])
    print(json.dumps(whole), flush=True)
    for n in range(args.kills):
        at = round(float(str(whole["wall_s"])) * (n + 0.5) / args.kills, 1)
        row = run(args, specs[-1], at)
        print(json.dumps({**row, "same": row["digest"] == whole["digest"]}), flush=True)


if __name__ == "__main__":
    main()
