"""``rag ask``: one question, an answer with citations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import exit_codes, json_forms
from .arguments import (
    Context,
    DenseWeight,
    Fusion,
    Json,
    K,
    KnowledgeBasePath,
    MaxPerSource,
    Rerank,
    RerankIn,
    Rewrite,
    Where,
)
from .output import one_line, print_json, stdout
from .retrieving import retriever_for

if TYPE_CHECKING:
    from rich.console import Console

    from rag.answers import Answer, Citation


def command(
    kb: KnowledgeBasePath,
    question: Annotated[str, typer.Argument(help="The question, in plain words.")],
    k: K = 5,
    where: Where = None,
    fusion: Fusion = "zscore",
    dense_weight: DenseWeight = None,
    max_per_source: MaxPerSource = None,
    rewrite: Rewrite = "auto",
    rerank: Rerank = "none",
    rerank_in: RerankIn = 30,
    context: Context = "none",
    json: Json = False,
) -> int:
    """Answer a question from the documents, with citations that can be checked."""
    from rag.bot import Bot
    from rag.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(kb) as base:
        retriever = retriever_for(
            base,
            k=k,
            where=where,
            fusion=fusion,
            dense_weight=dense_weight,
            max_per_source=max_per_source,
            rewrite=rewrite,
            rerank=rerank,
            rerank_in=rerank_in,
            context=context,
        )
        answer = Bot(retriever).ask(question)
    if json:
        print_json(json_forms.answer(answer))
    else:
        show(answer, stdout())
    return exit_codes.NOTHING_FOUND if answer.abstained else exit_codes.OK


def show(answer: Answer, console: Console) -> None:
    """Print an answer and where it stands."""
    console.print(one_line(answer.text))
    if answer.abstained:
        if answer.reason:
            console.print(f"({one_line(answer.reason)})", style="dim")
        if answer.passages:
            nearest = answer.passages[0]
            console.print(f"Nearest passage: {place(nearest.source, nearest.heading, nearest.page)}", style="dim")
        return
    console.print()
    for citation in answer.citations:
        console.print(f"[{citation.n}] {_where(citation)}", style="cyan", soft_wrap=True)
        console.print(f'    "{one_line(citation.quote, 300)}"', style="dim")
    if answer.degraded:
        console.print(f"(degraded: {one_line(answer.reason)})", style="yellow")
    seconds = answer.timings.get("total", 0.0)
    console.print(f"\nsupport {answer.support:.0%}, {len(answer.passages)} passages read, {seconds:.2f} s", style="dim")


def _where(citation: Citation) -> str:
    spot = place(citation.source, citation.heading, citation.page)
    return f"{spot}  characters {citation.start}-{citation.end}"


def place(source: str, heading: tuple[str, ...], page: int | None) -> str:
    """Say where in a source something stands, for people."""
    parts = [one_line(source)]
    if page is not None:
        parts.append(f"page {page}")
    if heading:
        parts.append(" > ".join(one_line(h, 60) for h in heading))
    return ", ".join(parts)
