"""``rag ask``: one question, an answer with citations."""

from __future__ import annotations

import json as json_
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InvalidInput

from .. import json_forms
from ..plain_text import one_line, safe
from . import exit_codes
from .options import Json, KnowledgeBasePath
from .output import print_json, stdout
from .pipeline_options import PipelineOptions, tell, with_pipeline
from .streaming_output import searched_for, streamed

if TYPE_CHECKING:
    from rich.console import Console

    from rag.answers import Answer, Citation
    from rag.documents.document import Passage


@with_pipeline
def command(
    kb: KnowledgeBasePath,
    question: Annotated[str, typer.Argument(help="The question, in plain words.")],
    pipeline: PipelineOptions,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Answer with a value of this JSON schema.")
    ] = None,
    json: Json = False,
) -> int:
    """Answer a question from the documents. Every sentence has a citation that can be checked."""
    from rag.bot import Bot
    from rag.generation.generators import EXTRACTIVE
    from rag.knowledge_base import KnowledgeBase

    wanted = None if schema is None else read_schema(schema)
    console, told = stdout(), False
    with KnowledgeBase.open(kb) as base, Bot(base, config=pipeline.of(base)) as bot:
        if wanted is not None:
            answer = bot.extract(question, wanted)
        elif json or bot.config.generator == EXTRACTIVE or not console.is_terminal:
            answer = bot.ask(question)
        else:
            answer, told = streamed(bot.ask_stream(question), console)
    if json:
        print_json(json_forms.answer(answer))
    else:
        show(answer, console, told=told)
        tell(answer.notes)
    if wanted is not None and answer.degraded and answer.data is None:
        return exit_codes.MODEL_FAILED
    if answer.incomplete:
        return exit_codes.ANSWER_INCOMPLETE
    return exit_codes.NOTHING_FOUND if answer.abstained else exit_codes.OK


def show(answer: Answer, console: Console, *, told: bool = False) -> None:
    """Print an answer with its citations; without its text where that was ``told`` already."""
    if not told:
        console.print(safe(answer.text) if answer.generator != "extractive" else one_line(answer.text))
    searched = searched_for(answer.question, answer.searched)
    if answer.abstained:
        _nothing(answer, searched, console)
        return
    piped = not console.is_terminal  # a terminal gets whole words, a script whole lines
    console.print()
    for citation in answer.citations:
        console.print(f"[{citation.n}] {_where(citation)}", style="cyan", soft_wrap=True)
        console.print(f'    "{one_line(citation.quote, 300)}"', style="dim")
        if citation.url:
            console.print(f"    {one_line(citation.url, 500)}", style="dim", soft_wrap=True)
    for sentence in answer.sentences:
        if sentence.verdict == "unsupported":
            said = one_line(sentence.text, 80)
            console.print(f"unsupported: {said} ({one_line(sentence.problem)})", style="yellow", soft_wrap=piped)
    if answer.degraded:
        console.print(f"(degraded: {one_line(answer.reason)})", style="yellow")
    elif answer.incomplete:
        console.print(f"(incomplete: {one_line(answer.reason)})", style="yellow")
    if searched:
        console.print(searched, style="dim", soft_wrap=piped)
    console.print(f"\n{_facts(answer)}", style="dim", soft_wrap=piped)


def _nothing(answer: Answer, searched: str, console: Console) -> None:
    """Print why there is no answer, and what is nearest to one."""
    if searched:
        console.print(searched, style="dim")
    if answer.reason:
        console.print(f"({one_line(answer.reason)})", style="dim")
    if answer.passages:
        nearest = answer.passages[0]
        console.print(f"Nearest passage: {place(nearest)}", style="dim")


def _facts(answer: Answer) -> str:
    seconds = answer.timings.get("total", 0.0)
    parts = [answer.support_in_words, f"{len(answer.passages)} passages read", f"{seconds:.2f} s"]
    usage, checks = answer.usage, answer.checks
    if answer.generator != "extractive" or usage.prompt_tokens:
        parts.append(f"{usage.prompt_tokens} + {usage.completion_tokens} tokens")
    elif usage.calls:
        parts.append(f"{usage.calls} request{'s' * (usage.calls > 1)} made")
    if answer.cached:
        parts.append("from the cache")
    if usage.cost is not None:
        parts.append(f"cost {usage.cost:.6g}")
    taken = {"made-up citation": checks.fabricated, "wrong citation": checks.misattributed,
             "false quote": checks.false_quotes}  # fmt: skip
    parts += [f"{count} {name}{'s' * (count > 1)} removed" for name, count in taken.items() if count]
    return "; ".join(parts)


def _where(citation: Citation) -> str:
    return f"{place(citation)}  characters {citation.start}-{citation.end}"


_PAGE = {"pptx": "slide", "ppt": "slide", "odp": "slide", "xlsx": "sheet", "xls": "sheet", "ods": "sheet"}


def place(cited: Citation | Passage) -> str:
    """Return the place of a citation, or of a passage's beginning, for people."""
    parts = [one_line(cited.source)]
    if cited.page is not None:
        parts.append(f"{_PAGE.get(cited.type, 'page')} {cited.page}")
    rows = getattr(cited, "rows", None)
    if rows is not None:
        parts.append(f"row {rows[0]}" if rows[0] == rows[1] else f"rows {rows[0]}-{rows[1]}")
    time = getattr(cited, "time", None)
    if time is not None:
        parts.append(str(timedelta(seconds=int(time))))
    if cited.heading:
        parts.append(" > ".join(one_line(h, 60) for h in cited.heading))
    return ", ".join(parts)


def read_schema(path: Path) -> dict[str, Any]:
    """Read a JSON schema from a file.

    Raises
    ------
    InvalidInput
        The file cannot be read, or does not hold a JSON object.
    """
    try:
        schema = json_.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read the schema {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise InvalidInput(f"{path} does not hold a JSON schema: it must be an object")
    return schema
