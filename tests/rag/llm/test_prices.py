"""Prices by a model's name, with and without its server."""

from __future__ import annotations

from rag.llm.prices import Price, price_of


def test_a_price_is_found_with_and_without_the_server() -> None:
    bare, anywhere, here = Price(1, 1), Price(2, 2), Price(3, 3)
    name = "openai:meta/llama@gpu:8000"
    table = {"meta/llama": bare, "openai:meta/llama": anywhere, name: here}
    assert price_of(name, table) == here
    assert price_of(name, {"meta/llama": bare, "openai:meta/llama": anywhere}) == anywhere
    assert price_of(name, {"meta/llama": bare}) == bare
    assert price_of("transformers:/models/tiny", {"/models/tiny": bare}) == bare
    assert price_of(name, {"other": bare}) is None
