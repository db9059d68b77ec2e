"""``rag chat``: questions and answers in a loop."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rag.errors import InvalidInput
from rag.searching import Searcher

from . import chat_memory, exit_codes, json_forms
from .arguments import (
    Context,
    Json,
    K,
    KnowledgeBasePath,
    MemoryDays,
    MemoryFolder,
    MemorySession,
    MemoryUser,
    Rerank,
    RerankIn,
    Where,
)
from .ask import show
from .output import print_json_line, stdout
from .retrieving import refined

_HELP = (
    "Ask in plain words. /where EXPRESSION narrows to matching documents, /where alone widens; /quit or Ctrl-D leaves."
)


def command(
    kb: KnowledgeBasePath,
    k: K = 5,
    where: Where = None,
    rerank: Rerank = "none",
    rerank_in: RerankIn = 30,
    context: Context = "none",
    memory: MemoryFolder = None,
    user: MemoryUser = "me",
    session: MemorySession = "default",
    memory_days: MemoryDays = None,
    json: Json = False,
) -> int:
    """Ask questions one after another; --json prints one answer a line."""
    from rag.bot import Bot
    from rag.knowledge_base import KnowledgeBase
    from rag.retriever import Retriever

    console = stdout()
    with KnowledgeBase.open(kb) as base:
        base.allowed(where)  # a bad filter is said before the first question, not after it
        searcher: Searcher = refined(Retriever(base, k=k), rerank, rerank_in, context)
        kept = chat_memory.opened(base, memory, user, session, memory_days)
        if kept is not None:
            from rag.memory import RememberingRetriever

            searcher = RememberingRetriever(searcher, kept)
        bot = Bot(searcher)
        if not json:
            told = f" {chat_memory.HELP}" if kept is not None else ""
            console.print(f"{base.status().documents} documents. {_HELP}{told}\n", style="dim")
        for line in _lines(prompt="" if json else "> "):
            if line in {"/quit", "/exit"}:
                break
            if line.startswith("/where"):
                where = line.removeprefix("/where").strip() or None
                continue
            if chat_memory.obey(kept, line):
                continue
            try:
                answer = bot.ask(line, where=where)
            except InvalidInput as error:
                console.print(f"error: {error}", style="red")
                continue
            if kept is not None:
                chat_memory.keep(kept, line, answer)
            if json:
                print_json_line(json_forms.answer(answer))
            else:
                show(answer, console)
                console.print()
    return exit_codes.OK


def _lines(prompt: str) -> Iterator[str]:
    """Yield what a person types, or the lines of a pipe."""
    interactive = sys.stdin.isatty()
    if interactive:
        import readline  # noqa: F401 - importing it gives input() a history and line editing
    while True:
        try:
            line = input(prompt if interactive else "").strip()
        except EOFError:
            return
        if line:
            yield line
