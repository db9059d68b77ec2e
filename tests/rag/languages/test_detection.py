"""Languages are told by text that people wrote; where nobody could tell, none is claimed."""

from __future__ import annotations

import pytest

from rag.languages import detection, language

TEXTS = {
    "ar": "ينام ثعلب الماء في النهر ويمسك بعضها بأيدي بعض كي لا يجرفها التيار.",
    "bn": "ভোঁদড় নদীতে ঘুমায় এবং একে অপরের হাত ধরে থাকে।",
    "cs": "Vydry spí v řece a drží se za tlapky, aby je proud neodnesl.",
    "de": "Otter schlafen im Fluss und halten sich dabei an den Pfoten.",
    "el": "Οι ενυδρίδες κοιμούνται στο ποτάμι πιασμένες χέρι χέρι.",
    "en": "Otters sleep in the river and hold hands so that the current does not part them.",
    "es": "Las nutrias duermen en el río y se toman de las manos para que no las separe la corriente.",
    "fa": "سمورهای آبی در رودخانه می‌خوابند و دست یکدیگر را می‌گیرند.",
    "fi": "Saukot nukkuvat joessa ja pitävät toisiaan käpälistä kiinni.",
    "fr": "Les loutres dorment dans la rivière et se tiennent par la main.",
    "he": "לוטרות ישנות בנהר ומחזיקות ידיים.",
    "hi": "ऊदबिलाव नदी में सोते हैं और एक दूसरे का हाथ पकड़े रहते हैं।",
    "it": "Le lontre dormono nel fiume e si tengono per mano.",
    "ja": "カワウソは川で手をつないで眠る。",
    "ko": "수달은 강에서 손을 잡고 잠을 잔다.",
    "nl": "Otters slapen in de rivier en houden elkaars poten vast.",
    "pl": "Wydry śpią w rzece i trzymają się za łapy, żeby nie porwał ich prąd.",
    "pt": "As lontras dormem no rio e dão as mãos para que a corrente não as separe.",
    "ru": "Выдры спят в реке, держась за лапы, чтобы их не разнесло течением.",
    "sv": "Uttrarna sover i floden och håller varandra i tassarna.",
    "th": "นากนอนหลับในแม่น้ำโดยจับมือกัน",
    "tr": "Su samurları nehirde uyur ve akıntı ayırmasın diye el ele tutuşur.",
    "uk": "Видри сплять у річці, тримаючись за лапи, щоб їх не рознесло течією.",
    "zh": "水獭在河里手牵手睡觉。",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_tells_its_language(code: str) -> None:
    assert language(TEXTS[code]) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "要用 FastAPI 和 uvicorn 部署这个应用，请在服务器上运行以下命令: `uvicorn main:app --host 0.0.0.0`。",
            "zh",
        ),
        ("FastAPI の response_model と HTTPException を使うと、エラーのレスポンスを JSON で返せます。", "ja"),
        ("The word 水獭 is Chinese for otter, and it is written with two characters that are read as shuita.", "en"),
        ("東京都", "zh"),  # without kana nobody can tell
        ("x", ""),
        ("", ""),
        ("3.14 + 2 = 5.14", ""),
        ("dataclass_transform", ""),
        ("水", "zh"),
        ("def f(x): return x + 1", ""),
    ],
)
def test_mixed_and_short_texts(text: str, code: str) -> None:
    assert language(text) == code


def test_plain_english_spares_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    detection._language.cache_clear()
    monkeypatch.setattr(detection, "_model", lambda script: pytest.fail("the model was loaded"))
    assert language("How do I delete the documents that you have ingested?") == "en"
    assert language(TEXTS["en"]) == "en"


def test_only_the_beginning_is_read() -> None:
    assert language(TEXTS["de"] * 40 + TEXTS["ja"] * 1000) == "de"


def test_dry_english_needs_no_model_and_dutch_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        language("Of we nu gaan of blijven: de hond was in de tuin of op de weg, en we hebben of hadden gelijk.")
        == "nl"
    )

    def loaded(script: str) -> None:
        raise AssertionError(script)

    monkeypatch.setattr(detection, "_model", loaded)
    dry = (
        "Expression of kelp proteins was measured in otters of both sexes by mass spectrometry, as described. Levels "
        "in tissue of the paw were higher than in controls, and rose at an age of two years or more."
    )
    assert language(dry) == "en"
