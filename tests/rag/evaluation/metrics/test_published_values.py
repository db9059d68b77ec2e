"""The values that the field's tools publish in their own tests; only numbers are taken over.

ir-measures (github.com/terrierteam/ir_measures, test/, MIT), ranx (github.com/AmenRa/ranx, tests/unit/ranx, MIT) and
pytrec_eval (github.com/cvangysel/pytrec_eval, tests/, MIT).
"""

from __future__ import annotations

from math import log2

import pytest

from rag.errors import InvalidInput
from rag.evaluation.aggregate import Score
from rag.evaluation.metrics.ranking import measure, per_question
from rag.evaluation.metrics.registry import total


def judged(table: dict[str, str]) -> dict[str, dict[str, int]]:
    """Read ``D0:1 D3:2`` by question."""
    return {q: {d: int(g) for d, g in (each.split(":") for each in line.split())} for q, line in table.items()}


RUN = {
    "0": {"D0": 0.8, "D2": 0.7, "D1": 0.3, "D3": 0.4, "D4": 0.1},
    "1": {"D1": 0.8, "D3": 0.7, "D4": 0.3, "D2": 0.4},
}
COUNTED = judged({"0": "D0:0 D1:1 D2:1 D3:2 D4:0", "1": "D0:1 D3:2 D5:2"})
SECOND = {**RUN, "1": {"D1": 0.8, "D4": 0.7, "D3": 0.3, "D2": 0.4}}
SETS = judged({"0": "D0:0 D1:1 D2:2 D3:2 D4:0", "1": "D0:1 D3:2 D5:0"})
PRECISE = judged({"0": "D0:1 D1:1 D2:2 D3:2 D4:0", "1": "D0:1 D3:2 D5:0"})
INFERRED = judged({"0": "D0:1 D1:-1 D2:0 D3:2 D4:0", "1": "D0:1 D3:2 D4:-1 D5:0"})
REL = judged({"0": "D0:0 D1:1 D2:1 D3:2 D4:0", "1": "D0:1 D3:2 D5:0"})

# test_pytrec_eval.py, test_gdeval.py, test_judged.py: measure, judgments, run, values by question, over all.
IR_MEASURES = [
    ("NumRet", COUNTED, RUN, (5, 4), 9),
    ("NumRet(rel=1)", COUNTED, RUN, (3, 1), 4),
    ("NumRet(rel=2)", COUNTED, RUN, (1, 1), 2),
    ("NumRet(rel=3)", COUNTED, RUN, (0, 0), 0),
    ("NumQ", COUNTED, RUN, (1, 1), 2),
    ("NumRel", REL, RUN, (3, 2), 5),
    ("Success@2", SETS, SECOND, (1, 0), 0.5),
    ("Success(rel=2)@2", SETS, SECOND, (1, 0), 0.5),
    ("Success(rel=3)@2", SETS, SECOND, (0, 0), 0),
    ("SetP(rel=1)", SETS, SECOND, (0.6, 0.25), 0.425),
    ("SetP(rel=2)", SETS, SECOND, (0.4, 0.25), 0.325),
    ("SetP(rel=3)", SETS, SECOND, (0, 0), 0),
    ("SetR(rel=1)", SETS, SECOND, (1.0, 0.5), 0.75),
    ("SetR(rel=2)", SETS, SECOND, (1.0, 1.0), 1.0),
    ("SetR(rel=3)", SETS, SECOND, (0, 0), 0),
    ("IPrec@0.25", PRECISE, SECOND, (1.0, 0.25), 0.625),
    ("IPrec@0.5", PRECISE, SECOND, (1.0, 0.25), 0.625),
    ("IPrec@0.75", PRECISE, SECOND, (1.0, 0), 0.5),
    ("IPrec(rel=2)@0.1", PRECISE, SECOND, (0.6666666, 0.25), 0.4583),
    ("IPrec(rel=2)@0.25", PRECISE, SECOND, (0.6666666, 0.25), 0.4583),
    ("IPrec(rel=2)@0.5", PRECISE, SECOND, (0.6666666, 0.25), 0.4583),
    ("IPrec(rel=2)@0.75", PRECISE, SECOND, (0.6666666, 0.25), 0.4583),
    ("AP", INFERRED, SECOND, (0.8333, 0.125), 0.479167),
    ("infAP", INFERRED, SECOND, (0.8333, 0.1875), 0.510416),
    ("AP(rel=2)", INFERRED, SECOND, (0.33333, 0.25), 0.2917),
    ("infAP(rel=2)", INFERRED, SECOND, (0.33333, 0.375), 0.3542),
    ("nDCG(dcg='exp-log2')@20", COUNTED, RUN, (0.6201, 0.35099), 0.485545),
    ("nDCG(dcg='exp-log2')@2", COUNTED, RUN, (0.17377, 0.38685), 0.28031),
    ("ERR@20", COUNTED, RUN, (0.10175, 0.09375), 0.09775),
    ("ERR@2", COUNTED, RUN, (0.03125, 0.09375), 0.0625),
    ("Judged@1000", COUNTED, RUN, (1.0, 1 / 4), 0.625),
    ("Judged@10", COUNTED, RUN, (1.0, 1 / 4), 0.625),
    ("Judged@3", COUNTED, RUN, (1.0, 1 / 3), 2 / 3),
    ("Judged@1", COUNTED, RUN, (1.0, 0.0), 0.5),
]


