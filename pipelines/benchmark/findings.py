"""Findings from rows of results, in words: the fastest and the smallest index at a recall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import indexes
from indexes.registry import engine

from .results import Row

LEVELS = (0.9, 0.95, 0.99)


def fastest(rows: Iterable[Row], recall: float) -> Row | None:
    """Return the row with the most queries per second among those that reach a recall."""
    able = (row for row in real(rows) if row["recall"] >= recall)
    return max(able, key=lambda row: float(row["qps"]), default=None)


def smallest(rows: Iterable[Row], recall: float) -> Row | None:
    """Return the row with the least memory among those that reach a recall; the faster one of equals."""
    able = (row for row in real(rows) if row["recall"] >= recall)
    return min(able, key=lambda row: (row["memory_bytes"], -row["qps"]), default=None)


def real(rows: Iterable[Row]) -> list[Row]:
    """Return the rows whose figures are those of their configuration (not, for example, of an untrained index)."""
    return [row for row in rows if not row["note"]]


def lead(rows: Sequence[Row]) -> str:
    """Return the main finding in a sentence."""
    if not rows:
        return "Nothing could be measured; the errors are listed below."
    k = rows[0]["k"]
    for level in reversed(LEVELS[:2]):
        quick, small = fastest(rows, level), smallest(rows, level)
        if quick is None or small is None:
            continue
        text = f"At recall@{k} of {level:g} or more, {quick['spec']} is the fastest ({quick['qps']:,.0f} queries/s"
        if small["spec"] == quick["spec"]:
            return f"{text}) and the smallest ({_mb(small)})."
        return f"{text}, {_mb(quick)}) and {small['spec']} the smallest ({_mb(small)}, {small['qps']:,.0f} queries/s)."
    best = max(rows, key=lambda row: float(row["recall"]))
    return (
        f"No configuration reaches recall@{k} of {LEVELS[0]:g}; the best is {best['spec']} with {best['recall']:.3f}."
    )


def mixed(rows: Iterable[Row]) -> list[str]:
    """Return notes on what differs between rows that were measured in several runs: machines, versions."""
    rows = list(rows)
    machines = {(row["machine"]["cpu"], row["machine"]["cores"]) for row in rows}
    notes = ["made on different machines: compare recall and memory, not speed"] if len(machines) > 1 else []
    changed = []
    for name in sorted({name for row in rows for name in row["versions"]}):
        found = dict.fromkeys(row["versions"].get(name, "none") for row in rows)
        changed += [f"{name} {' and '.join(found)}"] if len(found) > 1 else []
    return notes + ([f"made with different versions: {', '.join(changed)}"] if changed else [])


def described(row: Row) -> str:
    """Return a row in a few lines, as tooltips show it."""
    return (
        f"{row['spec']}\nrecall {row['recall']:.4f}, {row['qps']:,.0f} queries/s\n"
        f"p50 {row['p50_ms']:.3f} ms, p99 {row['p99_ms']:.3f} ms\n{_mb(row)}, built in {row['build_s']:.2f} s"
    )


def spread(row: Row) -> str:
    """Return half of the range of a row's queries/s over the rounds, in per cent; "-" for one round."""
    return f"±{50 * row['qps_spread']:.0f} %" if row["rounds"] > 1 else "-"


def engines(rows: Iterable[Row]) -> list[str]:
    """Return the engines in alphabetical order."""
    return sorted({str(row["engine"]) for row in rows})


def colour_numbers(names: Iterable[str]) -> dict[str, int]:
    """Return a colour number for each engine, the same in every report: its place in the registry."""
    known = [name for name, row in indexes.engines.items() if row.family == "dense"]
    return {name: known.index(name) if name in known else len(known) for name in names}


def line_colours(rows: Sequence[Row]) -> list[int]:
    """Return a colour number for each row's line: its engine's, unless several are of one engine."""
    names = [str(row.get("engine", "")) for row in rows]
    if len(set(names)) < len(names):
        return list(range(len(names)))
    return list(colour_numbers(names).values())


def builds(rows: Iterable[Row]) -> list[Row]:
    """Return the first row of each build."""
    kept: dict[str, Row] = {}
    for row in rows:
        kept.setdefault(f"{row['engine']} {sorted(row['build'].items(), key=str)}", row)
    return list(kept.values())


def build_spec(row: Row) -> str:
    """Return the spec of a row's build, without search parameters."""
    cls = engine(row["engine"]) if row["engine"] in indexes.engines else None
    if cls is None:
        return str(row["spec"])
    return str(indexes.Spec(row["engine"], cls.Build(**row["build"]), cls.Search()))


def _mb(row: Row) -> str:
    return f"{row['memory_bytes'] / 1e6:,.1f} MB"
