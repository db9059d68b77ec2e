"""A process that imports the commands once and does each in a fork, a process of its own without seconds of imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # a command's own path is that of the environment


class ForkedCommands:
    """Commands done in forks of one process, as by ``subprocess.run``; close it, or leave its ``with`` block.

    ``script`` calls `serve`; by default it does the commands of ``rag``.
    """

    def __init__(self, environment: Mapping[str, str], script: Path = Path(__file__)) -> None:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", str(script)]  # of forks beside threads
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._server = subprocess.Popen(command, env=dict(environment), text=True, encoding="utf-8", **pipes)

    def run(self, *arguments: str, cwd: Path, said: str = "") -> subprocess.CompletedProcess[str]:
        """Do one command and return what came of it; ``said`` is its standard input."""
        with TemporaryDirectory() as place:
            Path(place, "0").write_text(said, encoding="utf-8")
            self._server.stdin.write(json.dumps([arguments, str(cwd), place]) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            out, err = (Path(place, name).read_text(encoding="utf-8") for name in "12")
        return subprocess.CompletedProcess(list(arguments), code, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


def serve(do: Callable[[list[str]], object]) -> None:
    """Do what is asked for on standard input until that is closed; ``do`` exits with the command's code."""
    import faiss  # noqa: F401 - this and the rest are what most commands would import

    import rag.bot
    import rag.generation.chat
    import rag.knowledge_base
    import rag.retrieval.hybrid
    import rag.rewriting.spelling  # noqa: F401
    from indexes import bm25, flat  # noqa: F401
    from pipelines.cli.app import root
    from rag.languages.detection import language
    from rag.rewriting.dictionary import dictionary

    root()
    assert language("Die Fähre legt mittags ab.") == "de"  # with a model that takes half a second to load
    assert "boat" in dictionary("english")
    asked, told = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in asked:
        arguments, cwd, place = json.loads(line)
        child = os.fork()
        if not child:
            for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
                os.dup2(os.open(f"{place}/{number}", flags, 0o600), number)
            os.chdir(cwd)
            sys.exit(do(arguments))
        told.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        told.flush()


if __name__ == "__main__":
    from pipelines.cli import main

    serve(main)
