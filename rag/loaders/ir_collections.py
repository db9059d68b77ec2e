"""Collections that ir_datasets knows by name, from what is on this machine: nothing is downloaded.

That library fetches what is missing when it is read. Here each attempt is refused, and the message says how to fetch
the data on purpose.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..documents.document import Document, Metadata
from ..errors import ExtraMissing, InvalidInput, in_words
from .corpus_rows import documents
from .errors import LoadError
from .results import Found, LoadFailure

Part = Literal["docs", "queries", "qrels"]
_WORDS: dict[Part, str] = {"docs": "documents", "queries": "questions", "qrels": "judgments"}


def docs(name: str) -> Iterator[dict[str, Any]]:
    """Yield the documents of a collection: ``_id``, ``title``, ``text`` and the other fields.

    Raises
    ------
    ExtraMissing
        ir_datasets is not installed.
    InvalidInput
        There is no such collection, it has no documents, or they are not on this machine.
    """
    for each in _items(name, "docs"):
        fields = each._asdict()
        title, text = fields.get("title"), str(each.default_text() if hasattr(each, "default_text") else each.text)
        title = title if isinstance(title, str) else ""
        own = {key: value for key, value in fields.items() if not _is_text(key, value, text)}
        yield {**own, "_id": each.doc_id, "title": title, "text": text.removeprefix(title).strip() or text}


def _is_text(key: str, value: object, text: str) -> bool:
    """Whether a field is in the text already, and so no metadata."""
    return key in {"text", "body"} or (isinstance(value, str) and len(value) > _LONG and value in text)


_LONG = 200  # characters of a field that is not a mark such as a language or a year


def queries(name: str) -> Iterator[dict[str, Any]]:
    """Yield the questions of a collection: ``id``, ``text`` and the other fields as ``metadata``; raises as `docs`."""
    for each in _items(name, "queries"):
        fields = each._asdict()
        text = str(each.default_text() if hasattr(each, "default_text") else each.text)
        own = {key: value for key, value in fields.items() if key != "query_id" and value != text}
        yield {"id": each.query_id, "text": text, "metadata": own}


def qrels(name: str) -> Iterator[tuple[str, str, int]]:
    """Yield question, document and grade of each judgment; raises as `docs`."""
    for each in _items(name, "qrels"):
        yield each.query_id, each.doc_id, int(each.relevance)


def check(name: str, part: Part = "docs") -> None:
    """Refuse a collection that cannot be read here; reads its first item. Raises as `docs`."""
    for _ in _items(name, part):
        return
    raise InvalidInput(f"ir_datasets:{name} holds no {_WORDS[part]}")


@dataclass(frozen=True)
class Collection(Found):
    """The documents of a collection, among files that are found; it has no place on disk."""

    @property
    def location(self) -> str:
        """Empty."""
        return ""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over all documents; raises OSError where they cannot be read."""
        whole = hashlib.sha256()
        try:
            for each in docs(self.path):
                whole.update(json.dumps(each, sort_keys=True, default=str).encode(errors="surrogatepass"))
        except (InvalidInput, ExtraMissing) as error:
            raise OSError(str(error)) from error
        return whole.hexdigest()


def read(found: Found, meta: Metadata) -> Iterator[Document | LoadFailure]:
    """Read a collection as a stream of documents.

    Raises
    ------
    LoadError, OSError
        It cannot be read.
    """
    try:
        rows = ((f"document {number}", each) for number, each in enumerate(docs(found.path), 1))
        yield from documents(rows, found, meta)
    except InvalidInput as error:
        raise LoadError("missing", str(error)) from error


def _items(name: str, part: Part) -> Iterator[Any]:
    """Yield the items of a part of a collection, without the network."""
    collection = _collection(name, part)
    refused: list[str] = []
    with _offline(refused):
        try:
            yield from getattr(collection, f"{part}_iter")()
        except Exception as error:
            if refused or isinstance(error, FileNotFoundError):
                raise InvalidInput(_how_to_fetch(name, part)) from error
            raise InvalidInput(f"ir_datasets cannot read the {_WORDS[part]} of {name}: {in_words(error)}") from error


def _how_to_fetch(name: str, part: Part) -> str:
    import ir_datasets

    return (
        f"the {_WORDS[part]} of ir_datasets:{name} are not on this machine (in {ir_datasets.util.home_path()}), and "
        f"nothing is downloaded unasked; to fetch them: python -m ir_datasets export {name} {part} > /dev/null"
    )


def _collection(name: str, part: Part) -> Any:  # noqa: ANN401 - the library has no types
    try:
        import ir_datasets
    except ImportError as error:
        raise ExtraMissing("ir_datasets is not installed: pip install 'rag-workbench[ir-datasets]'") from error
    known: Any = ir_datasets.registry
    try:
        found = known[name]
    except KeyError:
        near = difflib.get_close_matches(name, list(known), 1, 0.6)
        hint = f"; did you mean {near[0]!r}?" if near else "; python -m ir_datasets list shows all"
        raise InvalidInput(f"ir_datasets knows no collection {name!r}{hint}") from None
    except Exception as error:
        raise InvalidInput(f"ir_datasets cannot open {name}: {in_words(error)}") from error
    if getattr(found, f"has_{part}")():
        return found
    others = [each for each in known if each.startswith(f"{name}/") and getattr(known[each], f"has_{part}")()]
    hint = f"; those that have: {', '.join(sorted(others)[:8])}" if others else ""
    raise InvalidInput(f"ir_datasets:{name} has no {_WORDS[part]}{hint}")


@contextmanager
def _offline(refused: list[str]) -> Iterator[None]:
    """Refuse each download of the library, and note it; its advice on mirrors and progress is not shown."""
    from ir_datasets import lazy_libs

    def no_network() -> Any:  # noqa: ANN401 - never returns
        refused.append("a download")
        raise ConnectionError("nothing is downloaded unasked")

    before: Callable[[], Any] = lazy_libs.requests
    lazy_libs.requests = no_network
    try:
        with _quiet():
            yield
    finally:
        lazy_libs.requests = before


@contextmanager
def _quiet() -> Iterator[None]:
    import ir_datasets

    logger = ir_datasets.log.easy().logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
