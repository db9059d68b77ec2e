"""Ask and ingest again and again: open files, threads, memory and the store do not grow."""

from __future__ import annotations

from pathlib import Path

from rag.bot import Bot
from rag.errors import ExtraMissing
from rag.knowledge_base import KnowledgeBase

from .corpus import CHUNKER, E, documents, text_of
from .tally import Tally

_QUESTIONS, _INGESTS = 600, 40
_GROWTH_MB = 24
"""What the allocator may keep; a leak of one answer's passages would be more."""


def check(place: Path, tally: Tally, *, questions: int = _QUESTIONS, ingests: int = _INGESTS) -> None:
    try:
        import psutil
    except ImportError as error:
        raise ExtraMissing("this check needs psutil: pip install 'rag-workbench[selftest]'") from error
    process = psutil.Process()
    path = place / "kb"
    with KnowledgeBase.create(path, embedder=E, chunker=CHUNKER) as kb:
        kb.add(documents(60))

    def ask(n: int) -> None:
        with KnowledgeBase.open(path, embedder=E) as kb:
            bot = Bot(kb)
            for i in range(n):
                bot.ask(f"What lies near {text_of(i % 60).split()[5]} and {text_of(i % 60).split()[7]}?")

    def ingest(n: int) -> None:
        for i in range(n):
            with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
                kb.add(documents(60, version=1 + i % 2))

    ask(questions // 4)
    ingest(ingests // 4)
    before = (process.num_fds(), process.num_threads(), process.memory_info().rss, _size(path))
    ask(questions)
    ingest(ingests)
    after = (process.num_fds(), process.num_threads(), process.memory_info().rss, _size(path))
    grown = (after[2] - before[2]) / 1e6
    tally.expect(after[0] <= before[0], f"{after[0] - before[0]} files stay open")
    tally.expect(after[1] <= before[1], f"{after[1] - before[1]} threads stay")
    tally.expect(grown < _GROWTH_MB, f"memory has grown by {grown:.1f} MB")
    tally.expect(after[3] < 1.5 * before[3] + 200_000, f"the store has grown from {before[3]:,} to {after[3]:,} bytes")
    tally.facts |= {"questions": questions, "ingests": ingests, "grown by MB": round(grown, 1)}


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
