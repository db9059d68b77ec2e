"""OpenAI's embeddings, by its own client: the vectors of the knowledge base's embedder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.server import embeddings_api
from rag import KnowledgeBase

from .conftest import Serve

openai = pytest.importorskip("openai")
TEXTS = ["Green tea", "Worker bees live about six weeks."]


@pytest.mark.parametrize("how", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 64}])
def test_vectors_are_the_embedders(serve: Serve, base: Path, how: dict[str, Any]) -> None:
    client = serve()
    with openai.OpenAI(base_url=f"{client.url}/v1", api_key="none", max_retries=0) as own:
        made = own.embeddings.create(model="drinks", input=TEXTS, **how)
    with KnowledgeBase.open(base) as kb:
        wanted = kb.embedder.embed_passages(TEXTS)
    vectors = [each.embedding for each in made.data]
    if how.get("encoding_format") == "base64":  # asked for by name, the client leaves it as it is
        assert client.post("/v1/embeddings", {"input": TEXTS[0], **how})[1]["data"][0]["embedding"] == vectors[0]
    else:
        np.testing.assert_array_equal(np.array(vectors, np.float32), wanted)
    assert made.usage.prompt_tokens == made.usage.total_tokens > 0
    assert [each.index for each in made.data] == [0, 1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": []}, "input"),
        ({"input": " "}, "empty"),
        ({"input": [1, 2]}, "input"),
        ({"input": "tea", "dimensions": 3}, "64 dimensions, not 3"),
        ({"input": "tea", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "tea", "model": "none"}, "there are: drinks"),
    ],
)
def test_what_cannot_be_embedded_is_said(serve: Serve, body: dict[str, Any], words: str) -> None:
    status, told = serve().post("/v1/embeddings", body)
    assert status in {400, 404}
    assert words in told["error"]["message"]


def test_as_many_texts_as_may_come_and_one_more(serve: Serve) -> None:
    client, most = serve(), embeddings_api._MOST_TEXTS
    assert [client.post("/v1/embeddings", {"input": ["tea"] * n})[0] for n in (most, most + 1)] == [200, 400]
