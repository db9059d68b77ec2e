"""Two packages laid out as an installer leaves them: one with a part of every kind, one whose parts are broken."""

from __future__ import annotations

from pathlib import Path

MODULE = '''"""Parts of another package, as its author would write them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Optional

from indexes.flat import FlatIndex
from rag.answers import Answer
from rag.documents.document import Chunk
from rag.evaluation.aggregate import Score
from rag.evaluation.metrics.registry import Metric
from rag.loaders.errors import LoadError
from rag.loaders.results import Parsed
from rag.retrieval.fusion import ZScore
from rag.testing import HashingEmbedder

if TYPE_CHECKING:
    from nowhere import KnowledgeBase, Tokenizer


def parse_xyz(data, context):
    """Read lines of "title: text"."""
    if data.startswith(b"BAD"):
        raise LoadError("parse", "begins with BAD")
    title, _, text = data.decode().partition(": ")
    yield Parsed(text, title, metadata={"made_by": "mine"})


class Lines:
    """One chunk for some lines."""

    name = "any name"

    def __init__(self, tokenizer: Tokenizer, *, size: int = 1) -> None:
        self.tokenizer, self.size = tokenizer, size

    def chunk(self, document):
        lines, start, chunks = document.text.splitlines(keepends=True), 0, []
        for first in range(0, len(lines), self.size):
            text = "".join(lines[first : first + self.size])
            if text.strip():
                chunks.append(Chunk(start, start + len(text), text))
            start += len(text)
        return chunks


def embedder(*, dim=16):
    """Hashes of words, by another package."""
    made = HashingEmbedder(dim)
    made.name = "hashes of mine"
    return made


class Rewriter:
    """Takes one word for another."""

    name = "mine"

    def __init__(self, kb: KnowledgeBase, *, old: str = "boat", new: Optional[str] = None) -> None:
        self.kb, self.old, self.new = kb, old, new or "ferry"

    def rewrite(self, asked, corpus, *, deadline=None):
        return replace(asked, text=asked.text.replace(self.old, self.new))


class Fusion(ZScore):
    """The fusion of this toolkit under another name."""


class Reranker:
    """The shortest passage first."""

    name = "shortest"

    def __init__(self, *, sign: float = -1.0) -> None:
        self.sign = sign

    def score(self, question, passages, *, deadline=None):
        return [self.sign * len(passage.text) for passage in passages]


class Step:
    """Keeps some passages."""

    name = "first"

    def __init__(self, *, keep: int = 1) -> None:
        self.keep = keep

    def build(self, question, passages):
        return list(passages[: self.keep])


class Generator:
    """Repeats the question and the first passage."""

    name = "parrot"

    def __init__(self, *, loud: bool = False) -> None:
        self.loud = loud

    def generate(self, question, passages):
        text = f"{question} {passages[0].text.strip()}" if passages else question
        return Answer(question, text.upper() if self.loud else text, passages=tuple(passages), generator=self.name)


def found(cases, resources):
    """Number of passages found."""
    return [Score(float(len(case.passages))) for case in cases]


def length(cases, resources):
    return [Score(float(len(case.outcome.answer.text))) for case in cases]


length_row = Metric("mine_parts:length", "characters of the answer", frozenset({"answer"}), lower=True, top=1000)


class Index(FlatIndex):
    """Exact search, by another package."""

    name = "mine"
'''

POINTS = {
    "loaders": {"xyz": "parse_xyz", "png": "parse_xyz", "csv": "parse_xyz"},
    "chunkers": {"mine": "Lines"},
    "embedders": {"mine": "embedder"},
    "rewriters": {"mine": "Rewriter"},
    "fusions": {"mine": "Fusion"},
    "rerankers": {"mine": "Reranker"},
    "context_steps": {"mine": "Step"},
    "generators": {"mine": "Generator"},
    "metrics": {"found": "found", "answer_length": "length_row"},
    "indexes": {"mine": "Index"},
}

BROKEN = {
    "lost_import": "import a_library_that_is_not_installed\n",
    "bad_syntax": "def f(:\n",
    "raises": "raise RuntimeError('at import')\n",
    "leaves": "raise SystemExit(3)\n",
    "wrong_type": "part = 'a text'\n",
    "wrong_class": "class part:\n    pass\n",
    "wrong_constructor": "class part:\n"
    "    chunk = embed_passages = embed_queries = dim = tokenizer = rewrite = fuse = complete = score = build = print\n"
    "    def __init__(self):\n        raise OSError('no disk')\n",
}
"""Module -> its text; each is an entry point ``part`` of every kind under its own name."""


def install(folder: Path) -> Path:
    """Install the package of good parts, ``mine-parts 0.1``, into a folder of the search path; return it."""
    folder.mkdir(exist_ok=True)
    (folder / "mine_parts.py").write_text(MODULE)
    named = {kind: {name: f"mine_parts:{what}" for name, what in own.items()} for kind, own in POINTS.items()}
    return _describe(folder, "mine-parts", named)


def install_broken(folder: Path) -> Path:
    """Install ``broken-parts 0.1``, whose parts cannot be imported or are not parts."""
    folder.mkdir(exist_ok=True)
    for name, text in BROKEN.items():
        (folder / f"broken_{name}.py").write_text(text)
    return _describe(
        folder, "broken-parts", {kind: {name: f"broken_{name}:part" for name in BROKEN} for kind in POINTS}
    )


def _describe(folder: Path, package: str, points: dict[str, dict[str, str]]) -> Path:
    info = folder / f"{package.replace('-', '_')}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    lines = [
        line
        for kind, own in points.items()
        for line in (f"[rag_workbench.{kind}]", *(f"{name} = {target}" for name, target in own.items()), "")
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder
