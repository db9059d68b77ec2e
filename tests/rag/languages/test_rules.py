"""The tables of languages: questions get their kind by words of their own language, and by no other's."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from timing import grows_less

from rag.extractive.question_type import KINDS, analyse
from rag.languages import NEUTRAL, RULES, question_language, rules

QUESTIONS = {
    "de": {
        "person": ["Wer baute die Brücke?", "Von wem stammt das Bild?", "Welcher Architekt entwarf das Haus?"],
        "time": ["Wann öffnet das Museum?", "In welchem Jahr brannte die Mühle?", "Seit wann gibt es den Verein?"],
        "place": ["Wo liegt die Quelle?", "Woher kommt der Wein?", "In welcher Stadt lebte der Maler?"],
        "number": ["Wie viele Stufen hat der Turm?", "Wie hoch ist der Turm?", "Welche Länge hat der Tunnel?"],
        "money": ["Wie viel kostet die Karte?", "Was kostet das?", "Welchen Preis hat die Uhr?"],
        "percent": ["Wie viel Prozent stimmten zu?", "Welcher Anteil ist bezahlt?"],
        "reason": ["Warum ist der See gesperrt?", "Weshalb wurde der Zug gestrichen?"],
        "manner": ["Wie lösche ich ein Konto?", "Wodurch entsteht Rost?"],
        "definition": ["Was ist ein Chunk?", "Was bedeutet Hybridsuche?"],
        "thing": ["Was enthält der Bericht?", "Welche Farbe hat der Knopf?"],
        "yesno": ["Ist die Datei verschlüsselt?", "Kann ich das Passwort ändern?"],
    },
    "es": {
        "person": ["¿Quién pintó el cuadro?", "¿Con quién viajó la reina?", "¿Qué arquitecto diseñó la torre?"],
        "time": ["¿Cuándo abre el museo?", "¿En qué año se quemó el molino?", "¿Cuál es la fecha de entrega?"],
        "place": ["¿Dónde nace el río?", "¿En qué ciudad vivía el pintor?", "¿De dónde viene el vino?"],
        "number": ["¿Cuántos escalones tiene la torre?", "¿Cuál es la altura de la torre?"],
        "money": ["¿Cuánto cuesta la entrada?", "¿Qué precio tiene el billete?"],
        "percent": ["¿Qué porcentaje votó a favor?"],
        "reason": ["¿Por qué está cerrado el lago?", "¿Por qué motivo se canceló el tren?"],
        "manner": ["¿Cómo borro una cuenta?"],
        "definition": ["¿Qué es un índice?", "¿Qué significa recuperación?"],
        "thing": ["¿Qué contiene el informe?", "¿Cuál es el color del botón?"],
        "yesno": ["¿Está cifrado el archivo?", "¿Puedo cambiar la contraseña?"],
    },
    "fr": {
        "person": ["Qui a peint le tableau ?", "Par qui la tour fut-elle construite ?"],
        "time": [
            "Quand ouvre le musée ?",
            "En quelle année le moulin a-t-il brûlé ?",
            "Quelle est la date de clôture ?",
        ],
        "place": ["Où se trouve la source ?", "D'où vient ce vin ?", "Dans quelle ville vivait le peintre ?"],
        "number": ["Combien de marches la tour compte-t-elle ?", "Quelle est la hauteur de la tour ?"],
        "money": ["Combien coûte le billet ?", "Quel est le prix de l'entrée ?"],
        "percent": ["Quel pourcentage a voté pour ?"],
        "reason": ["Pourquoi le lac est-il fermé ?", "Pour quelle raison le train est-il annulé ?"],
        "manner": ["Comment supprimer un compte ?"],
        "definition": ["Qu'est-ce qu'un index ?", "Que signifie ce sigle ?"],
        "thing": ["Que contient le rapport ?", "Quelle couleur a le bouton ?", "Qu'est-ce qui contient du fer ?"],
        "yesno": ["Est-ce que le fichier est chiffré ?", "Peut-on changer le mot de passe ?"],
    },
    "zh": {
        "person": ["谁画了这幅画？", "這座塔是誰設計的？", "第一任市长是哪位？"],
        "time": ["博物馆什么时候开门？", "磨坊是哪一年烧毁的？", "工廠何時關閉？"],
        "place": ["河的源头在哪里？", "畫家住在哪個城市？", "总部位于什么地方？"],
        "number": ["塔有多少级台阶？", "塔有多高？", "村裡有幾座橋？"],
        "money": ["门票多少钱？", "一張票要多少錢？"],
        "percent": ["赞成的占百分之几？"],
        "reason": ["湖为什么关闭？", "火車為何取消？"],
        "manner": ["怎么删除账户？", "如何修改密碼？"],
        "definition": ["什么是索引？", "混合检索是什么？"],
        "thing": ["报告包含什么内容？"],
        "yesno": ["文件加密了吗？", "是否可以修改密码？"],
    },
    "ja": {
        "person": ["この絵を描いたのは誰ですか？", "塔の作者は？", "初代市長はだれ？"],
        "time": ["博物館はいつ開きますか？", "水車小屋が焼けたのは何年ですか？"],
        "place": ["川の源はどこですか？", "画家は何県に住んでいましたか？", "その国の首都は？"],
        "number": ["塔には階段がいくつありますか？", "村に橋は何本ありますか？", "塔の高さは？"],
        "money": ["入場料はいくらですか？", "切符は何円ですか？"],
        "percent": ["賛成は何パーセントでしたか？"],
        "reason": ["なぜ湖は閉鎖されたのですか？", "運休の理由は？"],
        "manner": ["アカウントはどのように削除しますか？"],
        "definition": ["インデックスとは何ですか？", "ハイブリッド検索とは？"],
        "thing": ["報告書には何が書かれていますか？", "祭りの名前は？"],
        "yesno": ["ファイルは暗号化されていますか？"],
    },
}
CASES = [(code, kind, text) for code, kinds in QUESTIONS.items() for kind, texts in kinds.items() for text in texts]


@pytest.mark.parametrize(("code", "kind", "text"), CASES)
def test_kinds_of_questions(code: str, kind: str, text: str) -> None:
    asked = analyse(text)
    assert (asked.language, asked.kind) == (code, kind)


@pytest.mark.parametrize(
    "text",
    [
        "Müze ne zaman açıldı ve kim yaptı?",  # Turkish
        "متى افتتح المتحف في المدينة؟",
        "Когда открылся музей в городе?",
        "พิพิธภัณฑ์เปิดเมื่อไร",
        "Wanneer opent het museum zijn deuren voor het publiek?",  # Dutch: "is", "was", "who" are other words there
        "Was het museum gisteren open voor alle bezoekers van de stad?",
    ],
)
def test_other_languages_have_no_kind(text: str) -> None:
    assert analyse(text).kind == "other"
    assert rules(analyse(text).language) == NEUTRAL


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Wer war Bach?", "de"),
        ("Was ist das?", "de"),
        ("Who is Bach?", "en"),
        ("¿Qué es REST?", "es"),
        ("Où est Lyon ?", "fr"),
        ("Bach?", ""),
        ("HNSW", ""),
        ("", ""),
    ],
)
def test_short_questions_are_told_by_their_function_words(text: str, code: str) -> None:
    assert question_language(text) == code


@pytest.mark.parametrize("code", RULES)
def test_every_pattern_compiles_and_names_known_kinds(code: str) -> None:
    own = RULES[code]
    assert {*own.kinds, *own.clues} <= set(KINDS)
    for name in ("asking", "lists", "leans", "impersonal", "points", "opens", "half", "content", "ordinal"):
        re.compile(getattr(own, name))


def test_patterns_take_linear_time() -> None:
    words = ("qui ", "was ist ", "何", "什么", "y en ", "es ")
    grows_less(lambda n: [each.kind_of(word * n) for each in RULES.values() for word in words], 500, 5_000, than=40)


def test_a_plain_english_question_is_told_without_the_model() -> None:
    asked = ["How do I return a file?", "What's rain?", "Why me?", "¿What is 3.14?", "Does it rain?"]
    code = f"""
import sys
from rag.languages import question_language
assert [question_language(each) for each in {asked!r}] == ["en"] * {len(asked)}
assert "py3langid" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