@pytest.mark.parametrize(
    ("name", "qrels", "run", "values", "over_all"), IR_MEASURES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_ir_measures(name, qrels, run, values, over_all):
    own = per_question([name], qrels, run)[name]
    assert list(own.values()) == pytest.approx(list(values), abs=5e-5)
    assert total(name, [Score(value) for value in own.values()]).value == pytest.approx(over_all, abs=5e-5)


def test_ir_measures_mean_over_questions():
    """test_aggregate.py."""
    run = {**RUN, "1": {**RUN["1"], "D0": 0.1}}
    own = per_question(["P@5"], COUNTED, run)["P@5"]
    assert total("P@5", [Score(value) for value in own.values()]).value == 0.5


# Of these all but AP, P, RBP and RR need cwl-eval, of the extra dev.
# test_cwl_eval.py with its cwl.qrels and cwl.run: ten documents in order, and what of them is judged.
CWL_QRELS = judged(
    {
        "T1": "D1:1 D2:0 D3:1 D4:1 D7:1 D8:0 D9:1 D10:0",
        "T2": "D1:1 D2:1 D5:1 D6:0 D7:1 D8:1 D9:1 D10:0",
        "T3": "D4:0 D5:0 D6:1 D7:1 D8:1 D9:0 D10:1",
    }
)
CWL_RUN = {q: {f"D{at}": float(-at) for at in range(1, 11)} for q in CWL_QRELS}
CWL = [
    ("AP", (0.7087, 0.7438, 0.3068)),
    ("P@1", (1.0, 1.0, 0.0)),
    ("P@10", (0.5, 0.6, 0.4)),
    ("P@20", (0.25, 0.3, 0.2)),
    ("P@5", (0.6, 0.6, 0.0)),
    ("RBP(p=0.9, rel=1)", (0.3501, 0.3996, 0.1988)),
    ("RR", (1.0, 1.0, 0.1667)),
    ("BPM(T=1.0, max_rel=1)@20", (1.0, 1.0, 0.1667)),
    ("BPM(T=2.0, max_rel=1)@10", (0.6667, 1.0, 0.2857)),
    ("INSQ(T=1.0, max_rel=1)", (0.5872, 0.6629, 0.0880)),
    ("INSQ(T=2.0, max_rel=1)", (0.4513, 0.5068, 0.1292)),
    ("INST(T=1.0, max_rel=1)", (0.7934, 0.9226, 0.0888)),
    ("INST(T=2.0, max_rel=1)", (0.5994, 0.6924, 0.1397)),
    ("SDCG(max_rel=1)@10", (0.5645, 0.6531, 0.2848)),
    ("NERR8(max_rel=1)@10", (1.0, 1.0, 0.1667)),
    ("NERR9(max_rel=1)@10", (1.0, 1.0, 0.0680)),
    ("NERR10(p=0.8, max_rel=1)", (1.0, 1.0, 0.0888)),
    ("NERR11(T=2.0, max_rel=1)", (1.0, 1.0, 0.0691)),
]


@pytest.mark.parametrize(("name", "values"), CWL, ids=[name for name, _ in CWL])
def test_cwl(name, values):
    try:
        measure(name)
    except InvalidInput:  # of a measure of cwl-eval's
        pytest.skip("cwl-eval, which computes it, is not installed")
    assert list(per_question([name], CWL_QRELS, CWL_RUN)[name].values()) == pytest.approx(list(values), abs=1e-4)


def order(*names: object) -> dict[str, float]:
    return {str(name): float(-at) for at, name in enumerate(names)}


def same(name: str, gold: dict[str, int], ranked: dict[str, float]) -> float:
    return per_question([name], {"q": gold}, {"q": ranked})[name]["q"]


# metrics_test.py and metrics/rank_biased_precision_test.py of ranx
SEVEN = order(2, 4, 3, 1, 5, 6, 7)
GRADED = {"2": 5, "4": 4, "5": 3, "10": 2}
FIRST, OTHER, NOTHING = order(1, 2, 3, 4, 5), order(10, 5, 2, 4, 3), order(1, 3, 6, 7, 8)
IDEAL = 5 / log2(2) + 4 / log2(3) + 3 / log2(4) + 2 / log2(5)
BURGES = 31 / log2(2) + 15 / log2(3) + 7 / log2(4) + 3 / log2(5)
TWENTY = order(*(f"d{at}" for at in range(1, 21)))
SPARSE = {f"d{at}": 1 for at in (1, 2, 6, 11, 17)}
RANX = [
    ("Success@5", {"9": 1, "6": 1, "8": 1}, order(1, 2, 3, 4, 5, 7), 0),
    ("Success@5", {"1": 1, "2": 1, "4": 1}, order(1, 2, 4, 3, 5, 7), 1),
    ("RR", {"3": 1}, order(2, 3, 1, 4, 5), 0.5),
    ("RR", {"3": 1}, order(2, 1, 4, 5), 0),
    ("RR", {"1": 1}, order(1, 2, 3, 4, 5), 1),
    ("Rprec", {"1": 1, "2": 1, "3": 1}, SEVEN, 2 / 3),
    ("Rprec", {"1": 1, "2": 1}, SEVEN, 1 / 2),
    ("R@2", {"1": 1, "2": 1, "3": 1}, SEVEN, 1 / 3),
    ("R@2", {"1": 1, "2": 1}, SEVEN, 1 / 2),
    ("nDCG@10", GRADED, FIRST, (5 / log2(3) + 4 / log2(5) + 3 / log2(6)) / IDEAL),
    ("nDCG@10", GRADED, OTHER, (2 / log2(2) + 3 / log2(3) + 5 / log2(4) + 4 / log2(5)) / IDEAL),
    ("nDCG@10", GRADED, NOTHING, 0),
    ("nDCG(dcg='exp-log2')@10", GRADED, FIRST, (31 / log2(3) + 15 / log2(5) + 7 / log2(6)) / BURGES),
    ("nDCG(dcg='exp-log2')@10", GRADED, OTHER, (3 / log2(2) + 7 / log2(3) + 31 / log2(4) + 15 / log2(5)) / BURGES),
    ("nDCG(dcg='exp-log2')@10", GRADED, NOTHING, 0),
    ("RBP(p=0.5)", SPARSE, TWENTY, 0.7661),
    ("RBP(p=0.8)", SPARSE, TWENTY, 0.4526),
    ("RBP(p=0.95)", SPARSE, TWENTY, 0.1881),
]


@pytest.mark.parametrize(("name", "gold", "ranked", "value"), RANX)
def test_ranx(name, gold, ranked, value):
    assert same(name, gold, ranked) == pytest.approx(value, abs=5e-5)


# metrics/bpref_test.py of ranx
BPREF = [
    ("d2:1 d5:1 d1:0 d4:0", "d1 d2 d3 d4", (1 - 1 / 2) / 2),
    ("d2:1 d5:1 d1:0 d6:0", "d1 d2 d3 d4 d5 d6", ((1 - 1 / 2) + (1 - 1 / 2)) / 2),
    ("d2:1 d5:1 d7:1 d1:0 d6:0 d8:0", "d1 d2 d3 d4 d5 d6 d7 d8", ((1 - 1 / 3) * 2 + (1 - 2 / 3)) / 3),
    ("d2:1 d4:1 d6:1 d9:1 d1:0 d3:0 d7:0 d8:0", "d1 d2 d3 d4 d6 d7 d8", ((1 - 1 / 4) + (1 - 2 / 4) * 2) / 4),
]


@pytest.mark.parametrize(("gold", "ranked", "value"), BPREF)
def test_bpref_of_ranx(gold, ranked, value):
    assert same("Bpref", judged({"q": gold})["q"], order(*ranked.split())) == pytest.approx(value)


# pytrec_eval_tests.py
ONE = {"d1": 0, "d2": 1, "d3": 0}
PYTREC_EVAL = [
    ("nDCG", {"d1": 1.0, "d2": 0.0, "d3": 1.5}, 0.5),
    ("nDCG", {"d1": 1.0, "d2": 2.0, "d3": 1.5}, 1.0),
    ("nDCG", {"d1": 4.0, "d2": 2.0, "d3": 1.5}, 0.6309297535714575),
    ("nDCG@3", {"d1": 1.0, "d2": 0.0, "d3": 1.5}, 0.5),
    ("nDCG@2", {"d1": 1.0, "d2": 0.0, "d3": 1.5}, 0.0),
    ("nDCG@1", {"d1": 1.0, "d2": 0.0, "d3": 1.5}, 0.0),
    ("nDCG@1000", {"d1": 1.0, "d2": 0.0, "d3": 1.5}, 0.5),
    ("nDCG@1", {"d1": 1.0, "d2": 2.0, "d3": 1.5}, 1.0),
]


@pytest.mark.parametrize(("name", "ranked", "value"), PYTREC_EVAL)
def test_pytrec_eval(name, ranked, value):
    assert same(name, ONE, ranked) == pytest.approx(value)
