"""``rag search --explain``: an explanation as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rag.errors import on_one_line

from ..plain_text import one_line
from . import exit_codes
from .output import print_json, stderr, stdout

if TYPE_CHECKING:
    from rag.retrieval.explanation import ExplainedPassage, ExplainedQuery, Explanation, Hit

_LISTED = 5
_MOVES = 30


def tables(found: Explanation) -> Group:
    """Return an explanation as what rich prints; text of unknown origin cannot drive the terminal."""
    return Group(*_parts(found))


def _parts(found: Explanation) -> Iterator[RenderableType]:
    yield Text(f"question  {on_one_line(found.question)}")
    for step in found.rewriting:
        what = on_one_line(step.text) if step.changed else "nothing to change"
        yield Text(f"{step.name:9} {what}  ({1000 * step.seconds:.1f} ms)", style="dim")
    for number, query in enumerate(found.queries, 1):
        yield from _query(query, f" {number}" if len(found.queries) > 1 else "")
    yield Text(f"\njoined by {found.fusion}", style="dim")
    if len(found.queries) > 1:
        yield Text("queries joined by weight / (60 + rank in the query's result)", style="dim")
    yield Text("")
    yield _passages(found)
    last = max((passage.rank for passage in found.passages), default=0)
    moved = [move for move in found.moves if move.before != move.after and min(move.before, move.after) <= last]
    if moved:
        said = [f"{m.before} -> {m.after}{' (out)' if m.after > last else ''}" for m in moved[:_MOVES]]
        more = f", {len(moved) - _MOVES} more" if len(moved) > _MOVES else ""
        yield Text(f"reranked: {', '.join(said)}{more}", style="dim")
    for chunk, document, why in found.dropped:
        yield Text(f"the context left out chunk {chunk} of {_tail(document)}: {why}", style="dim")
    yield Text("  ".join(f"{stage} {1000 * taken:.1f} ms" for stage, taken in found.seconds), style="dim")


def _query(query: ExplainedQuery, number: str) -> Iterator[RenderableType]:
    yield Text(f"\nsearched for{number}: {on_one_line(query.text)}  (weight {query.weight:g})", style="cyan")
    if query.terms:
        yield Text(f"  terms: {on_one_line(', '.join(query.terms))}", style="dim")
    if query.leaning:
        yield Text(f"  {query.leaning}", style="dim")
    for name, mean, deviation in query.background:
        yield Text(f"  {name}: background mean {mean:.3f}, deviation {deviation:.3f}", style="dim")
    listed = Table("", *(name for name, _ in query.hits), box=None, pad_edge=False, style="dim")
    for at in range(max((len(hits) for _, hits in query.hits), default=0)):
        if at < _LISTED:
            listed.add_row(f"  #{at + 1}", *(_listed(hits[at]) if at < len(hits) else "" for _, hits in query.hits))
    yield listed
    for chunk, document, reason in query.dropped:
        yield Text(f"  left out: chunk {chunk} of {_tail(document)}, {reason}", style="dim")


def _passages(found: Explanation) -> Table:
    several = len(found.queries) > 1
    searches = [] if several else [name for name, _ in found.queries[0].hits]
    rerankers = list(dict.fromkeys(name for passage in found.passages for name, _ in passage.reranked))
    table = Table("rank", "passage", box=None, pad_edge=False)
    queries = [f"query {number}" for number in range(1, len(found.queries) + 1)] if several else []
    for name in (*queries, *searches, *(["fused"] if rerankers else []), *rerankers, *([] if rerankers else ["score"])):
        table.add_column(name, justify="right")
    for passage in found.passages:
        table.add_row(str(passage.rank), Text(_spot(passage)), *_arithmetic(passage, len(queries), searches, rerankers))
    return table


def _arithmetic(passage: ExplainedPassage, queries: int, searches: list[str], rerankers: list[str]) -> Iterator[str]:
    own = {number: f"#{rank} = {_number(adds, '+')}" for number, rank, adds in passage.queries}
    yield from (own.get(number, "-") for number in range(1, queries + 1))
    hits = dict(passage.hits)
    yield from (_said(hits.get(name)) for name in searches)
    if not rerankers:
        yield _number(passage.score)
        return
    fused = passage.joined if queries else passage.fused
    yield "-" if fused is None else _number(fused)
    scores = dict(passage.reranked)
    yield from (_number(scores[name]) if name in scores else "-" for name in rerankers)


def _number(score: float, sign: str = "") -> str:
    """Return a score to 5 decimals, which are all that weighted sums have; to 8 where it has more."""
    return f"{score:{sign}.5f}" if score == round(score, 5) else f"{score:{sign}.8f}"


def _listed(hit: Hit) -> Text:
    score = "" if hit.score is None else f"{hit.score:.3f} "
    return Text(f"{score}{_tail(hit.document, 24)}", overflow="ellipsis", no_wrap=True)


def _spot(passage: ExplainedPassage) -> str:
    return f"{_tail(passage.document, 24)} {passage.start}-{passage.end}"


def _tail(name: str, width: int = 40) -> str:
    """Return the end of a long name: that is where names of files differ."""
    line = on_one_line(name)
    return line if len(line) <= width else f"...{line[-width:]}"


def _said(hit: Hit | None) -> str:
    if hit is None or hit.score is None:
        return "-"
    place = f"#{hit.rank}" if hit.rank else "unlisted"
    adds = "" if hit.adds is None else f" = {_number(hit.adds, '+')}"
    return f"{place} {hit.score:.3f}{adds}"


def show(found: Explanation, *, json: bool) -> int:
    """Print an explanation for a person, or as JSON."""
    if json:
        print_json(found.as_dict())
    else:
        stdout().print(tables(found), soft_wrap=True)
        for note in found.notes:
            stderr().print(f"note: {one_line(note)}", style="yellow")
    return exit_codes.OK if found.passages else exit_codes.NOTHING_FOUND
