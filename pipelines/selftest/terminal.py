"""Print documents, names and questions that hold a terminal's commands: none of them gets through."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase

from .corpus import E
from .tally import Tally

_PAYLOADS = (
    "\x1b[31mred", "\x1b]52;c;cm0gLXJm\x07", "\x1b]8;;http://evil.example\x1b\\link", "\x9b31m", "a\rb", "\x08\x08\x08",
    "\x07", "\u202eevil\u202c", "\x00", "\x1b[2J", "\x1b]0;title\x07",
)  # fmt: skip
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def check(place: Path, tally: Tally) -> None:
    path = place / "kb"
    with KnowledgeBase.create(path, embedder=E) as kb:
        kb.add(
            Document.from_text(f"The ferry {text} leaves at noon.", id=f"d{n}{text}", title=f"Title {text}")
            for n, text in enumerate(_PAYLOADS)
        )
    commands = [["search", "ferry leaves", "-k", "20"], ["ask", "When does the ferry leave?"], ["status"], ["verify"]]
    commands += [["search", "ferry", "--json"], ["search", f"x {_PAYLOADS[0]}"], ["ask", _PAYLOADS[2]]]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.cli", command[0], str(path), *command[1:]],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        found = _OBEYED.search(said)
        tally.expect(found is None, f"rag {command[0]} prints {found[0]!r}" if found else "")
        tally.expect("Traceback" not in said, f"rag {command[0]}: {said[-200:]}")
