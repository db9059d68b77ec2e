"""Follow-up questions and misspelt words in six languages, and in languages that have no table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.rewriting.condensing import Condenser, topic_words
from rag.rewriting.corpus import Corpus
from rag.rewriting.dependence import need, spoken
from rag.rewriting.protocol import QueryDraft
from rag.rewriting.spelling import SpellingCorrector
from rag.testing import HashingEmbedder

TALKS = {
    "de": (
        "Was ist eine Wassermühle?",
        ["Wer hat sie erfunden?", "Und in Holland?", "Welche Teile gehören dazu?", "Warum?", "Wo steht er?"],
        ["Wer gründete das Museum für Uhren in Furtwangen?", "Gibt es eine Brücke zwischen Konstanz und Meersburg?"],
    ),
    "es": (
        "¿Qué es un molino de agua?",
        ["¿Quién lo inventó?", "¿Y en Holanda?", "¿Cuáles son sus partes?", "¿Por qué?", "¿Cuándo se usó?"],
        ["¿Quién fundó el museo de relojes de Sevilla?", "¿Hay un puente entre Ayamonte y Castro Marim?"],
    ),
    "fr": (
        "Qu'est-ce qu'un moulin à eau ?",
        ["Qui l'a inventé ?", "Et en Hollande ?", "Quelles sont ses parties ?", "Pourquoi ?", "Où se trouve-t-il ?"],
        ["Qui a fondé le musée des horloges de Besançon ?", "Y a-t-il un pont entre Royan et Soulac-sur-Mer ?"],
    ),
    "zh": (
        "什么是水磨？",
        ["它是谁发明的？", "那荷兰呢？", "这种机器有哪些部分？", "为什么？"],
        ["谁建立了北京的钟表博物馆？", "上海和南京之间有铁路桥吗？"],
    ),
    "ja": (
        "水車とは何ですか？",
        ["それは誰が発明しましたか？", "では、オランダは？", "その部品は何ですか？", "なぜですか？"],
        ["京都の時計博物館を建てたのは誰ですか？", "大阪と神戸の間に鉄道橋はありますか？"],
    ),
}
CASES = [
    (code, first, text, lacks)
    for code, (first, lacking, whole) in TALKS.items()
    for lacks, texts in (("topic", lacking), ("nothing", whole))
    for text in texts
]


@pytest.mark.parametrize(("code", "first", "text", "lacks"), CASES)
def test_follow_ups(code: str, first: str, text: str, lacks: str) -> None:
    assert spoken(text, [first]) == code
    topic = topic_words(text, [first], 4, code)
    assert topic
    assert need(text, topic, None, code) == lacks


@pytest.mark.parametrize(
    ("history", "text", "added"),
    [
        ("Was ist eine Wassermühle?", "Wer hat sie erfunden?", "(Wassermühle)"),
        ("¿Qué es un molino de agua?", "¿Quién lo inventó?", "(molino agua)"),
        ("Qu'est-ce qu'un moulin à eau ?", "Qui l'a inventé ?", "(moulin eau)"),
        ("什么是水磨？", "它是谁发明的？", "(水磨)"),
        ("水車とは何ですか？", "それは誰が発明しましたか？", "(水車)"),
    ],
)
def test_the_topic_is_put_behind(history: str, text: str, added: str) -> None:
    assert Condenser().rewrite(QueryDraft(text, text, (history,)), None).text == f"{text} {added}"


@pytest.mark.parametrize(
    ("history", "text"),
    [
        # "so", "also", "no", "that" and "is" open or point in English; here they are other words, or none.
        ("Su değirmeni nedir ve ne zaman icat edildi?", "Furtwangen şehrindeki saat müzesini so kim kurdu acaba?"),
        ("Что такое водяная мельница?", "Кто основал музей часов в городе Фуртванген?"),
        ("ما هي الطاحونة المائية؟", "من أسس متحف الساعات في مدينة القاهرة القديمة؟"),
        ("Wat is een watermolen en hoe werkt dat?", "Also wie heeft het klokkenmuseum in Schoonhoven opgericht?"),
    ],
)
def test_whole_questions_of_other_languages_are_left_alone(history: str, text: str) -> None:
    assert Condenser().rewrite(QueryDraft(text, text, (history,)), None).text == text


DOCUMENTS = {
    "en": "The water mill of Holm grinds wheat and barley for the bakery next to the bridge of the old town.",
    "de": "Die Wassermühle von Holm mahlt Weizen und Gerste für die Bäckerei neben der Brücke der alten Stadt.",
    "es": "El molino de agua de Holm muele trigo y cebada para la panadería junto al puente de la ciudad vieja.",
    "fr": "Le moulin à eau de Holm moud du blé et de l'orge pour la boulangerie près du pont de la vieille ville.",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    place = tmp_path_factory.mktemp("languages") / "kb"
    analyser = "english+german+spanish+french"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document", analyser=analyser) as made:
        made.add(Document.from_text(text, id=name) for name, text in DOCUMENTS.items())
    with KnowledgeBase.open(place, embedder=HashingEmbedder(64)) as kb:
        yield Corpus(kb, Retriever(kb, rewrite="none").retrieve)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Was mahlt die Wassermüle von Holm?", "Was mahlt die Wassermühle von Holm?"),
        ("Welche Bäkerei steht neben der Brücke?", "Welche Bäckerei steht neben der Brücke?"),
        ("¿Dónde está la panaderia de la ciudad?", "¿Dónde está la panadería de la ciudad?"),
        ("¿Quién muele la cevada?", "¿Quién muele la cebada?"),
        ("Où est la boulangrie de la ville ?", "Où est la boulangerie de la ville ?"),
        ("Which bakrey is next to the bridge?", "Which bakery is next to the bridge?"),
        # Words of the language that no document has, and words of other languages, are as they were meant.
        ("Wann wurde das Rathaus von Holm gestrichen?", "Wann wurde das Rathaus von Holm gestrichen?"),
        ("¿Quién construyó la iglesia del pueblo?", "¿Quién construyó la iglesia del pueblo?"),
        ("Waar staat de watermolen van het dorp?", "Waar staat de watermolen van het dorp?"),
        ("水磨在哪里？", "水磨在哪里？"),
        ("水車はどこにありますか？", "水車はどこにありますか？"),
    ],
)
def test_words_are_corrected_in_their_own_language(corpus: Corpus, typed: str, meant: str) -> None:
    assert SpellingCorrector().rewrite(QueryDraft(typed, typed), corpus).text == meant
