"""``rag status | verify | repair | reindex | reembed | remove | hide | unhide | purge``: maintain a knowledge base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag.store.address import shown

from ..plain_text import one_line
from . import exit_codes
from .minutely import a_line_a_minute
from .options import Json, KnowledgeBaseFolder, KnowledgeBasePath, Wait
from .output import megabytes, print_json, progress_bar, stdout

if TYPE_CHECKING:
    from rag.knowledge_base import AddProgress, Status
    from rag.retrieval.config import PipelineConfig
    from rag.retrieval.weight_selection import WeightEvidence

_LANGUAGES = 8


def status(
    kb: KnowledgeBasePath,
    remarks: Annotated[
        bool, typer.Option("--remarks", help="List what was not read of each file, or is doubtful.")
    ] = False,
    json: Json = False,
) -> int:
    """Show the contents of a knowledge base and its options."""
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.config import PipelineConfig
    from rag.retrieval.weight_selection import stored_evidence

    with KnowledgeBase.open(kb) as base:
        state, config, sources = base.status(), PipelineConfig.of(base), base.sources() if remarks or json else {}
        weights = stored_evidence(base)
    lines = [(name, line) for name, source in sources.items() for line in source.account.lines]
    lines += [(name, f"not in: {why}") for name, why in state.not_in.items()] if remarks or json else []
    if json:
        told = {"remarks": [{"source": name, "remark": line} for name, line in lines]}
        measured = {"weights": weights and asdict(weights)}
        print_json({**asdict(state), **told, **measured, "pipeline": config.form()})
        return exit_codes.OK
    _show_status(state, config, weights)
    for name, line in lines:
        stdout().print(f"{one_line(name)}: {one_line(line, 200)}", soft_wrap=True)
    return exit_codes.OK


def _show_status(state: Status, config: PipelineConfig, weights: WeightEvidence | None) -> None:
    from rich.table import Table

    from rag.retrieval.pipeline_toml import toml

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    incomplete = f" ({state.incomplete} incomplete: ingest them again)" if state.incomplete else ""
    unused = f", {state.orphans} unused: `purge` drops them" if state.orphans else ""
    rows = {
        "knowledge base": state.path,
        "documents": f"{state.documents} from {state.sources} sources{incomplete}",
        "chunks": f"{state.chunks} ({state.embeddings} embeddings{unused})",
        **({"languages": _languages(state)} if state.languages else {}),
        **{name: one_line(str(value)) for name, value in state.identity.items()},
        "on disk": f"{megabytes(state.disk_bytes)}: "
        + ", ".join(f"{part} {megabytes(n)}" for part, n in state.bytes.items() if n),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    table.add_row("in memory", _memory(state))
    if left := state.account.left_out:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(left.items(), key=lambda pair: -pair[1]))
        table.add_row("words left out", f"{kinds} (of {state.account.held:,})")
    if state.may_miss_documents:
        table.add_row("lost", "a repair could not save every document: ingest your folders again")
    if state.purge_due:
        table.add_row("to delete", "a deletion was cut short, its bytes are on disk still: `purge` clears them")
    if state.not_in:
        table.add_row("not in", f"{len(state.not_in)} files: `rag status {one_line(state.path)} --remarks` lists them")
    if state.hidden:
        shown = ", ".join(one_line(name, 60) for name in state.hidden[:5]) + (", ..." if len(state.hidden) > 5 else "")
        table.add_row("hidden", f"{len(state.hidden)} sources, which no search finds: {shown}")
    if state.remarked:
        table.add_row("remarks", f"on {state.remarked} files: `rag status {one_line(state.path)} --remarks` lists them")
    for row in _of_indexes(state):
        table.add_row("index", row)
    changed = ", ".join(f"{name} = {toml(value)}" for name, value in config.changed().items())
    table.add_row("pipeline", f"{one_line(changed, 1000) or 'the default'}  (rag configure {one_line(state.path)})")
    if weights is not None:
        table.add_row("measured", str(weights))
    stdout().print(table)


def _of_indexes(state: Status) -> Iterator[str]:
    if state.automatic is not None:
        yield state.automatic
    for g in state.generations:
        behind = f", {g.tail} changes since (read from the store)" if g.tail else ""
        yield f"{g.spec}: {megabytes(g.bytes)} in {g.folder}{behind}"


def _memory(state: Status) -> str:
    """Say what opening takes before it is taken, and whether this machine has it."""
    from ..benchmark.process_memory import available

    try:
        free = available()
    except (ImportError, OSError, ValueError):  # not known here
        return f"{megabytes(state.memory)} once it is searched"
    scarce = f", and {megabytes(free)} are free: name a smaller index" if free < state.memory else ""
    return f"{megabytes(state.memory)} once it is searched{scarce}"


def _languages(state: Status) -> str:
    shown = ", ".join(f"{name} {n:,}" for name, n in list(state.languages.items())[:_LANGUAGES])
    return shown + (", ..." if len(state.languages) > _LANGUAGES else "")


def verify(kb: KnowledgeBasePath, json: Json = False) -> int:
    """Check that store and indexes are whole and agree. Exit 1 when they differ, 3 when a file is damaged."""
    from rag.knowledge_base import KnowledgeBase

    with a_line_a_minute():
        report = KnowledgeBase.check(kb)
    if json:
        print_json({"ok": report.ok, **asdict(report)})
    else:
        console = stdout()
        for problem in report.problems:
            console.print(f"- {one_line(str(problem))}", soft_wrap=True)
        for name in report.leftovers:
            console.print(f"- {one_line(name)} is not needed; `rag purge` deletes it", soft_wrap=True)
        console.print(
            f"{report.documents} documents, {report.chunks} chunks: "
            + ("all well" if report.ok else "NOT well; repair with: rag repair " + shown(kb)),
            soft_wrap=True,
        )
    if any(problem.kind == "damaged" for problem in report.problems):
        return exit_codes.STORE_DAMAGED
    return exit_codes.OK if report.ok else exit_codes.FAILED


def repair(kb: KnowledgeBasePath, wait: Wait = 0.0, json: Json = False) -> int:
    """Rebuild damaged indexes from the store. Exit 2 if documents may be lost and have to be ingested again."""
    from rag.knowledge_base import KnowledgeBase

    with a_line_a_minute():
        report = KnowledgeBase.mend(kb, wait=wait)
    if json:
        print_json(asdict(report))
    else:
        for line in report.done or ["nothing to repair"]:
            stdout().print(f"- {one_line(line)}", soft_wrap=True)
    return exit_codes.SOME_FILES_FAILED if report.may_miss_documents else exit_codes.OK


def reindex(
    kb: KnowledgeBasePath,
    index: Annotated[list[str], typer.Option(metavar="SPEC", help="Engine to use from now on; may be repeated.")],
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Change the indexes without embedding anything again. With auto, the index of vectors follows the size."""
    from rag.knowledge_base import KnowledgeBase

    with a_line_a_minute(), KnowledgeBase.open(kb, mode="w", wait=wait) as base:
        base.reindex(index)
        now = list(base.status().indexes)
    _tell({"indexes": now}, f"{shown(kb)} is now searched by: {', '.join(now)}", json=json)
    return exit_codes.OK


