"""Follow-up questions about one article of SQuAD: nDCG@10 with what was said before.

    python benchmarks/follow_ups.py SQUAD_DIR --kb DIR [--half even|odd]

Questions that name their article have a pronoun in the name's place, after one to three questions on the same article,
the first of which names it ("Who sold it to the city?"). Beside them are clear questions after questions on the same
article, and on another one: these lose nothing if they are left alone. The paragraph that a question was written for is
relevant. ``person`` is the question as SQuAD has it: all that a rewriter can restore.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import squad
from beir import knowledge_base

from rag import Query, Retriever

PERSONS = {"Nikola_Tesla", "Martin_Luther", "Genghis_Khan", "Kublai_Khan"}
POINTING, CLEAR = 8, 4


class FollowUp(NamedTuple):
    kind: str
    text: str
    alone: squad.Item
    talk: list[squad.Item]


def pronoun(article: str, possessive: bool) -> str:
    row = ("he", "his") if article in PERSONS else ("they", "their") if re.search(r"[^s]s$", article) else ("it", "its")
    return row[possessive]


def pattern(article: str) -> re.Pattern[str]:
    name = article.replace("_", " ")
    names = [name, name.split()[-1]] if article in PERSONS else [name]
    return re.compile(rf"\b(?:the )?(?:{'|'.join(map(re.escape, names))})\b('s|’s)?", re.IGNORECASE)


def follow_ups(items: list[squad.Item], half: str) -> Iterator[FollowUp]:
    rng = random.Random(3 + (half == "odd"))
    part = squad.parts([item.article for item in items])
    articles = sorted(name for name in part if (part[name] == "report") == (half == "odd"))
    for article in articles:
        own = [item for item in items if item.article == article]
        find = pattern(article)
        named = [item for item in own if find.search(item.text)]
        rng.shuffle(named)
        for item in named[:POINTING]:
            text = find.sub(lambda match: pronoun(article, bool(match[1])), item.text)  # noqa: B023
            before = [each for each in named if each.paragraph != item.paragraph][:40]
            if before and len(text.split()) > 3:
                talk = [rng.choice(before), *rng.sample(own, rng.randint(0, 2))]
                yield FollowUp("points back", text[0].upper() + text[1:], item, talk)
        other = [item for item in items if item.article == rng.choice([name for name in articles if name != article])]
        for kind, said in (("same article", own), ("other article", other)):
            for item in rng.sample(own, min(CLEAR, len(own))):
                yield FollowUp(kind, item.text, item, rng.sample(said, min(rng.randint(1, 3), len(said))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("squad", type=Path)
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base of v1's paragraphs; made if missing")
    parser.add_argument("--half", choices=["even", "odd"], default="even")
    args = parser.parse_args()
    rows = list(follow_ups(squad.answerable(args.squad / "v1"), args.half))
    with knowledge_base(args.squad / "v1", args.kb) as kb:
        texts = {passage: kb.document(passage).text for passage in {row.talk[-1].paragraph for row in rows}}
        ways = {
            "alone": [row.text for row in rows],
            "conversation": [
                Query(row.text, tuple(i.text for i in row.talk), answer=texts[row.talk[-1].paragraph][:300])
                for row in rows
            ],
            "person": [row.alone.text for row in rows],
        }
        for way, questions in ways.items():
            found = Retriever(kb, rewrite="auto").search_many(questions, 10)
            gains = np.array([ndcg(each.passages, row.alone.paragraph) for each, row in zip(found, rows, strict=True)])
            kinds = {kind: gains[[row.kind == kind for row in rows]] for kind in dict.fromkeys(r.kind for r in rows)}
            shown = ", ".join(f"{kind} {own.mean():.4f} ({len(own)})" for kind, own in kinds.items())
            print(f"{way:13} {gains.mean():.4f}: {shown}", flush=True)


def ndcg(passages, paragraph: str) -> float:
    documents = list(dict.fromkeys(passage.document for passage in passages))
    return float(1 / np.log2(2 + documents.index(paragraph))) if paragraph in documents else 0.0


if __name__ == "__main__":
    main()
