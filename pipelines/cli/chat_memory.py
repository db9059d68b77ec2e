"""The memory of ``rag chat``: the turns it keeps, and the commands that show and delete them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import RagError

from ..plain_text import one_line
from .output import print_json_line, stderr, stdout

if TYPE_CHECKING:
    from rag.answers import Answer
    from rag.knowledge_base import KnowledgeBase
    from rag.llm.language_model import LanguageModel
    from rag.memory import Memory

HELP = (
    "/memory shows what is kept of this conversation, /forget deletes it, /forget all deletes all that is kept of you."
)


def opened(
    base: KnowledgeBase,
    folder: Path | None,
    user: str,
    session: str,
    days: float | None,
    model: LanguageModel | None = None,
) -> Memory | None:
    """Return the memory that the options ask for, with what has expired deleted; a model writes its summaries."""
    if folder is None:
        return None
    from rag.memory import Memory

    memory = Memory(folder, user=user, session=session, embedder=base.embedder, days=days, model=model)
    memory.expire()
    return memory


def keep(memory: Memory, question: str, answer: Answer) -> None:
    """Remember a turn; a memory that cannot be written costs the turn, not the conversation."""
    try:
        problem = memory.remember(question, answer.supported_text)
        if problem:
            stderr().print(f"note: older turns were summarised by their own words: {one_line(problem)}", style="yellow")
    except (RagError, OSError) as error:
        stderr().print(f"note: this turn was not remembered: {one_line(str(error))}", style="yellow")


def obey(memory: Memory | None, line: str, *, json: bool = False) -> bool:
    """Do what a line that begins with /memory or /forget says; say whether it was one."""
    command, _, rest = line.partition(" ")
    if command not in {"/memory", "/forget"}:
        return False
    if memory is None:
        stderr().print("there is no memory; start with: rag chat KB --memory DIR")
        return True
    try:
        if command == "/memory":
            _show(memory, json=json)
        elif rest.strip() == "all":
            from rag.memory import forget_user

            forget_user(memory.folder, memory.user)
            _say(f"All that was kept of {one_line(memory.user)} is deleted.", json=json)
        elif not rest.strip():
            _say(f"Deleted from this session: {memory.forget()}.", json=json)
        else:
            stderr().print("write /forget for this session, or /forget all")
    except (RagError, OSError) as error:
        stderr().print(f"error: {one_line(str(error))}", style="red")
    return True


def _say(text: str, *, json: bool) -> None:
    if json:
        print_json_line({"memory": text})
    else:
        stdout().print(text, style="dim")


def _show(memory: Memory, *, json: bool) -> None:
    from rag.memory import sessions

    if json:
        turns = [asdict(turn) for turn in memory.turns()]
        print_json_line({"turns": turns, "sessions": [asdict(info) for info in sessions(memory.folder, memory.user)]})
        return
    console = stdout()
    for turn in memory.turns():
        console.print(f"{turn.number}. {one_line(turn.question, 200)}", style="cyan")
        console.print(f"   {one_line(turn.answer, 200) or '(not answered)'}")
    kept = sum(info.memories for info in sessions(memory.folder, memory.user))
    console.print(f"Summaries of older turns, over all sessions: {kept}.", style="dim")
