"""Terms: exact cases, Lucene's and Snowball's behaviour, threads, linear time."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
import Stemmer
from hypothesis import given, strategies as st
from timing import grows_less

from rag.errors import InvalidInput
from rag.terms import LONGEST_TERM, STOP_WORDS, Analyser, analyser_of, languages, stemmer_of, topic_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The U.S. economy's growth", ["us", "economi", "growth"]),
        ("C++ and C# beat C", ["c++", "c#", "beat", "c"]),
        ("f-strings in Python 3.11", ["f", "string", "python", "3.11"]),
        ("snake_case __init__", ["snake_case", "snake", "case", "init"]),
        ("fastapi.security", ["fastapi.security", "fastapi", "secur"]),
        ("1,000,000 people, 3.5%", ["1000000", "peopl", "3.5"]),
        ("Beyoncé naïve Ｆｕｌｌ ﬁne", ["beyonc", "naiv", "full", "fine"]),
        ("dog’s John's", ["dog", "john"]),
        ("e\u0301cole école", ["ecol", "ecol"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("北京大学", ["北京", "京大", "大学"]),
        ("水 とPython3です", ["水", "と", "python3", "です"]),
        ("서울에서", ["서울", "울에", "에서"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("", []),
        (" \n !!! --- ", []),
    ],
)
def test_terms_of_a_text(text: str, terms: list[str]) -> None:
    assert Analyser().terms(text) == terms


def test_accents_and_forms_are_found_both_ways() -> None:
    analyser = Analyser()
    for one, other in [("Beyoncé", "beyonce"), ("Straße", "STRASSE"), ("U.S.A.", "USA"), ("Cafés", "cafe")]:
        assert analyser.terms(one) == analyser.terms(other), (one, other)
    assert set(Analyser("spanish").terms("canciones")) == set(Analyser("spanish").terms("canción"))


def test_stop_words_are_lucenes() -> None:
    assert len(STOP_WORDS) == 33
    assert Analyser().terms(" ".join(STOP_WORDS).upper()) == []
    assert Analyser("none").terms("The running dogs") == ["the", "running", "dogs"]
    assert Analyser("german").terms("the Häuser") == ["the", "haus"]


@given(st.lists(st.text("aé1,.'’+#_ \n\xa0\u00ad\u200d\u3000水ก̈ि") | st.sampled_from(["C#", "1,000", "Ann's", "U.S."])))
def test_many_texts_have_the_terms_of_each(texts: list[str]) -> None:
    """Many are looked up piece by piece, between blanks."""
    analyser = Analyser()
    assert analyser.terms_many([*texts, " ".join(texts)]) == [
        analyser.terms(text) for text in (*texts, " ".join(texts))
    ]


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_plain_words_are_snowballs_stems(word: str) -> None:
    want = [] if word in STOP_WORDS else [Stemmer.Stemmer("english").stemWord(word)]
    assert Analyser().terms(word) == want


@given(st.text(max_size=200))
def test_any_text_gives_short_lower_case_terms(text: str) -> None:
    analyser = Analyser()
    terms = analyser.terms(text)
    assert analyser.terms_many([text, text]) == [terms, terms]
    for term in terms:
        assert 0 < len(term) <= 2 * LONGEST_TERM
        assert term.strip() == term
        assert term == term.lower() or unicodedata.normalize("NFC", term.lower()) == term
    assert terms == analyser.terms(f" {text}\n")


def test_names_and_languages() -> None:
    assert Analyser().name == "english-1"
    assert Analyser("none").name == "none-1"
    assert {"none", "english", "spanish", "german"} <= set(languages())
    with pytest.raises(InvalidInput, match="'english'"):
        Analyser("engish")


def test_threads_agree_with_one_thread() -> None:
    texts = [f"running runner{i} houses{i % 7} studies flies {i}" * 5 for i in range(300)]
    analyser = Analyser()
    want = Analyser().terms_many(texts)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(analyser.terms, texts)) == want


SHAPES = [
    "a",
    "a ",
    "a.b_",
    "\u0315\u0300",
    "a\u0315\u0300",
    "水",
    "1,",
    "'",
    "a'",
    "a#",
    "½",
    "a.",
    "\u00ad",
    "ā ",
    "_",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_linear(shape: str) -> None:
    analyser = Analyser()
    analyser.terms(shape)

    grows_less(lambda n: analyser.terms(shape * (n // len(shape))), 20_000, 200_000, than=40, least=0.0075)


GERMAN = "Die Häuser am Fluss standen unter Wasser, und die Menschen warteten auf Boote."
ENGLISH = "The houses by the river were flooded, and the people were waiting for boats."


def test_each_document_is_analysed_in_its_own_language() -> None:
    several = Analyser("english+german")
    assert several.name == "english+german-1"
    assert several.terms_many([GERMAN, ENGLISH]) == [Analyser("german").terms(GERMAN), Analyser().terms(ENGLISH)]
    assert several.terms_many(["x1 y2"]) == [Analyser().terms("x1 y2")]  # nobody can tell: the first


def test_a_question_is_analysed_in_all_languages() -> None:
    several, german, english = Analyser("english+german"), Analyser("german"), Analyser()
    for text in (GERMAN, ENGLISH, "Bootes boating", "日本 Häuser"):
        assert set(several.terms(text)) == {*german.terms(text), *english.terms(text)}
    assert several.terms("Fluss") == ["fluss"]  # the same stem in both counts once
    assert set(several.terms_many([GERMAN])[0]) <= set(several.terms(GERMAN))


def test_one_language_is_as_it_was() -> None:
    for language in ("english", "german", "none"):
        analyser = Analyser(language)
        assert analyser.terms_many([ENGLISH, GERMAN]) == [analyser.terms(ENGLISH), analyser.terms(GERMAN)]


@pytest.mark.parametrize(
    ("counts", "language"),
    [
        ({}, "english"),
        ({"en": 4}, "english"),
        ({"zh": 3, "ja": 2}, "english"),
        ({"tr": 9, "en": 1}, "turkish+english"),
        ({"en": 95, "tr": 5}, "english"),
        ({"vi": 3}, "none"),
        ({"vi": 3, "en": 3}, "english+none"),
    ],
)
def test_the_analyser_of_documents(counts: dict[str, int], language: str) -> None:
    assert analyser_of(counts) == language
    Analyser(language)


def test_every_stemmer_of_a_code_is_one() -> None:
    assert {stemmer_of(code) for code in ("ar", "de", "es", "fr", "ru", "hi", "tr")} == {
        "arabic",
        "german",
        "spanish",
        "french",
        "russian",
        "hindi",
        "turkish",
    }
    assert stemmer_of("xx") == stemmer_of("") == "none"


@pytest.mark.parametrize(
    ("language", "question", "topic"),
    [
        ("german", "Wann wurde die Brücke am Fluss gebaut?", "die Brücke am Fluss gebaut"),
        ("german", "Welche Länder haben das Abkommen unterzeichnet?", "Länder das Abkommen unterzeichnet"),
        ("spanish", "¿Cuándo fue construido el puente?", "construido el puente"),
        ("spanish", "¿Dónde hay nutrias en el río que baja del monte?", "nutrias en el río que baja del monte"),
        (
            "french",
            "Pourquoi les loutres dorment-elles en se tenant la main ?",
            "les loutres dorment-elles en se tenant la main",
        ),
        ("french", "Quelle est la hauteur de la tour ?", "la hauteur de la tour"),
        ("english+german", "When did the war between the two countries end?", "the war between the two countries end"),
        (
            "english+german",
            "Wann war der Krieg mit den Schweden zu Ende?",
            "der Krieg mit den Schweden zu Ende",
        ),
        ("english+german", "Otter wo?", "Otter wo?"),
        ("turkish", "Köprü ne zaman yapıldı?", "Köprü ne zaman yapıldı?"),
        ("german", "Was ist was?", "Was ist was?"),
        ("german", "Wo liegt das WO der GmbH?", "liegt das WO der GmbH"),
    ],
)
def test_question_words_are_left_out_in_the_language_of_the_documents(language: str, question: str, topic: str) -> None:
    analyser = Analyser(language)
    assert topic_terms(question, analyser) == analyser.terms(topic)
