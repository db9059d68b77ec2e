"""Sentences end where readers of the language say they do; each text is given sentence by sentence."""

from __future__ import annotations

import pytest

from rag.sentences import sentences

SPACED = {
    "de": [
        ["Das Museum zeigt ca. 40 Uhren.", "Der Eintritt ist z. B. für Kinder frei."],
        ["Frau Dr. phil. Ina Weber, geb. Kuhn, sprach u. a. über Mühlen.", "Danach gab es Kaffee usw.", "Alle gingen."],
        ["Siehe § 7 Abs. 3 Nr. 2 BGB.", "Vgl. Abb. 4 auf S. 17.", "Das gilt auch inkl. MwSt. und Porto."],
        ["Im 18. Jahrhundert wuchs die Stadt.", "Der 2. Weltkrieg zerstörte sie.", "Am 3. Mai 1950 kam der Strom."],
        ["Sie wohnt in der Lindenstr. 12 in Ulm.", "Der Turnverein e. V. sitzt gegenüber."],
        ["Er kam erst um 3.", "Danach regnete es."],
    ],
    "es": [
        ["El Sr. Ortega y la Sra. Ruiz llegaron a las 4 p. m. del lunes.", "¿Quién les abrió?", "¡Nadie!"],
        ["EE. UU. compró el puerto.", "Véase la pág. 21 del vol. 3.", "La Av. Colón tiene el núm. 8."],
        ["Crecen peras, higos, etc.", "Luego se venden en Sta. Marta.", "Ud. puede ir el sábado."],
        ["La empresa, p. ej. Molinos S.A., abrió en el s. XIX.", "Hoy está cerrada."],
    ],
    "fr": [
        ["M. Petit et Mme Roux arrivèrent à 15 h. avec le Dr. Blanc.", "Ils repartirent à l'aube."],
        ["Le temple date de 300 av. J.-C. selon les fouilles.", "Voir fig. 2 et chap. 5 du guide."],
        ["Qui l'a dit ?", "« C'est faux ! » répondit-elle.", "Puis elle sortit."],
        ["On y vend du sel, du vin, etc.", "Le marché ferme à midi."],
    ],
    "ar": [["ولد د. سامي في دمشق.", "هل تعرفه؟", "نعم."]],
    "en": [["Dr. Lee paid 3.5 million.", "Is that a lot?", "The art. 5 rule says no."]],
    "tr": [["Müze 1950'de açıldı.", "Kaç kişi geldi?", "Prof. Dr. Ayşe Kaya konuştu."]],
}
UNSPACED = {
    "ja": [
        ["橋は1932年に完成した。", "「もう渡れますか？」と彼は尋ねた。", "もちろん！"],
        ["駅（1日の利用者は約3万人。2022年の調査）は町の中心にある。", "隣に市場が立つ。"],
        ["「雨だ。帰ろう。」と彼女は言った。", "二人は走った。"],
    ],
    "zh": [
        ["这座桥建于1932年。", "现在还能走吗？", "当然可以！"],
        ["他说：“下雨了。回家吧。”", "两个人跑了起来。"],
        ["車站（每天約三萬人。二〇二二年調查）在鎮中心。", "旁邊有市場。"],
    ],
}


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(("code", "said"), [(code, said) for code, texts in SPACED.items() for said in texts])
def test_languages_with_spaces(code: str, said: list[str]) -> None:
    assert split(" ".join(said)) == said


@pytest.mark.parametrize(("code", "said"), [(code, said) for code, texts in UNSPACED.items() for said in texts])
def test_languages_without(code: str, said: list[str]) -> None:
    assert split("".join(said)) == said


def test_an_abbreviation_of_another_language_ends_an_english_sentence() -> None:
    """Words of the German, Spanish and French tables are plain words here."""
    said = [
        "They wore the same cap.",
        "Art came first.",
        "We rode on the av.",
        "Marta said the sea was a mere s.",
        "So.",
    ]
    assert split(" ".join(said)) == said


def test_an_arabic_word_that_ends_with_a_marked_letter_is_none() -> None:
    said = ["ربطوا بين الحدثين بِطريقةٍ دراماتيكيَّة.", "ثم رحلوا."]
    assert split(" ".join(said)) == said


def test_no_model_is_loaded_for_plain_english(monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.languages import detection

    detection._language.cache_clear()
    monkeypatch.setattr(detection, "_model", lambda script: pytest.fail("the model was loaded"))
    assert (
        len(sentences("The bridge, built by J. Smith et al. in 1932, has cables etc. The river below it is wide.")) == 2
    )
