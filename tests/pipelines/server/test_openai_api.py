"""OpenAI's own client against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipelines.server.guard import Access

from .conftest import Client, Serve

openai = pytest.importorskip("openai")

QUESTION = "At how many degrees is green tea steeped?"
ASKED: list[Any] = [{"role": "user", "content": QUESTION}]
SAID = "Green tea is steeped at 80 degrees [1]. Black tea takes boiling water [1]."
CHECKED = "Green tea is steeped at 80 degrees. [1] Black tea takes boiling water. [2]"
TOKEN = "correct-horse-battery-staple"


@contextmanager
def official(client: Client, key: str = "none") -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{client.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def cited(text: str, annotations: Any) -> list[str]:
    found = []
    for each in annotations:
        part = each["url_citation"] if isinstance(each, dict) else each.url_citation.model_dump()
        found.append(text[part["start_index"] : part["end_index"]])
        assert part["title"] == "Green tea"
        assert "/v1/documents/" in part["url"]
    return found


def test_a_whole_answer_with_its_citations(serve: Serve) -> None:
    client = serve(lambda _: SAID)
    with official(client) as own:
        done = own.chat.completions.create(model="drinks", messages=ASKED, temperature=0.2)
    message = done.choices[0].message
    assert (message.content, done.choices[0].finish_reason) == (CHECKED, "stop")
    assert cited(message.content, message.annotations) == ["[1]", "[2]"]
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens > 0
    assert done.rag["answer"] == CHECKED
    address = message.annotations[0].url_citation.url.removeprefix(client.url)
    path, _, place = address.partition("#char=")
    start, end = map(int, place.split(","))
    assert client.get(path)[1]["text"][start:end].startswith("Green tea is steeped at 80 degrees")


def test_a_streamed_answer(serve: Serve) -> None:
    with official(serve(lambda _: SAID)) as own:
        chunks = list(
            own.chat.completions.create(
                model="drinks", messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
        )
    *pieces, last, usage = chunks
    text = "".join(each.choices[0].delta.content or "" for each in pieces)
    assert (text, len([each for each in pieces if each.choices[0].delta.content])) == (CHECKED, 2)
    assert last.choices[0].finish_reason == "stop"
    assert cited(text, last.choices[0].delta.annotations) == ["[1]", "[2]"]
    assert last.rag["answer"] == text
    assert (usage.choices, usage.usage.total_tokens > 0) == ([], True)


def test_usage_only_comes_where_it_is_asked_for(serve: Serve) -> None:
    with official(serve()) as own:
        chunks = list(own.chat.completions.create(model="drinks", messages=ASKED, stream=True))
    assert [each for each in chunks if each.usage] == []
    assert all(each.choices for each in chunks)


def test_the_clients_helper_puts_the_stream_together(serve: Serve) -> None:
    with official(serve(lambda _: SAID)) as own, own.chat.completions.stream(model="drinks", messages=ASKED) as stream:
        assert stream.get_final_completion().choices[0].message.content == CHECKED


def test_what_was_shown_and_is_withheld_is_followed_by_what_holds(serve: Serve) -> None:
    """Of a stream nothing can be taken back."""
    with official(serve(lambda _: "Pineapples are blue [1].")) as own:
        chunks = list(own.chat.completions.create(model="drinks", messages=ASKED, stream=True))
        text = "".join(each.choices[0].delta.content or "" for each in chunks)
    assert text.endswith(chunks[-1].rag["answer"])
    assert set(cited(text, chunks[-1].choices[0].delta.annotations)) <= {"[1]", "[2]", "[3]"}


def test_parts_and_earlier_turns_are_read(serve: Serve) -> None:
    seen = []

    def model(prompt: str) -> str:
        seen.append(prompt)
        return SAID

    messages = [
        {"role": "system", "content": "Talk like a pirate."},
        {"role": "user", "content": "Tell me of pineapples."},
        {"role": "assistant", "content": "They are sour."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    with official(serve(model)) as own:
        assert own.chat.completions.create(model="drinks", messages=messages).choices[0].message.content == CHECKED
    assert "pineapples" in seen[0]
    assert "pirate" not in seen[0]


def test_models(serve: Serve) -> None:
    with official(serve()) as own:
        assert [each.id for each in own.models.list()] == ["drinks"]
        assert own.models.retrieve("drinks").id == "drinks"


def test_errors_are_the_clients_own(serve: Serve) -> None:
    client = serve(access=Access(TOKEN))
    with official(client, "wrong-horse-battery-staple") as own, pytest.raises(openai.AuthenticationError):
        own.models.list()
    with official(client, TOKEN) as own:
        assert own.chat.completions.create(model="drinks", messages=ASKED).choices
        with pytest.raises(openai.NotFoundError, match="there are: drinks"):
            own.chat.completions.create(model="gpt-4", messages=ASKED)
        with pytest.raises(openai.BadRequestError, match="the last message must be a question"):
            own.chat.completions.create(model="drinks", messages=[{"role": "user", "content": ""}])
        with pytest.raises(openai.BadRequestError):
            own.chat.completions.create(model="drinks", messages=[])


def shown_by_open_webui(chunks: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Re-enact what Open WebUI's middleware and page make of a stream: the text, and the sources that marks count.

    Each ``url_citation`` of a ``delta.annotations`` becomes a source whose id is its address; the page numbers sources
    of different ids from 1, in the order of their coming, and [n] in the text opens the one of that number.
    """
    text, events = "", []
    for chunk in chunks:
        for choice in chunk.get("choices", [])[:1]:
            delta = choice.get("delta", {})
            for annotation in delta.get("annotations") or ():
                if annotation.get("type") == "url_citation" and "url_citation" in annotation:
                    url = annotation["url_citation"].get("url", "")
                    title = annotation["url_citation"].get("title", url)
                    source = {"name": title, "url": url}
                    events.append({"source": source, "document": [title], "metadata": [{"source": url, "name": title}]})
            text += delta.get("content") or ""
    numbered = {event["metadata"][0]["source"]: event for event in reversed(events)}
    order = list(dict.fromkeys(event["metadata"][0]["source"] for event in events))
    return text, [numbered[each] for each in order]


def test_open_webui_opens_the_right_source_for_each_mark(serve: Serve) -> None:
    said = "A queen bee lays up to 2,000 eggs a day [2]. Green tea is steeped at 80 degrees [1]. "
    said += "Black tea takes boiling water [1]."
    client = serve(lambda _: said)
    asked = {"model": "drinks", "messages": ASKED, "stream": True}
    _, _, data = client.send("POST", "/v1/chat/completions", asked)
    lines = [line.removeprefix("data: ") for line in data.decode().splitlines() if line.startswith("data: {")]
    chunks = [json.loads(line) for line in lines]
    text, sources = shown_by_open_webui(chunks)
    answer = next(chunk["rag"] for chunk in chunks if "rag" in chunk)
    assert text == answer["answer"]
    assert len(sources) == len(answer["citations"]) == 3
    for citation, source in zip(answer["citations"], sources, strict=True):
        assert f"[{citation['n']}]" in text
        path, _, place = source["source"]["url"].removeprefix(client.url).partition("#char=")
        start, end = map(int, place.split(","))
        assert client.get(path)[1]["text"][start:end] == citation["quote"]
        assert source["source"]["name"] == citation["title"]
