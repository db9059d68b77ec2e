"""Words of a file are in its document, left out for a reason, or missing; nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from rag.documents.account import Account
from rag.loaders import crude
from rag.loaders.accounting import accounted, words
from rag.loaders.results import Failed, Parsed


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crude.CRUDE, "plain", lambda data: data.decode())


def _only(data: str, *items: Parsed | Failed, kind: str = "plain") -> list[Parsed | Failed]:
    return list(accounted(data.encode(), kind, iter(items)))


def test_what_is_missing_is_counted_by_reason() -> None:
    document = Parsed("Otters swim.", "Page", left_out={"navigation": "Home Home"}, remarks=("a scan",))
    (item,) = _only("page home otters swim home lost", document)
    assert isinstance(item, Parsed)
    assert item.account == Account(6, {"navigation": 2}, 1, ("a scan",))


def test_a_word_left_out_that_is_in_the_text_too_counts_once() -> None:
    (item,) = _only("gate", Parsed("gate gate", left_out={"hidden": "gate"}))
    assert isinstance(item, Parsed)
    assert item.account == Account(1)


def test_the_last_of_several_documents_carries_the_account() -> None:
    first, failed, last = _only(
        "a b c", Parsed("a", member="1"), Failed("2", "parse", "broken"), Parsed("b", member="3")
    )
    assert {type(first), type(failed), type(last)} == {Parsed, Failed}
    documents = [item for item in (first, failed, last) if isinstance(item, Parsed)]
    assert [item.account for item in documents] == [Account(), Account(3, {}, 1)]


def test_members_are_files_of_their_own_and_come_after_the_text() -> None:
    inner = Parsed("attached", member="a.txt", inner=True, account=Account(9, {}, 8))
    mail, member = _only("body lost", Parsed("body"), inner)
    assert isinstance(mail, Parsed)
    assert mail.account == Account(2, {}, 1)
    assert member is inner


def test_without_a_crude_reader_only_reasons_are_counted() -> None:
    (item,) = _only("a b c", Parsed("a", left_out={"markup": "b"}), kind="unknown")
    assert isinstance(item, Parsed)
    assert item.account == Account(0, {"markup": 1})


def test_a_crude_reader_that_fails_costs_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> str:
        raise ValueError("no")

    monkeypatch.setitem(crude.CRUDE, "plain", broken)
    (item,) = _only("a b c", Parsed("a"))
    assert isinstance(item, Parsed)
    assert item.account == Account()


def test_words_ignore_case_width_and_what_cannot_be_seen() -> None:
    assert words("\ufb01sh FISH \uff26ish fi\u00adsh") == {"fish": 4}
    assert words("通知\u200b安排 foo_bar") == {"通": 1, "知": 1, "安": 1, "排": 1, "foo": 1, "bar": 1}


def test_words_that_were_parted_and_are_joined_now_are_not_lost() -> None:
    (item,) = _only("the cli- mate of H 2 O and lost ends", Parsed("The climate of H2O ends."))
    assert isinstance(item, Parsed)
    assert item.account == Account(10, {}, 2)  # "and", "lost"
    (item,) = _only("pricedetermining factors", Parsed("price-determining factors"))
    assert isinstance(item, Parsed)
    assert item.account == Account(2)


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_every_word_has_one_fate(held: list[str], read: list[str], left: list[str]) -> None:
    def items() -> Iterator[Parsed]:
        yield Parsed(" ".join(read), left_out={"hidden": " ".join(left)})

    crude.CRUDE["plain"] = lambda data: data.decode()
    (item,) = accounted(" ".join(held).encode(), "plain", items())
    assert isinstance(item, Parsed)
    account = item.account
    assert account.held == len(held)
    found = (words(" ".join(held)) & words(" ".join(read))).total()
    assert account.held == found + sum(account.left_out.values()) + account.unaccounted
