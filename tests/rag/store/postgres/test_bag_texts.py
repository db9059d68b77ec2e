"""PostgreSQL's parser takes a bag's text apart into its terms, whatever they are."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest
from hypothesis import given, settings, strategies as st

from rag.store.postgres import bag_texts
from tests.postgres_server import PostgresServer, needs_postgres

ODD = ["12e5", "1e5", "3.14", "-7", "0x1f", "c++", "c#", "a/b.txt", "me@x.org", "www.x.org", "snake_case", "don't"]
ODD += ["the", "running", "été", "日本", "ß", "İ", "", " ", "\0", "\x01", "\ud800", "<b>", "&amp;"]
ODD += ["x" * 200, "x" * 201, "é" * 300]
TERMS = st.sampled_from(ODD) | st.text(max_size=12) | st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True)
BAGS = st.lists(TERMS, max_size=30)


@needs_postgres
@pytest.mark.parametrize("language", ["simple", "english"])
def test_the_parser_keeps_every_word(server: PostgresServer, language: str) -> None:
    """By any language's rules: a condition on a table without its index is by those of the session."""
    with psycopg.connect(server.url(), autocommit=True) as db:
        query = f"select lexeme, cardinality(positions) from unnest(to_tsvector('{language}', %s))"

        @settings(max_examples=60, deadline=None)
        @given(BAGS)
        def check(bag: list[str]) -> None:
            found = dict(db.execute(query, (bag_texts.text(bag),)).fetchall())  # type: ignore[arg-type]
            assert found == Counter(map(bag_texts.word, bag))

        check()


@given(st.text(), st.text())
def test_terms_have_words_of_their_own(one: str, two: str) -> None:
    assert (bag_texts.word(one) == bag_texts.word(two)) is (one == two)
    for term in (one, two):
        back = bag_texts._term(bag_texts.word(term))
        assert back == (term if len(term) <= 200 else None)


def test_weights_are_repetitions() -> None:
    assert bag_texts.query({"a": 2.0, "b": 1.0}) == ("w1a w1a w1b", 1.0)
    text, step = bag_texts.query({"a": 0.25, "b": 0.75, "c": 1e-9})
    assert Counter(text.split()) == {"w1a": 33, "w1b": 100, "w1c": 1}
    assert step == pytest.approx(0.0075)
    assert len(bag_texts.query({str(n): 1.0 + n / 1000 for n in range(500)})[0].split()) <= 2250
