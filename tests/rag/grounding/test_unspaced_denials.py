"""Denials in Chinese, Japanese and Korean: a clause that denies does not support one that affirms, nor the reverse."""

from __future__ import annotations

import pytest

from rag.grounding.unspaced_denials import departs

PAIRS = [
    ("图书馆允许带狗。", "图书馆不允许带狗。"),
    ("员工可以报销餐费。", "员工没有可以报销餐费。"),
    ("この部屋は予約できます。", "この部屋は予約できません。"),
    ("会員は本を借りる。", "会員は本を借りない。"),
    ("이 표는 다른 사람에게 양도한다.", "이 표는 다른 사람에게 양도하지 않는다."),
]


@pytest.mark.parametrize(("yes", "no"), PAIRS)
def test_a_denial_and_its_opposite_depart_from_each_other(yes: str, no: str) -> None:
    assert departs(no, yes) == "the passage does not deny it"
    assert departs(yes, no) == "the passage denies it"
    assert not departs(yes, yes)
    assert not departs(no, no)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("图书馆允许带猫", "图书馆不允许带狗，图书馆允许带猫。"),
        ("不锈钢锅可以加热", "可以加热不锈钢锅。"),
        ("会費を払わなければならない", "会費を払わなければなりません。"),
        ("Dogs are not allowed.", "Dogs are allowed."),
        ("不", ""),
    ],
)
def test_another_clause_or_a_word_with_the_same_letter_is_no_denial(claim: str, said: str) -> None:
    assert not departs(claim, said)
