"""BLEU, chrF, TER, ROUGE, METEOR and CIDEr equal their reference packages; overlap by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest
from builders import NOTHING, case, value

from rag.evaluation.metrics import cider as own_cider, meteor as own_meteor, rouge, sacrebleu_scores as sacre
from rag.evaluation.metrics.ngrams import best_overlap, ngram_overlap
from rag.evaluation.metrics.registry import total

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "while",
    "dogs",
    "ran",
    "far",
    "away",
    "from",
    "many",
    "small",
    "red",
    "houses",
    "near",
    "rivers",
    "today",
]


def corpus(n=60, seed=0):
    """Answers that share much or little with one to three references."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        truth = rng.choices(WORDS, k=rng.randint(1, 14))
        references = [" ".join(w for w in truth if rng.random() > 0.2) or "cat" for _ in range(rng.randint(1, 3))]
        answer = " ".join(rng.choice(WORDS) if rng.random() < 0.3 else w for w in truth)
        rows.append(case(text=answer.capitalize() + ".", answers=references, name=f"q{number}"))
    return rows


ROWS = corpus()


@pytest.mark.parametrize(("name", "metric"), [("bleu", "BLEU"), ("chrf", "CHRF"), ("ter", "TER")])
def test_sacrebleu(name, metric):
    import sacrebleu.metrics

    scores = getattr(sacre, name)(ROWS, NOTHING)
    own = total(name, scores)
    reference = getattr(sacrebleu.metrics, metric)()
    most = max(len(row.question.answers) for row in ROWS)
    streams = [[(row.question.answers[i : i + 1] or [None])[0] for row in ROWS] for i in range(most)]
    theirs = reference.corpus_score([row.text for row in ROWS], streams).score
    assert own.value == pytest.approx(theirs, abs=1e-9)
    assert own.low < own.value < own.high
    alone = sacrebleu.metrics.BLEU(effective_order=True) if metric == "BLEU" else reference
    for row, score in zip(ROWS, scores, strict=True):
        assert score.value == pytest.approx(alone.sentence_score(row.text, list(row.question.answers)).score, abs=1e-9)


def test_a_failed_row_counts_as_an_empty_answer_in_bleu_and_leaves_no_ter():
    rows = [*ROWS, case(text="x", answers=["cat sat on a mat"], error="Boom: it broke")]
    import sacrebleu.metrics

    most = max(len(row.question.answers) for row in rows)
    streams = [[(row.question.answers[i : i + 1] or [None])[0] for row in rows] for i in range(most)]
    theirs = sacrebleu.metrics.BLEU().corpus_score([row.text for row in ROWS] + [""], streams).score
    bleu = total("bleu", sacre.bleu(rows, NOTHING))
    assert bleu.value == pytest.approx(theirs, abs=1e-9)
    assert bleu.n_failed == 1
    ter = total("ter", sacre.ter(rows, NOTHING))
    assert ter.value is None
    assert "1 of 61 failed (Boom: it broke)" in ter.reason
    assert "the 60 others have a mean of" in ter.reason


@pytest.mark.parametrize(
    ("own", "kind"), [(rouge.rouge1, "rouge1"), (rouge.rouge2, "rouge2"), (rouge.rouge_l, "rougeL")]
)
def test_rouge(own, kind):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    values = [score.value for score in own(ROWS, NOTHING)]
    expected = [max(scorer.score(r, row.text)[kind].fmeasure for r in row.question.answers) for row in ROWS]
    assert values == pytest.approx(expected, abs=1e-12)
    assert np.std(values) > 0.05


def test_meteor_exact_and_stem():
    from nltk.stem.porter import PorterStemmer
    from nltk.translate.meteor_score import single_meteor_score

    class Empty:
        def synsets(self, word):
            return []

    values = [score.value for score in own_meteor.meteor_exact_stem(ROWS, NOTHING)]
    expected = []
    for row in ROWS:
        words = [*row.text[:-1].split(), "."]
        of = [
            single_meteor_score(r.split(), words, stemmer=PorterStemmer(), wordnet=Empty())
            for r in row.question.answers
        ]
        expected.append(max(of))
    assert values == pytest.approx(expected, abs=1e-12)
    # by hand: 6 of 6 words match in one chunk: F = 1, penalty .5 * (1/6)^3
    assert value(
        own_meteor.meteor_exact_stem, case(text="the cat sat on the mat", answers=["the cat sat on the mat"])
    ) == (pytest.approx(1 - 0.5 / 6**3))


def test_meteor_uses_synonyms_where_wordnet_is_there(monkeypatch):
    class Lemma:
        def name(self):
            return "auto"

    class Synset:
        def lemmas(self):
            return [Lemma()]

    class WordNet:
        def synsets(self, word):
            return [Synset()] if word == "car" else []

    row = case(text="car", answers=["auto"])
    assert value(own_meteor.meteor_exact_stem, row) == 0
    monkeypatch.setattr(own_meteor, "_wordnet", WordNet)
    assert value(own_meteor.meteor, row) == pytest.approx(0.5)


def test_meteor_without_wordnet_says_how_to_get_it(monkeypatch):
    import nltk.data

    monkeypatch.setattr(nltk.data, "path", [])
    own_meteor._wordnet.cache_clear()
    from rag.errors import ModelMissing

    with pytest.raises(ModelMissing, match=r"nltk.downloader wordnet.*meteor_exact_stem"):
        own_meteor.meteor([case(text="a", answers=["b"])], NOTHING)


