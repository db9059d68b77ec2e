"""``rag search --explain``: how a question came to its passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exit_codes
from .output import one_line, print_json, stderr, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from rag.explanation import Explanation, Hit
    from rag.searching import Searcher


def show(retriever: Searcher, question: str, *, json: bool) -> int:
    """Explain a question for a person, or as JSON."""
    from rag.explanation import explain

    found = explain(retriever, question)
    if json:
        print_json(found.as_dict())
    else:
        _show(found, stdout())
        for note in found.notes:
            stderr().print(f"note: {one_line(note)}", style="yellow")
    return exit_codes.OK if found.passages else exit_codes.NOTHING_FOUND


def _show(found: Explanation, console: Console) -> None:
    from rich.table import Table

    console.print(f"question  {one_line(found.question)}", soft_wrap=True)
    for step in found.rewriting:
        what = one_line(step.text) if step.changed else "nothing to change"
        console.print(f"{step.name:9} {what}  ({1000 * step.seconds:.1f} ms)", style="dim", soft_wrap=True)
    for query in found.queries:
        console.print(
            f"\nsearched for: {one_line(query.text)}  (weight {query.weight:g})", style="cyan", soft_wrap=True
        )
        for name, mean, deviation in query.background:
            console.print(f"  {name}: background mean {mean:.3f}, deviation {deviation:.3f}", style="dim")
        for chunk, document, reason in query.dropped:
            console.print(f"  left out: chunk {chunk} of {one_line(document, 60)}, {reason}", style="dim")
    console.print(f"\njoined by {one_line(found.fusion)}\n", style="dim", soft_wrap=True)
    names = list(dict.fromkeys(name for passage in found.passages for name, _ in passage.hits))
    table = Table("rank", "passage", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("score", justify="right")
    for passage in found.passages:
        hits = dict(passage.hits)
        spot = f"{_tail(one_line(passage.document))} {passage.start}-{passage.end}"
        said = [_said(hits.get(name)) for name in names]
        table.add_row(str(passage.rank), spot, *said, f"{passage.score:.3f}")
    console.print(table)
    moved = [move for move in found.moves if move.before != move.after]
    if moved:
        console.print("reranked: " + ", ".join(f"{m.before} -> {m.after}" for m in moved[:20]), style="dim")
    for chunk, step_name in found.dropped:
        console.print(f"the context left out chunk {chunk}: {step_name}", style="dim")
    console.print("  ".join(f"{stage} {1000 * taken:.1f} ms" for stage, taken in found.seconds), style="dim")


def _tail(name: str, width: int = 40) -> str:
    """Return the end of a long name: that is where names of files differ."""
    return name if len(name) <= width else f"...{name[-width:]}"


def _said(hit: Hit | None) -> str:
    if hit is None or hit.score is None:
        return "-"
    place = f"#{hit.rank}" if hit.rank else "unlisted"
    adds = "" if hit.adds is None else f" = {hit.adds:+.3f}"
    return f"{place} {hit.score:.3f}{adds}"
