"""Run the first programs of a newcomer, here and with the libraries beside us, and count their lines.

Each program of ``benchmarks/newcomers/`` does the same in every library: runs in a folder of its own, twice, against a
server of this machine that embeds and answers as OpenAI's would. Lines are those of code as `ruff format` leaves it,
without blank lines, comments and docstrings; imports count.

    python benchmarks/newcomers.py --others PYTHON [PYTHON ...]    # which have the other libraries
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zlib import crc32

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(__file__).with_suffix("")
SAYS = {
    "support_bot": r"\.md",
    "async_api": r"\.md.*\n.+",
    "pdf_bot": r"harbour\.pdf page 2",
    "own_parts": r"drum",
    "experiment": r"(?s)[0-9.]+ [0-9.]+.*\n.*[0-9.]+ [0-9.]+",
}
"""Task -> a pattern of the output."""
ASKED = """
from fastapi.testclient import TestClient
with TestClient(app) as client:
    print(client.get("/ask", params={"question": "How do I delete a document?"}).json()["sources"])
    print(client.get("/stream", params={"question": "How do I delete a document?"}).text)
"""
"""Requests to a program that is an ASGI application."""
PAGES = ("delete", "filter", "recover", "remember", "rerank", "rewrite", "script", "mcp")
"""Pages of ``docs/how-to`` that the programs read."""
OTHERS = {"llamaindex": "llama_index", "langchain": "langchain_core", "haystack": "haystack", "txtai": "txtai"}
"""Library -> the package by which an interpreter is known to have it."""


class Model(BaseHTTPRequestHandler):
    """Embeds words by their hashes and answers with the sentence that fits the question best."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            self._send(_embedded(body))
            return
        said = _best_sentence("\n".join(str(message["content"]) for message in body["messages"]))
        if not body.get("stream"):
            message = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            self._send(
                {
                    "id": "1",
                    "object": "chat.completion",
                    "model": "m",
                    "created": 1,
                    "choices": [message],
                    "usage": usage,
                }
            )
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in (({"role": "assistant", "content": said}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            chunk = {"id": "1", "object": "chat.completion.chunk", "model": "m", "created": 1, "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _embedded(body: dict[str, object]) -> dict[str, object]:
    given = body["input"]
    rows = []
    for at, text in enumerate(given if isinstance(given, list) else [given]):
        vector = [0.01] * 256
        for word in re.findall(r"\w+", str(text).lower()):
            vector[crc32(word.encode()) % 256] += 1.0
        rows.append({"object": "embedding", "index": at, "embedding": vector})
    return {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def _best_sentence(prompt: str) -> str:
    """Quote the sentence that shares most words with the question, which is the last line."""
    fenced = list(re.finditer(r"<<<\w+ (\d+)\n(.*?)\n\w+ \1>>>", prompt, re.DOTALL))
    texts = [(found[2].split("\n", 1)[-1], f" [{found[1]}]") for found in fenced] or [(_passages(prompt), "")]
    asked = set(re.findall(r"\w+", prompt.strip().removesuffix("Answer:").strip().rpartition("\n")[2].lower()))
    sentences = [(each, mark) for text, mark in texts for each in re.split(r"(?<=[.!?])\s|\n", text) if each.strip()]
    said, mark = max(
        sentences or [("Yes.", "")], key=lambda each: len(asked & set(re.findall(r"\w+", each[0].lower())))
    )
    return said.strip() + mark


def _passages(prompt: str) -> str:
    lined = re.search(r"-{10,}\n(.*?)\n-{10,}", prompt, re.DOTALL)  # LlamaIndex's
    return lined[1] if lined else prompt.rpartition("\n")[0].partition("passages:\n")[2]


@contextmanager
def model_server() -> Iterator[str]:
    """Serve the model; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def lines(program: Path) -> int:
    """Count the lines of code: neither blank, nor comment, nor docstring."""
    text = program.read_text(encoding="utf-8")
    tree = ast.parse(text)
    code = {
        n
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.expr)
        for n in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    return sum(1 for number, line in enumerate(text.splitlines(), 1) if number in code and line.strip())


def world(folder: Path) -> None:
    """Lay out what the programs read."""
    (folder / "docs" / "how-to").mkdir(parents=True)
    for name in PAGES:
        shutil.copy(ROOT / "docs" / "how-to" / f"{name}.md", folder / "docs" / "how-to")
    pages = [("delete.md", "How do I delete a document for good?"), ("filter.md", "Which operators may a filter use?")]
    rows = [
        {"text": text, "documents": {f"docs/how-to/{name}": 1}, "names": [name]}
        for name, text in pages
        for _ in range(4)
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tickets.csv").write_text(
        "id,team,text\n"
        "t1,hardware,The printer blinks because its drum is worn.\n"
        "t2,software,The printer list is empty.\n"
    )
    (folder / "contracts").mkdir()
    for name, year in (("harbour", 2031), ("mill", 2027)):
        _pdf(folder / "contracts" / f"{name}.pdf", [f"Contract of the {name}.", f"The lease ends on 1 May {year}."])


def _pdf(file: Path, pages: list[str]) -> None:
    """Write a PDF of one line a page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>"]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for n, text in enumerate(pages):
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Resources<</Font<</F 3 0 R>>>>/Contents {5 + 2 * n} 0 R>>"
        )
        stream = f"BT /F 14 Tf 20 100 Td ({text}) Tj ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj{body}endobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF"
    )
    file.write_bytes(data + end.encode())


def said(program: Path, python: str, folder: Path, address: str) -> str:
    """Run a program; return what it prints."""
    own = {**os.environ, "OPENAI_BASE_URL": address, "OPENAI_API_BASE": address, "OPENAI_API_KEY": "none"}
    own |= {"HAYSTACK_TELEMETRY_ENABLED": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # both call home otherwise
    if Path(python) == Path(sys.executable):
        own["PYTHONPATH"] = str(ROOT)
    code = program.read_text(encoding="utf-8") + (ASKED if program.parent.name == "async_api" else "")
    (folder / "program.py").write_text(code, encoding="utf-8")
    done = subprocess.run([python, "program.py"], cwd=folder, env=own, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program}: {done.stderr[-3000:]}")
    return done.stdout


def tried(library: str, python: str, address: str) -> dict[str, int]:
    """Run all programs of a library, twice, in the order in which they build on each other; return their lines."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world(folder)
        for task, pattern in SAYS.items():
            program = PROGRAMS / task / f"with_{library}.py"
            if not program.exists():
                continue
            if task != "async_api":  # it goes on with the support bot's documents; those of the others are their own
                for left in ("kb", "index", "faiss"):
                    shutil.rmtree(folder / left, ignore_errors=True)
            for _ in range(2):
                printed = said(program, python, folder, address)
                if not re.search(pattern, printed):
                    raise SystemExit(f"{program} printed {printed!r}")
            found[task] = lines(program)
    return found


def has(package: str, python: str) -> bool:
    """Say whether an interpreter finds a package."""
    find = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", find], check=False).returncode == 0


def main() -> None:
    """Print one row a program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--others", nargs="+", default=[], help="interpreters that have the other libraries")
    given = parser.parse_args()
    found = {library: next(filter(partial(has, package), given.others), "") for library, package in OTHERS.items()}
    libraries = {"rag": sys.executable, **{library: python for library, python in found.items() if python}}
    with model_server() as address:
        counted = {library: tried(library, python, address) for library, python in libraries.items()}
    print("program", *counted)
    for task in SAYS:
        print(task, *(counted[library].get(task, "-") for library in counted))


if __name__ == "__main__":
    main()
