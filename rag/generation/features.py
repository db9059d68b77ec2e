"""What a sentence shows about whether it answers a question: one row of numbers a candidate."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clues import clues, nearness
from .question import FUNCTION_WORDS, Question
from .words import WordReader, Words, positions

_PRONOUN = frozenset("he she it they this these his her its their those such him them that".split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a retrieved passage; offsets are into the passage's text."""

    passage: int
    place: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's words with their weights."""

    question: Question
    words: Words
    stems: frozenset[str]
    weight: Mapping[str, float]
    total: float


def content(words: Words) -> Words:
    keep = [i for i, w in enumerate(words.words) if w.lower() not in FUNCTION_WORDS and words.stems[i]]
    new = {old: i for i, old in enumerate(keep)}
    pairs = [(t, new[a]) for t, a in zip(words.terms, words.at) if a in new]
    return Words(tuple(words.words[i] for i in keep), tuple(words.stems[i] for i in keep), tuple(t for t, _ in pairs), tuple(a for _, a in pairs))


def overlap(asked: Asked, terms: frozenset[str]) -> float:
    return sum(asked.weight[s] for s in asked.stems if s in terms) / asked.total if asked.total else 0.0


def lcs(a: Sequence[str], b: Sequence[str]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def make(question: Question, cands: list[Candidate], reader: WordReader, titles: Sequence[str], score: Sequence[float],
         sim: NDArray[np.float32] | None, background: Mapping[str, float] | None = None, nback: float = 0):
    qw = content(reader.read(question.text))
    read = [reader.read(c.text) for c in cands]
    sets = [frozenset(w.terms) for w in read]
    n = len(cands)
    focus = {s for w in question.focus for s in reader.read(w).terms}
    stems = frozenset(qw.terms)
    weight = {}
    for s in stems:
        df = sum(s in t for t in sets)
        local = math.log(1 + (n - df + 0.5) / (df + 0.5))
        if background is not None:
            g = math.log(1 + (nback + .5) / (background.get(s, 0) + .5))
            weight[s] = g
        else:
            weight[s] = local
    total = sum(weight.values()) or 1.0
    asked = Asked(question, qw, stems, weight, total)
    fweight = {s: w for s, w in weight.items() if s not in focus}
    ftotal = sum(fweight.values()) or 1.0
    bigrams = [(a, b) for a, b in zip(qw.terms, qw.terms[1:])]
    bw = sum(min(weight[a], weight[b]) for a, b in bigrams) or 1.0
    # passages
    ptext = {}
    for i, c in enumerate(cands):
        ptext.setdefault(c.passage, []).append(i)
    pterms = {p: frozenset().union(*(sets[i] for i in ii)) for p, ii in ptext.items()}
    tterms = {p: frozenset(reader.read(titles[p]).terms) for p in ptext}
    nstems = {s for w, s in zip(qw.words, qw.stems) if w[0].isupper()}
    digits = {s for w, s in zip(qw.words, qw.stems) if s and w[0].isdigit()}
    ov = [overlap(asked, t) for t in sets]
    if sim is None:
        cz = np.zeros(n); sim_ = np.zeros(n)
    else:
        sim_ = np.asarray(sim); cz = (sim_ - sim_.mean()) / (sim_.std() + 1e-6)
    low = [w.lower() for w in qw.words]
    rows = []
    for i, c in enumerate(cands):
        w, t = read[i], sets[i]
        pos = positions(w)
        matched = {s: pos[s] for s in stems if s in pos}
        cl = clues(question.kind, w, stems)[:60]
        near = nearness(cl, matched, weight, total)
        inctx = t | tterms[c.passage]
        prev = sets[i - 1] if c.place > 0 else frozenset()
        nxt = sets[i + 1] if i + 1 < n and cands[i + 1].passage == c.passage else frozenset()
        unmatched = [weight[s] for s in stems if s not in t]
        unctx = [weight[s] for s in stems if s not in inctx]
        fov = sum(v for s, v in fweight.items() if s in t) / ftotal
        foc = (sum(s in t for s in focus) / len(focus)) if focus else 0.0
        bset = set(zip(w.terms, w.terms[1:]))
        big = sum(min(weight[a], weight[b]) for a, b in bigrams if (a, b) in bset) / bw
        L = lcs(qw.terms, w.terms) / max(1, len(qw.terms))
        new = sum(1 for s in w.terms if s not in stems)
        span = [p for ps in matched.values() for p in ps]
        compact = len(matched) / (1 + (max(span) - min(span))) if len(span) > 1 else 0.0
        firstw = w.words[0].lower() if w.words else ""
        pron = firstw in _PRONOUN
        ps = pterms[c.passage]
        pov = overlap(asked, ps | tterms[c.passage])
        row = {
            "cos": float(sim_[i]), "cosz": float(cz[i]),
            "overlap": ov[i], "overlap_nofocus": fov, "focus": foc, "overlap_ctx": overlap(asked, inctx),
            "overlap2": ov[i] ** 2,
            "prev": overlap(asked, prev), "next": overlap(asked, nxt),
            "prev_new": overlap(asked, prev - t), "next_new": overlap(asked, nxt - t),
            "pron": pron, "pron_prev": pron * overlap(asked, prev - t),
            "passage": pov, "passage_new": pov - overlap(asked, inctx),
            "maxmiss": max(unmatched, default=0) / total, "maxmissctx": max(unctx, default=0) / total,
            "bigram": big, "lcs": L, "compact": compact,
            "names": (sum(s in inctx for s in nstems) / len(nstems)) if nstems else 0.0,
            "names_miss": (sum(s not in inctx for s in nstems)),
            "digits_miss": (sum(s not in t for s in digits)), "digits": sum(s in t for s in digits),
            "clue": bool(cl), "clue_none": not cl, "clue_n": math.log1p(len(cl)), "near": near,
            "near2": near * near,
            "new": math.log1p(new), "len": math.log1p(len(w.words)), "short": len(w.words) < 5,
            "rank": 1 / (1 + c.passage), "rank0": c.passage == 0, "rank1": c.passage == 1,
            "score": score[c.passage] - score[0],
            "first": c.place == 0, "place": c.place / max(1, len(ptext[c.passage])),
            "isq": c.text.rstrip().endswith("?"),
            "nm": len(matched),
            "nosubj": not any(x[0].isupper() for x in w.words[:1]),
            "has_cap": math.log1p(sum(1 for j, x in enumerate(w.words) if j and x[0].isupper() and w.stems[j] not in stems)),
            "has_num": math.log1p(sum(1 for j, x in enumerate(w.words) if x[0].isdigit() and w.stems[j] not in stems)),
        }
        rows.append(row)
    keys = list(rows[0])
    return keys, np.array([[float(r[k]) for k in keys] for r in rows], dtype=np.float32)
