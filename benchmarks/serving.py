"""The cost of serving: `rag serve` beside a server that calls the library as it is, under load and beside an ingest.

    python benchmarks/serving.py KB [--seconds 10] [--only NAME ...] [--beside 60]

KB is a knowledge base of any documents. Each part prints lines of JSON; ratios are of parts that ran in turn on
the same machine. Clients run in processes of their own, keep their connections, and ask questions made of headings.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from machine import machine

# ---- servers --------------------------------------------------------------------------------------------------------


def naive(kb: str) -> None:
    """A server as one writes it first: a function that calls the library, BLAS threads as they are."""
    from fastapi import Body, FastAPI

    from rag import KnowledgeBase, Retriever, blas_threads

    blas_threads._limit.count = lambda **_: None  # as the library was: its searches did not limit BLAS

    app, retriever = FastAPI(), Retriever(KnowledgeBase.open(kb))

    @app.post("/v1/search")
    def search(question: str = Body(embed=True)):
        return {"passages": [each.text for each in retriever.retrieve(question)]}

    @app.get("/health")
    def health():
        return {"status": "ok"}

    import uvicorn

    from pipelines.server.serving import address, listening

    with listening("127.0.0.1", 0) as bound:
        print(json.dumps({"address": address(bound)}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[bound])


def rag_serve(kb: str, *, together: bool) -> None:
    """``rag serve``; without ``together`` each search is made alone."""
    from pipelines.cli import run
    from pipelines.server import search_queue

    if not together:
        search_queue._TOGETHER = 1
    run(["serve", kb, "--port", "0", "--json"])


SERVERS = {
    "naive": naive,
    "alone": lambda kb: rag_serve(kb, together=False),
    "together": lambda kb: rag_serve(kb, together=True),
}


class Running:
    """A server in a process, with what it uses."""

    def __init__(self, name: str, kb: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        command = [sys.executable, __file__, "--server", name, str(kb)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        self.port = int(json.loads(line)["address"].rpartition(":")[2])

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, what: str = "VmRSS") -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


# ---- clients --------------------------------------------------------------------------------------------------------


def head(method: str, path: str, length: int) -> bytes:
    kind = "Content-Type: application/json\r\n" if length else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{kind}Content-Length: {length}\r\n\r\n".encode()


async def request(stream, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    reader, writer = stream
    writer.write(head(method, path, len(body)) + body)
    heads = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(heads.partition("content-length: ")[2].partition("\r\n")[0] or 0)
    return int(heads.split()[1]), await reader.readexactly(length)


async def client(port: int, until: float, questions: list[str], seed: int, told: list) -> None:
    rng, stream = random.Random(seed), None
    while time.monotonic() < until:
        question, start = rng.choice(questions), time.monotonic()
        try:
            stream = stream or await asyncio.open_connection("127.0.0.1", port)
            status, data = await request(stream, "POST", "/v1/search", json.dumps({"question": question}).encode())
            told.append((time.monotonic() - start, status, _is_wrong(data) if status == 200 else False))
        except (OSError, asyncio.IncompleteReadError) as error:
            told.append((time.monotonic() - start, repr(error), False))
            stream = None


def _is_wrong(data: bytes) -> bool:
    """Whether a response has no passage, or one whose place does not fit its text."""
    passages = json.loads(data)["passages"]
    return not passages or any(
        each["end"] - each["start"] != len(each["text"]) if isinstance(each, dict) else not each for each in passages
    )


def clients(port: int, seconds: float, n: int, questions: list[str], seed: int, out) -> None:
    async def use() -> list:
        told: list = []
        until = time.monotonic() + seconds
        await asyncio.gather(*(client(port, until, questions, seed + i, told) for i in range(n)))
        return told

    out.put(asyncio.run(use()))


def load(running: Running, n: int, seconds: float, questions: list[str], processes: int = 2) -> dict[str, object]:
    out, used = multiprocessing.Queue(), running.cpu_s()
    processes = min(processes, n)
    own = [
        multiprocessing.Process(target=clients, args=(running.port, seconds, n // processes, questions, 1000 * i, out))
        for i in range(processes)
    ]
    start = time.monotonic()
    for each in own:
        each.start()
    told = [row for _ in own for row in out.get()]
    for each in own:
        each.join()
    took = time.monotonic() - start
    times = sorted(row[0] for row in told if row[1] == 200)
    failed = [row[1] for row in told if row[1] not in {200, 503}]
    return {
        "clients": n,
        "requests/s": round(len(times) / took, 1),
        "cpu ms": round(1e3 * (running.cpu_s() - used) / max(1, len(times)), 2),
        "p50 ms": round(1e3 * times[len(times) // 2], 1) if times else None,
        "p95 ms": round(1e3 * times[int(0.95 * len(times))], 1) if times else None,
        "failed": len(failed),
        "503": sum(row[1] == 503 for row in told),
        "wrong": sum(row[2] for row in told),
        "memory mb": round(running.memory_mb()),
    }


def questions_of(kb: Path, n: int = 400) -> list[str]:
    from rag import KnowledgeBase

    with KnowledgeBase.open(kb) as own:
        records = own.chunks(own.chunk_ids()[:: max(1, len(own.chunk_ids()) // n)].tolist())
    found = {" ".join((each.heading[-1] if each.heading else each.title).split()) for each in records}
    return [f"How do I use {name}?" for name in sorted(found) if name][:n]


# ---- parts ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(name: str, kb: Path, questions: list[str]) -> Iterator[Running]:
    running = Running(name, kb)
    try:
        load(running, 2, 2.0, questions)  # warm
        yield running
    finally:
        running.close()


def throughput(kb: Path, seconds: float, questions: list[str]) -> None:
    """16 clients at a server that calls the library, at searches made alone, and at searches put together."""
    found = {}
    for name in SERVERS:
        with serving(name, kb, questions) as running:
            found[name] = load(running, 16, seconds, questions)
            told("throughput", server=name, **found[name])
    rate = {name: float(each["requests/s"]) for name, each in found.items()}
    cpu = {name: float(each["cpu ms"]) for name, each in found.items()}
    told("throughput", ratio=round(rate["together"] / rate["naive"], 2), wanted=">= 5")
    told("batched", ratio=round(cpu["together"] / cpu["alone"], 2), wanted="<= .6")


def growth(kb: Path, seconds: float, questions: list[str]) -> None:
    """From one client to 64."""
    with serving("together", kb, questions) as running:
        rows = [load(running, n, seconds, questions) for n in (1, 4, 16, 64)]
    for row in rows:
        told("growth", **row)
    told("growth", ratio=round(float(rows[3]["requests/s"]) / float(rows[1]["requests/s"]), 2), wanted=">= 1")


def latency(kb: Path, seconds: float, questions: list[str]) -> None:
    """One client beside the library in this process."""
    from rag import KnowledgeBase, Retriever
    from rag.blas_threads import one_blas_thread

    with serving("together", kb, questions) as running:
        served = load(running, 1, seconds, questions)
    times = []
    with KnowledgeBase.open(kb) as own, one_blas_thread():
        retriever = Retriever(own)
        for question in questions[:20]:
            retriever.search(question)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            start = time.perf_counter()
            retriever.search(questions[len(times) % len(questions)])
            times.append(time.perf_counter() - start)
    library = 1e3 * statistics.median(times)
    told(
        "latency",
        served_ms=served["p50 ms"],
        library_ms=round(library, 1),
        more_ms=round(float(served["p50 ms"]) - library, 1),
        wanted="<= 3",
    )


def beside(kb: Path, seconds: float, questions: list[str]) -> None:
    """64 clients while a writer replaces documents: nothing wrong, nothing failed but 503."""
    from rag import KnowledgeBase

    with tempfile.TemporaryDirectory() as folder:
        own = Path(shutil.copytree(kb, Path(folder) / "kb"))
        with serving("together", own, questions) as running:
            stop, replaced, waits, most = threading.Event(), [0], [], [0.0]

            def write() -> None:
                from dataclasses import replace

                with KnowledgeBase.open(own, mode="w") as writer:
                    ids = writer.document_ids()
                    while not stop.is_set():
                        document = writer.document(ids[replaced[0] % len(ids)])
                        text = f"{document.text}\n\nReplaced {replaced[0]} times."
                        writer.add([replace(document, text=text, sections=())])
                        replaced[0] += 1

            def watch() -> None:
                async def look() -> None:
                    stream = await asyncio.open_connection("127.0.0.1", running.port)
                    while not stop.is_set():
                        start = time.monotonic()
                        await request(stream, "GET", "/health")
                        waits.append(time.monotonic() - start)
                        most[0] = max(most[0], running.memory_mb())
                        await asyncio.sleep(0.1)

                asyncio.run(look())

            threads = [threading.Thread(target=each) for each in (write, watch)]
            for each in threads:
                each.start()
            found = load(running, 64, seconds, questions)
            stop.set()
            for each in threads:
                each.join()
    waits.sort()
    p99 = round(1e3 * waits[int(0.99 * len(waits))], 1)
    told(
        "beside",
        **found,
        replaced=replaced[0],
        most_mb=round(most[0]),
        health_p99_ms=p99,
        wanted="0 wrong, 0 failed, <= 400 MB, < 100 ms",
    )


def slow(kb: Path, _seconds: float, questions: list[str]) -> None:
    """200 slow connections: no head, half a head, half a body."""
    heads = [
        b"",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ]

    async def use(port: int) -> float:
        start = time.monotonic()

        async def one(sent: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            with contextlib.suppress(OSError):
                while await reader.read(4096):
                    pass

        await asyncio.gather(*(one(heads[i % 3]) for i in range(200)))
        return time.monotonic() - start

    with serving("together", kb, questions) as running:
        told("slow", closed_s=round(asyncio.run(use(running.port)), 1), wanted="<= 10")


def cancel(kb: Path, _seconds: float, _questions: list[str]) -> None:
    """How long a model that never ends is asked for more after its client has left."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pipelines.server.app import application
    from pipelines.server.collections import Collection, Collections
    from pipelines.server.guard import Access, Limits
    from rag import Bot, KnowledgeBase
    from tests.pipelines.server.conftest import running as in_thread

    last = [0.0]

    def endless(_: str) -> Iterator[str]:
        while True:
            last[0] = time.monotonic()
            yield " "
            time.sleep(0.01)

    question = "How do I use it?"
    chat = {"messages": [{"role": "user", "content": question}]}
    ways = {
        "JSON": ("/v1/ask", {"question": question}),
        "SSE": ("/v1/ask", {"question": question, "stream": True}),
        "OpenAI": ("/v1/chat/completions", chat),
        "OpenAI SSE": ("/v1/chat/completions", {**chat, "stream": True}),
    }

    async def by_http(port: int, path: str, body: object) -> float:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        data = json.dumps(body).encode()
        writer.write(head("POST", path, len(data)) + data)
        return await left(writer.close)

    async def by_mcp(url: str) -> float:
        import mcp

        async with mcp.Client(f"{url}/mcp") as own:
            asked = asyncio.ensure_future(own.call_tool("ask", {"question": question}))
            return await left(asked.cancel)

    async def left(leave) -> float:
        before = last[0]
        while last[0] <= before:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        moment = time.monotonic()
        leave()
        await asyncio.sleep(3)
        return round(max(0.0, last[0] - moment), 3)

    with KnowledgeBase.open(kb) as own, Bot(own, endless) as bot:
        app = application(Collections([Collection.of("kb", bot)], [own]), Access(), Limits())
        with in_thread(app, Limits()) as url:
            port = int(url.rpartition(":")[2])
            found = {name: asyncio.run(by_http(port, *way)) for name, way in ways.items()}
            found["MCP"] = asyncio.run(by_mcp(url))
    told("cancel", **found, wanted="<= 1 s each")


PARTS = {
    "throughput": throughput,
    "growth": growth,
    "latency": latency,
    "beside": beside,
    "slow": slow,
    "cancel": cancel,
}


def told(part: str, **facts: object) -> None:
    print(json.dumps({"part": part, **facts}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kb", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--beside", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--server", choices=SERVERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.server:
        SERVERS[given.server](str(given.kb))
        return
    print(json.dumps({**machine(), "load": os.getloadavg()}))
    questions = questions_of(given.kb)
    for name in given.only:
        PARTS[name](given.kb, given.beside if name == "beside" else given.seconds, questions)
    told("all", peak_of_clients_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
