"""Numbers, units and bounds of Chinese, Japanese and Korean."""

from __future__ import annotations

import pytest

from rag.grounding.quantities import lacking, quantities


def given(claim: str, document: str) -> bool:
    return lacking(quantities(claim, document=False), quantities(document, document=True), document) is None


@pytest.mark.parametrize(
    ("claim", "document"),
    [
        ("工资3万元", "工资30000元。"),
        ("工资三万元", "工资3万元。"),
        ("参加費は2千円です", "参加費は2000円です。"),
        ("水温40度", "水温为40度。"),
        ("面积占百分之30", "面积占30%。"),
        ("기간은 3개월", "기간은 3개월이다."),
    ],
)
def test_the_same_amount(claim: str, document: str) -> None:
    assert given(claim, document)


@pytest.mark.parametrize(
    ("claim", "document"),
    [
        ("工资700万元", "工资700元。"),
        ("工资700美元", "工资700元。"),
        ("工资不到700元", "工资700元。"),
        ("工资至少700元", "工资700元。"),
        ("温度零下7度", "温度7度。"),
        ("参加費は700円以上です", "参加費は700円です。"),
        ("参加費は700円未満です", "参加費は700円です。"),
        ("参加費は700ドルです", "参加費は700円です。"),
        ("기간은 7주", "기간은 7개월이다."),
    ],
)
def test_another_amount(claim: str, document: str) -> None:
    assert not given(claim, document)
