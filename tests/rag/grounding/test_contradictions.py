"""A claim that changes one thing of what a passage says is not supported; the same in other words is."""

from __future__ import annotations

import pytest

from rag.documents.document import Passage
from rag.grounding.evidence import Evidence
from rag.grounding.support import SUPPORTED, SupportChecker
from rag.terms import Analyser

SAID = (
    "The oven bakes bread at 220 degrees for 40 minutes. Rye dough rests for 12 hours before baking. "
    "All customers receive a receipt. The bakery opened on 3 April 2017 and sold 1,500 loaves in the first week. "
    "Anna Weiss taught Paul Meier the recipe. Flour prices rose by 8 percent. The shop does not sell cakes. "
    "A loaf costs 4.50 euros and weighs 750 g. At least 20 rolls fit into a basket."
)
DISTORTED = [
    "The oven bakes bread at -220 degrees.",
    "The oven bakes bread at −220 degrees.",
    "The oven bakes bread at minus 220 degrees.",
    "The oven bakes bread at ²³⁰ degrees.",
    "The oven bakes bread at 220⁰ degrees.",
    "The oven bakes bread at ₂₃₀ degrees.",
    "The oven bakes bread at 220½ degrees.",
    "The oven bakes bread at ②③⓪ degrees.",
    "The oven bakes bread at ⠼⠃⠉⠚ degrees.",
    "The oven bakes bread at 二百三十 degrees.",
    "The oven bakes bread at two hundred and thirty degrees.",
    "The oven bakes bread at 220k degrees.",
    "The oven bakes bread at 220 thousand degrees.",
    "The oven bakes bread at 220 percent.",
    "The oven bakes bread at 220 degrees Fahrenheit.",
    "The oven bakes bread at more than 220 degrees.",
    "The oven bakes bread at 220 degrees for 40 hours.",
    "The oven bakes bread at 22٠0 degrees.",
    "Rye dough rests for 12 minutes before baking.",
    "Rye dough rests for 12 hours after baking.",
    "Rye dough rarely rests for 12 hours before baking.",
    "Wheat dough rests for twelve days before baking.",
    "No customers receive a receipt.",
    "Some customers receive a receipt.",
    "Few customers receive a receipt.",
    "The bakery opened on 3 May 2017.",
    "The bakery opened on 4 April 2017.",
    "The bakery closed on 3 April 2017.",
    "Paul Meier taught Anna Weiss the recipe.",
    "Anna Weiss taught Karl Braun the recipe.",
    "Anna Weiss refused to teach Paul Meier the recipe.",
    "Flour prices fell by 8 percent.",
    "Flour prices rose by 8 euros.",
    "Flour prices rose by 80 percent.",
    "The shop does sell cakes.",
    "A loaf costs 4.50 dollars.",
    "A loaf costs $4.50.",
    "A loaf weighs 750 kg.",
    "At most 20 rolls fit into a basket.",
    "It is false that flour prices rose by 8 percent.",
    "It is a lie that flour prices rose by 8 percent.",
    "It is wrong to say that flour prices rose by 8 percent.",
    "The claim that flour prices rose by 8 percent is untrue.",
    "Contrary to the text, flour prices rose by 8 percent.",
    "The document denies that flour prices rose by 8 percent.",
    "Flour prices hardly rose by 8 percent.",
    "Flour prices n\u200bever rose by 8 percent.",
    "Flour prices ne\u00adver rose by 8 percent.",
    "Flour prices nеvеr rose by 8 percent.",
    "Flour prices 𝐧𝐞𝐯𝐞𝐫 rose by 8 percent.",
    "Flour prices ɴᴇᴠᴇʀ rose by 8 percent.",
    "Flour prices did n’t rise by 8 percent.",
    "Flour prices supposedly rose by 8 percent.",
    "That flour prices rose by 8 percent is nonsense.",
    "Flour prices rose by anything but 8 percent.",
    "Flour prices rose by twice 8 percent.",
    "Flour prices rose by half of 8 percent.",
    "Flour prices rose by 8 dozen percent.",
    "The oven bakes bread at 220 degrees below zero.",
    "The oven bakes bread at 220e degrees.",
    "The oven bakes bread at ⅭⅭ20 degrees.",
    "It is impossible to bake bread at 220 degrees in the oven.",
    "Avoid giving customers a receipt.",
    "Refrain from giving customers a receipt.",
    "Far from it: flour prices rose by 8 percent.",
    "Neither rye dough nor wheat dough rests for 12 hours.",
]
TRUE = [
    "The oven bakes bread at two hundred and twenty degrees.",
    "The oven bakes bread at ２２０ degrees.",
    "The oven bakes bread at ٢٢٠ degrees for forty minutes.",
    "Bread is baked at 220 degrees for 40 min.",
    "Rye dough rests for half a day: 12 h before baking.",
    "Rye dough rests for 720 minutes before baking.",
    "Customers receive a receipt.",
    "Each customer receives a receipt.",
    "The bakery opened on April 3, 2017.",
    "The bakery opened on 2017-04-03.",
    "The bakery sold 1500 loaves in the first week.",
    "In the first week the bakery sold 1.5 thousand loaves.",
    "Paul Meier was taught the recipe by Anna Weiss.",
    "Flour prices rose by 8%.",
    "Flour prices rose by eight percent.",
    "The shop doesn't sell cakes.",
    "A loaf costs €4.50.",
    "A loaf costs 4.5 euros and weighs 0.75 kg.",
    "At least twenty rolls fit into a basket.",
    "20 rolls or more fit into a basket.",
    "It is true that flour prices rose by 8 percent.",
]


def supported(claim: str, said: str = SAID) -> bool:
    checker = SupportChecker(None, Analyser())
    evidence = Evidence([Passage(1, 1.0, 7, "d", "d", 0, len(said), said)], checker.reader)
    return checker.check(claim, evidence)[0].score >= SUPPORTED


@pytest.mark.parametrize("claim", DISTORTED)
def test_what_was_changed_is_not_supported(claim: str) -> None:
    assert not supported(claim)


@pytest.mark.parametrize("claim", TRUE)
def test_the_same_in_another_form_is_supported(claim: str) -> None:
    assert supported(claim)


def test_a_names_place_may_change_where_the_sentence_turns_round() -> None:
    assert supported("Lima and Quito signed the pact.", "Quito and Lima signed the pact.")
    assert not supported("Lima defeated Quito in the pact.", "Quito defeated Lima in the pact.")


def test_a_document_that_calls_it_false_does_not_support_it() -> None:
    said = "It is a myth that goldfish forget everything after three seconds."
    assert supported(said, said)
    assert not supported("Goldfish forget everything after three seconds.", said)


def test_the_problem_says_what_differs() -> None:
    checker = SupportChecker(None, Analyser())
    evidence = Evidence([Passage(1, 1.0, 7, "d", "d", 0, len(SAID), SAID)], checker.reader)
    assert "the passage lacks 80" in checker.check("Flour prices rose by 80 percent.", evidence)[0].problem
    assert "'rose', not 'fell'" in checker.check("Flour prices fell by 8 percent.", evidence)[0].problem


def test_a_name_that_the_passage_has_nowhere_is_not_supported() -> None:
    assert not supported("Anna Weiss and Karl taught Paul Meier the recipe.")