def test_cider():
    from pycocoevalcap.cider.cider_scorer import CiderScorer

    scorer = CiderScorer(n=4, sigma=6.0)
    for row in ROWS:
        scorer += (row.text.lower().rstrip("."), [r.lower() for r in row.question.answers])
    mean, each = scorer.compute_score()
    scores = own_cider.cider(ROWS, NOTHING)
    assert [score.value for score in scores] == pytest.approx(each.tolist(), abs=1e-9)
    assert total("cider", scores).value == pytest.approx(mean, abs=1e-9)
    assert mean > 0.5


def test_ngram_overlap_by_hand():
    assert best_overlap("a b c d", ["a b c d"]) == 1
    assert best_overlap("a b", ["a c"]) == pytest.approx((0.5 + 0) / 2)
    assert best_overlap("a b c", ["a b x", "zzz"]) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert best_overlap("", [""]) == 1
    assert best_overlap("a", [""]) == 0
    assert value(ngram_overlap, case(abstained=True, answers=["x"])) == 0


@pytest.mark.parametrize(
    "metric", [sacre.bleu, sacre.chrf, rouge.rouge1, own_meteor.meteor_exact_stem, own_cider.cider, ngram_overlap]
)
def test_odd_answers_get_a_number(metric):
    rows = [case(text=t, answers=["some cat"], name=str(i)) for i, t in enumerate(["", "?!", "猫", "a" * 3000, "\n\n"])]
    assert all(0 <= score.value <= 100 for score in metric(rows, NOTHING))


# ---- every script, and short answers ------------------------------------------------------------------------------

SCRIPTS = {
    "arabic": ("تنام ثعالب الماء وهي متشابكة الأيدي", "تنام ثعالب الماء في النهار"),
    "chinese": ("水獺睡覺時會牽著手", "水獺睡覺時不會游走"),
    "greek": ("οι ενυδρίδες κρατιούνται από το χέρι", "οι ενυδρίδες κοιμούνται στο νερό"),
    "hebrew": ("לוטרות מחזיקות ידיים בזמן שינה", "לוטרות מחזיקות אבנים בזמן שינה"),
    "hindi": ("ऊदबिलाव सोते समय हाथ पकड़ते हैं", "ऊदबिलाव सोते समय नहीं तैरते हैं"),
    "japanese": ("ラッコは手をつないで眠る", "ラッコは手をはなして眠る"),
    "korean": ("수달은 손을 잡고 잔다", "수달은 손을 놓고 잔다"),
    "russian": ("выдры держатся за лапы во сне", "выдры держатся за камни во сне"),
    "thai": ("นากทะเลจับมือกันตอนนอน", "นากทะเลปล่อยมือกันตอนนอน"),
    "turkish": ("su samurları uyurken el ele tutuşur", "su samurları uyurken taş tutuşur"),
}
METRICS = {
    "rouge1": rouge.rouge1, "rougeL": rouge.rouge_l, "bleu": sacre.bleu, "chrf": sacre.chrf,
    "cider": own_cider.cider, "ngram_overlap": ngram_overlap, "meteor_exact_stem": own_meteor.meteor_exact_stem,
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_words(name, script):
    right, near = SCRIPTS[script]
    other = case(text="x y z", answers=["entirely other words here"], name="b")
    equal, close, apart = (
        METRICS[name]([case(text=text, answers=[right], name="a"), other], NOTHING)[0].value
        for text in (right, near, "entirely other words here")
    )
    assert equal > close > apart
    assert apart < (0.15 if name == "chrf" else 0.01) * equal


def test_bleu_of_chinese_is_sacrebleus():
    import sacrebleu.metrics

    answers = ["水獺睡覺時會牽著手。", "牠們住在河裡，吃魚。", "river otters 2 公尺"]
    truths = ["水獺睡覺時牽著彼此的手。", "牠們住在河裡，吃魚和蝦。", "river otters 是 2 公尺"]
    theirs = sacrebleu.metrics.BLEU(tokenize="zh").corpus_score(answers, [truths]).score
    rows = [case(text=a, answers=[t], name=a) for a, t in zip(answers, truths, strict=True)]
    assert total("bleu", sacre.bleu(rows, NOTHING)).value == pytest.approx(theirs, abs=1e-9)


def test_bleu_of_short_answers_says_why_it_has_no_value():
    rows = [case(text=text, answers=["twelve hours"], name=text) for text in ("twelve hours", "for twelve hours")]
    found = total("bleu", sacre.bleu(rows, NOTHING))
    assert found.value is None
    assert "four words in a row" in found.reason
    assert total("chrf", sacre.chrf(rows, NOTHING)).value > 80
    longer = [*rows, case(text="it is valid for twelve hours", answers=["valid for twelve hours"], name="c")]
    assert total("bleu", sacre.bleu(longer, NOTHING)).value > 0


def test_rouge_of_words_with_accents_does_not_cut_them():
    (score,) = rouge.rouge1([case(text="un café", answers=["un cafard"])], NOTHING)
    assert score.value == pytest.approx(0.5)
