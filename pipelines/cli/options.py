"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KnowledgeBasePath = Annotated[Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
K = Annotated[int, typer.Option("-k", metavar="N", min=1, max=1000, help="Passages to find.")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION", help="""Search only documents that match, e.g. 'type == "pdf" and year >= 2024'."""
    ),
]
Fusion = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How dense and term lists are joined: zscore, rrf (reciprocal rank), minmax, dbsf, adaptive; or dense, or "
        "terms alone.",
    ),
]
DenseWeight = Annotated[
    float | None, typer.Option(metavar="0..1", min=0.0, max=1.0, help="Share of the dense score in the z-score fusion.")
]
MaxPerSource = Annotated[int | None, typer.Option(metavar="N", min=1, help="At most this many passages of one source.")]
Rerank = Annotated[
    str,
    typer.Option(
        metavar="NAME[+NAME]",
        help="A second look at the passages found: cross-encoder:model=DIR, late-interaction, mmr, listwise, recency, "
        "sources:weights=docs/:1; none.",
    ),
]
Rewrite = Annotated[
    str,
    typer.Option(
        metavar="NAME[,NAME]",
        help="How questions are asked better: auto, none, spelling, condense, acronyms, rm3, bo1, rocchio, "
        "synonyms:file=FILE; with a language model multi-query, hyde, decompose, step-back, keywords.",
    ),
]
Model = Annotated[
    str | None, typer.Option(metavar="SPEC", help="Language model that rewrites and reranks, e.g. openai:MODEL.")
]
RerankIn = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Passages that --rerank looks at.")]
Context = Annotated[
    str,
    typer.Option(
        metavar="NAME[+NAME]",
        help="What is read of them: neighbours:sentences=2, section, unique, budget:tokens=2000, edges; none.",
    ),
]
MemoryFolder = Annotated[
    Path | None, typer.Option("--memory", metavar="DIR", help="Remember the conversation in this folder.")
]
MemoryUser = Annotated[str, typer.Option("--user", metavar="NAME", help="Whose memory.")]
MemorySession = Annotated[str, typer.Option("--session", metavar="NAME", help="Which conversation of that user.")]
MemoryDays = Annotated[
    float | None, typer.Option("--memory-days", metavar="DAYS", min=0.001, help="Forget after so many days.")
]
Wait = Annotated[float, typer.Option(metavar="SECONDS", min=0.0, help="Seconds to wait for another writer to finish.")]