def reembed(
    kb: KnowledgeBaseFolder,
    embedder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Embedding model from now on, or two joined by +; default: the old one."),
    ] = None,
    chunker: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Chunker from now on, e.g. tokens:256/32.")
    ] = None,
    analyser: Annotated[
        str | None, typer.Option(metavar="LANGUAGE", help="Language that words are stemmed in from now on.")
    ] = None,
    granularity: Annotated[str | None, typer.Option(metavar="NAME", help="Vectors from now on: as in ingest.")] = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Change the embedding model, chunker or language without reading the files again.

    It is searched as it was until the new one is whole. Killed, it goes on where it was when it is run again.
    """
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.weight_selection import select_weights

    with KnowledgeBase.open(kb) as base:
        expected = base.status().documents
    making = {"chunker": chunker, "analyser": analyser, "granularity": granularity}
    counted = "documents, {task.fields[embedded]} texts embedded"
    with progress_bar(not json, "embedding", "bar", "count", counted, "left:", "left", embedded=0) as bar:

        def update(done: AddProgress) -> None:
            if bar is not None:
                bar(total=expected, completed=done.documents, embedded=done.embedded)

        report = KnowledgeBase.reembed(kb, embedder, **making, wait=wait, on_progress=update)
    if report.chunks:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
            select_weights(base)
        text = f"{kb}: {report.chunks} chunks of {report.added} documents made anew, {report.embedded} embedded"
        text += "; open it again where it is being read, and fit calibrations again (rag calibrate)"
    else:
        text = f"{kb} is made with that already"
    _tell(asdict(report), text, json=json)
    return exit_codes.OK


def remove(
    kb: KnowledgeBasePath,
    source: Annotated[str, typer.Argument(help="A source as `status` and answers name it, or a folder of sources.")],
    purge: Annotated[bool, typer.Option("--purge", help="Clear their bytes from disk as well.")] = False,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Remove a source's documents. `purge` also clears their bytes from disk."""
    from rag.knowledge_base import KnowledgeBase

    with a_line_a_minute(), KnowledgeBase.open(kb, mode="w", wait=wait) as base:
        removed = base.remove(source, purge=purge)
    text = f"{removed} documents removed" if removed else f"nothing in {shown(kb)} comes from {one_line(source)}"
    _tell({"source": source, "removed": removed}, text, json=json)
    return exit_codes.OK if removed else exit_codes.NOTHING_FOUND


def hide(
    kb: KnowledgeBasePath,
    source: Annotated[str, typer.Argument(help="A source as `status` and answers name it, or a folder of sources.")],
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Take a source out of every search without deleting it; `unhide` brings it back."""
    return _hidden(kb, source, wait, to=True, json=json)


def unhide(
    kb: KnowledgeBasePath,
    source: Annotated[str, typer.Argument(help="A hidden source, or a folder of them.")],
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Let searches find a hidden source again."""
    return _hidden(kb, source, wait, to=False, json=json)


def _hidden(kb: str, source: str, wait: float, *, to: bool, json: bool) -> int:
    from rag.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
        count = base.hide(source) if to else base.unhide(source)
    state = "hidden" if to else "searched again"
    text = (
        f"{count} source{'s are' if count != 1 else ' is'} {state}"
        if count
        else f"nothing in {shown(kb)} comes from {one_line(source)}"
    )
    _tell({"source": source, "sources": count, "hidden": to}, text, json=json)
    return exit_codes.OK if count else exit_codes.NOTHING_FOUND


def purge(kb: KnowledgeBasePath, wait: Wait = 0.0, json: Json = False) -> int:
    """Clear every byte of removed documents from disk."""
    from rag.knowledge_base import KnowledgeBase

    with a_line_a_minute(), KnowledgeBase.open(kb, mode="w", wait=wait) as base:
        before = base.status().disk_bytes
        base.purge()
        after = base.status().disk_bytes
    text = f"{shown(kb)}: {megabytes(before)} before, {megabytes(after)} now"
    _tell({"disk_bytes_before": before, "disk_bytes": after}, text, json=json)
    return exit_codes.OK


def _tell(facts: dict[str, object], text: str, *, json: bool) -> None:
    if json:
        print_json(facts)
    else:
        stdout().print(text, soft_wrap=True)
