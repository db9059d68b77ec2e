"""``rag ingest``: read files and folders into a knowledge base."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag.documents.document import Scalar
from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes
from .options import Json, Wait
from .output import print_json, progress_bar, stderr, stdout

if TYPE_CHECKING:
    from ..ingest import IngestProgress, IngestReport, ProgressCallback

_LISTED = 20


def command(
    documents: Annotated[
        list[str], typer.Argument(metavar="DOCS", help="Files, folders, beir:DIR, datasets:DIR, ir_datasets:NAME.")
    ],
    into: Annotated[
        str, typer.Option(metavar="KB", help="Folder of the knowledge base, or its address; made if it is not there.")
    ],
    index: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Index of a new knowledge base, e.g. hnsw:M=32; may be repeated. Default: auto (by size), bm25.",
        ),
    ] = None,
    chunker: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Chunker of a new one, e.g. tokens:256/32.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(metavar="NAME", help="Embedding model of a new one: name or path; two joined by +.")
    ] = None,
    granularity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Vectors of a new one: chunk; chunk+late (of sentences too: the default, if the model can); "
            "chunk+late+tokens (for the reranker late-interaction); chunk+sentence (takes twice as long).",
        ),
    ] = None,
    analyser: Annotated[
        str | None,
        typer.Option(
            metavar="LANGUAGE",
            help="Language that the words of a new one are stemmed in: english, german, english+german ..., none; "
            "auto (the default): those of its first documents.",
        ),
    ] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="key=value for every document; may be repeated.")
    ] = None,
    acl: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="Group that may read these documents by `rag serve --keys`; repeatable."),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove documents whose files have vanished.")] = False,
    parse_seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Processor time for a file; default: 30, and 10 more for each megabyte."),
    ] = None,
    parse_memory: Annotated[
        int | None, typer.Option(metavar="MB", help="Memory of a process that parses; default: 1024.")
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="Where files are parsed, chunked and embedded: here, processes:N, ray:N, ray:ADDRESS (many machines).",
        ),
    ] = "here",
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Read files into a knowledge base. Files that have not changed cost nothing."""
    from rag.llm.language_model import Usage
    from rag.llm.spending import metered

    from ..ingest import Options, ingest

    options = Options(
        indexes=tuple(index) if index else None,
        chunker=chunker,
        embedder=embedder,
        granularity=granularity,
        analyser=analyser,
    )
    fields = fields_of(meta)
    with metered() as spent, _progress(show=not json) as on_progress:
        report = ingest(
            documents,
            into,
            options=options,
            meta=fields,
            acl=acl or (),
            prune=prune,
            wait=wait,
            on_progress=on_progress,
            parse_seconds=parse_seconds,
            parse_memory=parse_memory,
            executor=executor,
        )
    usage = sum((each for _, each in spent), Usage())
    if json:
        print_json(report.as_dict() | ({"language_model": asdict(usage)} if spent else {}))
    else:
        show(report)
        if spent:
            stdout().print(
                f"  language model: {usage.calls} calls, {usage.prompt_tokens} tokens read and "
                f"{usage.completion_tokens} written, {usage.seconds:.0f} s",
                soft_wrap=True,
            )
    return exit_codes.SOME_FILES_FAILED if report.failed else exit_codes.OK


def fields_of(meta: list[str] | None) -> dict[str, Scalar]:
    """Read the values of ``--meta``."""
    return dict(_pair(text) for text in meta or [])


def _pair(text: str) -> tuple[str, Scalar]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InvalidInput(f"--meta {text!r} is not key=value")
    return key.strip(), _scalar(value.strip())


def _scalar(text: str) -> Scalar:
    """Read a number as a number, so that filters can compare it; "007" and the like stay text."""
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        return value if f"{value}" == text else text
    return {"true": True, "false": False}.get(text, text)


@contextmanager
def _progress(*, show: bool) -> Iterator[ProgressCallback | None]:
    counted = "documents, {task.fields[chunks]} chunks, {task.fields[rate]}/s"
    with progress_bar(show, "{task.description}", "bar", "count", counted, "left:", "left", chunks=0, rate="-") as bar:
        start = time.monotonic()

        def update(progress: IngestProgress) -> None:
            elapsed = time.monotonic() - start
            assert bar is not None  # noqa: S101 - else this function is not handed out; tells mypy
            bar(
                description=progress.stage,
                total=progress.documents_expected,
                completed=progress.documents,
                chunks=progress.chunks,
                rate=f"{progress.chunks / elapsed:.0f}" if elapsed > 1 else "-",
            )

        yield None if bar is None else update


def show(report: IngestReport) -> None:
    """Print what an ingest did."""
    from rag.retrieval.fusion import DENSE_WEIGHT

    console = stdout()
    verb = "Made" if report.created else "Updated"
    rate = f", {report.chunks / report.seconds:.0f} chunks/s" if report.chunks and report.seconds else ""
    files = f"{report.found} {'file' if report.found == 1 else 'files'}"
    console.print(f"{verb} {report.into} from {files} in {report.seconds:.1f} s{rate}.", soft_wrap=True)
    counts = [
        (report.added, "documents added"),
        (report.changed, "changed"),
        (report.unchanged, "unchanged"),
        (report.moved, "files moved"),
        (report.removed, "removed"),
        (report.unchanged_files, "files unchanged"),
        (report.chunks, f"chunks ({report.embedded} embedded)"),
    ]
    console.print(
        "  " + ", ".join(f"{n} {what}" for n, what in counts if n) if any(n for n, _ in counts) else "  nothing to do"
    )
    if (weights := report.weights) is not None and weights.dense_weight != DENSE_WEIGHT:
        stderr().print(
            f"The model reads little of this: {weights}. Words say more here, unless you set a dense weight yourself.",
            style="yellow",
            soft_wrap=True,
        )
    for note in report.notes:
        stderr().print(f"{note[0].upper()}{note[1:]}.", style="yellow", soft_wrap=True)
    _show_account(report)
    if report.failures:
        reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(f.reason for f in report.failures).most_common())
        errors = stderr()
        errors.print(f"{len(report.failures)} not in ({reasons}):", style="yellow", soft_wrap=True)
        for failure in report.failures[:_LISTED]:
            errors.print(
                f"  {one_line(failure.document)}: {failure.reason}: {one_line(failure.detail, 200)}", soft_wrap=True
            )
        if len(report.failures) > _LISTED:
            errors.print(f"  ... and {len(report.failures) - _LISTED} more; --json lists them all")


def _show_account(report: IngestReport) -> None:
    """Say what of the files is not in the knowledge base, and what is doubtful."""
    if report.account.left_out:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(report.account.left_out.items(), key=lambda k: -k[1]))
        stdout().print(f"  words left out: {kinds} (of {report.account.held:,})", style="dim", soft_wrap=True)
    if report.remarks:
        errors = stderr()
        files = len({source for source, _ in report.remarks})
        errors.print(f"{files} {'file is' if files == 1 else 'files are'} in with a remark:", style="yellow")
        for source, remark in report.remarks[:_LISTED]:
            errors.print(f"  {one_line(source)}: {one_line(remark, 200)}", soft_wrap=True)
        if len(report.remarks) > _LISTED:
            errors.print(f"  ... and {len(report.remarks) - _LISTED} more; --json lists them all")
