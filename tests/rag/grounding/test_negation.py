"""What a passage denies is not borne out by it, in the languages whose words for "not" are known."""

from __future__ import annotations

import pytest

from rag.documents.document import Passage
from rag.grounding.evidence import Evidence
from rag.grounding.negation import denied
from rag.grounding.support import SUPPORTED, SupportChecker
from rag.grounding.words import WordReader
from rag.terms import Analyser

CONTRARY = [
    ("Dogs are not allowed in the library.", "Dogs are allowed in the library."),
    ("You must never mix bleach with ammonia.", "You must mix bleach with ammonia."),
    ("No refunds are given to members.", "Refunds are given to members."),
    ("The camera works without a battery.", "The camera works with a battery."),
    ("Tickets cannot be transferred to another person.", "Tickets can be transferred to another person."),
    ("The drug didn't reduce mortality in trials.", "The drug reduced mortality in trials."),
    ("Hunde sind in der Bibliothek nicht erlaubt.", "Hunde sind in der Bibliothek erlaubt."),
    ("Les chiens ne sont pas admis dans la salle.", "Les chiens sont admis dans la salle."),
    ("No se permiten perros en la biblioteca.", "Se permiten perros en la biblioteca."),
    ("I cani non sono ammessi in biblioteca.", "I cani sono ammessi in biblioteca."),
    ("Honden zijn niet toegestaan in de bibliotheek.", "Honden zijn toegestaan in de bibliotheek."),
    ("Psy nie są wpuszczane do biblioteki.", "Psy są wpuszczane do biblioteki."),
    ("Hundar släpps inte in i biblioteket.", "Hundar släpps in i biblioteket."),
    ("图书馆不允许带狗。", "图书馆允许带狗。"),
    ("図書館に犬は入れません。", "図書館に犬は入れます。"),
    ("لا يُسمح بالكلاب في المكتبة.", "يُسمح بالكلاب في المكتبة."),
]


def supported(said: str, claim: str) -> bool:
    checker = SupportChecker(None, Analyser())
    return (
        checker.check(claim, Evidence([Passage(1, 1.0, 7, "d", "d", 0, len(said), said)], checker.reader))[0].score
        >= SUPPORTED
    )


@pytest.mark.parametrize(("said", "contrary"), CONTRARY)
def test_what_is_denied_is_not_supported_and_the_denial_is(said: str, contrary: str) -> None:
    assert supported(said, said)
    assert supported(contrary, contrary)
    assert not supported(said, contrary)


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        ("The unit includes dogs in the library.", "The unit hardly includes dogs in the library."),
        ("Dogs are allowed in the library.", "It is a misconception that dogs are allowed in the library."),
        ("Dogs are allowed in the library.", "Dogs are n-o-t allowed in the library."),
        ("Hunde sind in der Bibliothek erlaubt.", "Hunde sind in der Bibliothek keinesfalls erlaubt."),
        ("Les chiens informent la salle.", "Personne n'informe les chiens de la salle."),
        ("Los perros entran en la biblioteca.", "Nadie entra con los perros en la biblioteca."),
        ("I cani entrano in biblioteca.", "Nessun cane entra in biblioteca con i cani."),
        ("Honden komen in de bibliotheek.", "Honden komen nooit in de bibliotheek."),
        ("Собаки входят в библиотеку.", "Никто из собак входят в библиотеку."),
    ],
)
def test_a_claim_that_denies_what_the_passage_says_is_not_supported(said: str, claim: str) -> None:
    assert supported(said, said)
    assert not supported(said, claim)


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        ("Dogs are not allowed in the library. Cats are allowed in the library.", "Cats are allowed in the library."),
        ("The pass is not only valid on trains but also on buses.", "The pass is valid on trains."),
        ("Members may borrow no more than five books.", "Members may borrow up to five books."),
        ("The shop does not open until nine.", "The shop opens at nine."),
        ("It is not clear whether the drug works in children.", "The drug works in children."),
    ],
)
def test_a_not_that_denies_something_else_or_nothing_is_no_denial(said: str, claim: str) -> None:
    assert supported(said, claim)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The fee is not refundable.", {"refund"}),
        ("Dogs, not cats.", {"cat"}),
        ("It is not red. It is red.", set()),
        ("It cannot fly, nor swim.", {"fli", "swim"}),
        ("It is blue.", set()),
        ("Not", set()),
    ],
)
def test_the_denied_terms(text: str, terms: set[str]) -> None:
    assert denied(text, WordReader(Analyser())) == terms
