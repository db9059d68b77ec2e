"""Accounts add up and say what is missing."""

from __future__ import annotations

import json

from rag.documents.account import Account, total


def test_accounts_add_up_and_survive_json() -> None:
    one = Account(100, {"hidden": 3}, 1, ("page 2 holds no text",))
    two = Account(50, {"hidden": 1, "navigation": 7}, 0, ("page 2 holds no text", "page 3 is a scan"))
    both = one + two
    assert both == Account(150, {"hidden": 4, "navigation": 7}, 1, ("page 2 holds no text", "page 3 is a scan"))
    assert Account.of(json.loads(json.dumps(both.as_dict()))) == both
    assert Account.of({}) == Account()
    assert total([one, two]) == Account(150, {"hidden": 4, "navigation": 7}, 1)


def test_more_than_two_percent_of_unknown_fate_is_a_line() -> None:
    assert Account(100, {}, 2).lines == ()
    assert Account(100, {}, 3, ("page 2 is a scan",)).lines == (
        "page 2 is a scan",
        "3 of its 100 words are not in the text, for reasons unknown",
    )
