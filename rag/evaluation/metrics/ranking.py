"""Ranking metrics by name (``nDCG@10``), named as in ir-measures and computed as in trec_eval.

Names are ir-measures' (``nDCG@10``, ``AP`` or ``MAP``, ``RR`` or ``MRR``, ``P@5``, ``R@10``, ``Bpref``, ``RBP(p=0.8)``,
``ERR@10``, ``Judged@10`` ...), in any case; https://ir-measur.es lists them. Two things are as in trec_eval, whatever
computes a measure: scores are compared as float32, and equal ones are ordered by descending item id. A question that is
missing in the run counts 0; one that has no judgments is left out. NumQ, NumRel, NumRet and NumRelRet are summed over
questions, all others averaged.
"""

from __future__ import annotations

import difflib
import math
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...errors import InvalidInput
from ..trec import Qrels, Run
from .judged_ranks import JudgedRanks, judged_ranks
from .ranking_formulas import formula_for

_NAME = re.compile(r"^\s*([A-Za-z][\w]*)")


@lru_cache(maxsize=512)
def measure(name: str) -> Any:  # noqa: ANN401 - ir-measures has no types
    """Return ir-measures' measure of a name.

    Raises
    ------
    InvalidInput
        There is no such measure, with the nearest name; or a parameter of it is wrong.
    """
    import ir_measures

    head = _NAME.match(name)
    known = {each.lower(): each for each in ir_measures.measures.registry if each.isascii()}
    if head is None or head[1].lower() not in known:
        near = difflib.get_close_matches(name.split("@", maxsplit=1)[0].lower(), known, 1, 0.5)
        hint = f"; did you mean {known[near[0]]}?" if near else "; names are like nDCG@10, P@5, R@10, RR, AP"
        raise InvalidInput(f"there is no ranking metric {name!r}{hint}")
    proper = known[head[1].lower()] + name[head.end() :].rstrip()
    if _needs_cutoff(ir_measures.measures.registry[known[head[1].lower()]]) and "@" not in name:
        raise InvalidInput(f"{name!r} needs a cutoff, such as {name}@10")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its parser uses names that newer Pythons call old
            found = ir_measures.parse_measure(proper)
            found.validate_params()
    except (ValueError, NameError, AssertionError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"the ranking metric {name!r} cannot be read: {error}") from error
    cutoff = found.params.get("cutoff")
    if cutoff is not None and (not isinstance(cutoff, int) or cutoff < 1):
        raise InvalidInput(f"the cutoff of {name!r} must be a whole number, 1 or more")
    if formula_for(found.NAME, dict(found.params)) is None and not ir_measures.DefaultPipeline.supports(found):
        raise InvalidInput(f"no installed package computes {name!r}; see https://ir-measur.es for those that do")
    if formula_for(found.NAME, dict(found.params)) is None:
        _try(name, found)
    return found


def _try(name: str, found: Any) -> None:  # noqa: ANN401
    """Refuse a measure that its package cannot compute, before a question is asked."""
    try:
        _by_providers({name: found}, {"q é": {"d 1": 1, "d2": 0}}, {"q é": {"d 1": 1.0, "d2": 0.5}})
    except Exception as error:  # whatever a provider raises
        raise InvalidInput(f"{name!r} cannot be computed here: {type(error).__name__}: {error}") from error


def is_sum(name: str) -> bool:
    """Tell whether a measure counts over all questions, as NumRet does, and is not a mean."""
    import ir_measures

    return isinstance(measure(name).aggregator(), ir_measures.SumAgg)


def _needs_cutoff(found: Any) -> bool:  # noqa: ANN401
    spec = found.SUPPORTED_PARAMS.get("cutoff")
    return spec is not None and bool(spec.required)


def is_ranking_metric(name: str) -> bool:
    """Tell whether a name is a ranking metric's."""
    try:
        measure(name)
    except InvalidInput:
        return False
    return True


def check_grades(names: Sequence[str], highest: int) -> None:
    """Refuse metrics that are not defined for judgments as high as some are.

    Raises
    ------
    InvalidInput
        Names the metric.
    """
    one = judged_ranks({"q": {"d": highest}}, {"q": {"d": 1.0}})
    for name in names:
        found = measure(name)
        formula = formula_for(found.NAME, dict(found.params))
        if formula is not None:
            formula(one)


def depth(name: str) -> int | None:
    """Return how many places of a run a metric looks at; None: all."""
    cutoff = measure(name).params.get("cutoff")
    return None if cutoff is None else int(cutoff)


def per_question(
    metrics: Sequence[str], qrels: Qrels, run: Run, *, ranks: JudgedRanks | None = None
) -> dict[str, dict[str, float]]:
    """Return the value of each metric for each question that is judged.

    Parameters
    ----------
    metrics
        Names; they are the keys of the result as they are written.
    qrels
        Grade by item by question.
    run
        Score by item by question; higher is better.
    ranks
        ``judged_ranks(qrels, run)`` if it is at hand, which saves most of the time.

    Returns
    -------
    dict
        metric -> question id -> value; higher is better.

    Raises
    ------
    InvalidInput
        A name that does not exist, or a score that is NaN.
    """
    parsed = {name: measure(name) for name in metrics}
    formulas = {name: formula_for(m.NAME, dict(m.params)) for name, m in parsed.items()}
    ranks = judged_ranks(qrels, run) if ranks is None else ranks
    rest = {name: m for name, m in parsed.items() if formulas[name] is None}
    values = _by_providers(rest, qrels, run)
    for name, formula in formulas.items():
        if formula is not None:
            values[name] = dict(zip(ranks.questions, formula(ranks).tolist(), strict=True))
    return {name: values[name] for name in parsed}


def _by_providers(wanted: dict[str, Any], qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    if not wanted:
        return {}
    import ir_measures

    values = {name: dict.fromkeys(qrels, float(m.DEFAULT)) for name, m in wanted.items()}
    names: dict[Any, list[str]] = {}
    for name, m in wanted.items():
        names.setdefault(m, []).append(name)
    asked = {question: in_trec_order(run[question]) for question in qrels if run.get(question)}
    for floor in (-1, 0):
        some = [m for m in names if (m.NAME == "nDCG") == (floor == 0)]
        for found in ir_measures.iter_calc(some, _floored(qrels, floor), asked) if some else ():
            for name in names[found.measure]:
                values[name][found.query_id] = float(found.value)
    return values


def _floored(qrels: Qrels, floor: int) -> Qrels:
    """Raise grades below ``floor`` to it.

    pytrec_eval 0.5.11 crashes the process on grades below -1, and never ends on negative ones in nDCG. At -1 trec_eval
    takes an item for not judged, and a gain below 0 for 0, so nothing is lost.
    """
    if all(grade >= floor for own in qrels.values() for grade in own.values()):
        return qrels
    return {q: {item: max(grade, floor) for item, grade in own.items()} for q, own in qrels.items()}


def in_trec_order(items: dict[str, float]) -> dict[str, float]:
    """Give items scores that descend strictly in trec_eval's order, so that no provider breaks ties otherwise."""
    single = {item: float(np.float32(score)) for item, score in items.items()}
    if any(math.isnan(score) for score in single.values()):
        raise InvalidInput("the run holds a score that is NaN")
    order = sorted(sorted(single, reverse=True), key=single.__getitem__, reverse=True)
    return {item: float(len(order) - rank) for rank, item in enumerate(order)}
