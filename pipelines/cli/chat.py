"""``rag chat``: questions and answers in a loop."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rag.errors import DeadlinePassed, InvalidInput

from .. import json_forms
from . import chat_memory, exit_codes
from .ask import show
from .options import Json, KnowledgeBasePath, MemoryDays, MemoryFolder, MemorySession, MemoryUser
from .output import print_json_line, stdout
from .pipeline_options import PipelineOptions, tell, with_pipeline
from .streaming_output import streamed

if TYPE_CHECKING:
    from rich.console import Console

    from rag.answers import Answer
    from rag.bot import Bot
    from rag.llm.language_model import Message

_HELP = (
    "Ask in plain words. /where EXPRESSION narrows to matching documents, /where alone widens; /quit or Ctrl-D leaves."
)

_TURNS_READ = 20


@with_pipeline
def command(
    kb: KnowledgeBasePath,
    pipeline: PipelineOptions,
    memory: MemoryFolder = None,
    user: MemoryUser = "me",
    session: MemorySession = "default",
    memory_days: MemoryDays = None,
    json: Json = False,
) -> int:
    """Ask questions one after another. With --json, one answer a line."""
    from rag.bot import Bot
    from rag.generation.generators import EXTRACTIVE
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.retriever import Retriever

    console = stdout()
    with ExitStack() as stack:
        base = stack.enter_context(KnowledgeBase.open(kb))
        retriever = stack.enter_context(Retriever(base, pipeline.of(base)))
        config = retriever.config
        base.allowed(config.where)  # a bad filter is reported before the first question, not after it
        by_model = config.generator != EXTRACTIVE
        kept = chat_memory.opened(base, memory, user, session, memory_days, retriever.model)
        retriever.memory = kept
        bot = stack.enter_context(Bot(retriever))
        tell(bot.notes)
        history: list[Message] = kept.history(answered=by_model) if kept is not None else []
        where: str | None = None
        if not json:
            told = f" {chat_memory.HELP}" if kept is not None else ""
            console.print(f"{base.status().documents} documents. {_HELP}{told}\n", style="dim")
        for line in _lines(prompt="" if json else "> "):
            if line in {"/quit", "/exit"}:
                break
            if line.startswith("/where"):
                where = line.removeprefix("/where").strip() or None
                continue
            if chat_memory.obey(kept, line, json=json):
                if line.startswith("/forget"):
                    history.clear()
                continue
            answer, on_screen = _answered(bot, line, where, history, console, quiet=json or not by_model)
            if answer is None:
                continue
            _print(answer, console, json=json, told=on_screen)
            if kept is not None:  # afterwards: a summary may take a model's time
                chat_memory.keep(kept, line, answer)
            history = _continued(history, line, answer, has_model=by_model)
    return exit_codes.OK


def _continued(history: list[Message], question: str, answer: Answer, *, has_model: bool) -> list[Message]:
    from rag.llm.language_model import Message

    if not has_model:
        return [*history[-_TURNS_READ:], Message("user", question)]
    if not answer.supported_text:  # no turn builds on what the documents do not say
        return history
    return [*history, Message("user", question), Message("assistant", answer.supported_text)]


def _print(answer: Answer, console: Console, *, json: bool, told: bool) -> None:
    if json:
        print_json_line(json_forms.answer(answer))
    else:
        show(answer, console, told=told)
        console.print()


def _answered(
    bot: Bot, question: str, where: str | None, history: Sequence[Message], console: Console, *, quiet: bool
) -> tuple[Answer | None, bool]:
    """Answer, or say why not: an invalid question, a deadline that passed, or an interrupt.

    Returns
    -------
    answer, told
        Whether the answer's text is on the terminal already.
    """
    try:
        if quiet or not console.is_terminal:
            return bot.ask(question, where=where, history=history), False
        return streamed(bot.ask_stream(question, where=where, history=history), console)
    except (InvalidInput, DeadlinePassed) as error:
        console.print(f"error: {error}", style="red")
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        console.print("\n(stopped; Ctrl-D leaves)", style="dim")
    return None, False


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
