"""Documents and filters of every kind, for stores that filter otherwise than a folder does."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings, strategies as st

from rag.documents.document import Document
from rag.documents.sections import Section
from rag.filters import FieldTest, Filter, Junction, Node, Not
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder

_NUMBERS = (2020, 2020.0, True, False, 0, 1, -1, 0.1, 0.1 + 0.2, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, 1e300)
_TEXTS = (
    *("2020", "", "a", "A", "Z", "ä", "a\0", "a\0b", "a\1", "\0", "\1\2", "ab", "z" * 3000, "%", "e\u0301", "é"),
    *("'; drop table chunks; --", "\U0001f9a6", "null", "true", "-", "10", "9"),
)
VALUES: tuple[Any, ...] = (*_NUMBERS, *_TEXTS)
LISTS: tuple[Any, ...] = ([], ["a", 1], [None], [True, "2020"], [2020, "b"], ["a\0"], None)
KEYS = ("key", "other key", "k\0", "source", "language", "%s", "long" * 30)
FIELDS = (*(f"metadata.{key}" for key in KEYS), "key", "source", "document", "title", "type", "modified", "page",
          "heading", "language", "absent")  # fmt: skip


def documents() -> Iterator[Document]:
    """Yield documents whose fields have each of the values, in turn."""
    pool = itertools.cycle([*VALUES, *LISTS])
    texts = itertools.cycle([value for value in VALUES if isinstance(value, str)])
    for n in range(90):
        text = f"{next(texts)[:20]} Otters hold hands, and sleep in the kelp {n}."
        metadata = {key: next(pool) for at, key in enumerate(KEYS) if (n + at) % 3}
        sections = (Section(0, 10, (next(texts), "Kelp"), page=n % 4),) if n % 2 else ()
        title, kind, modified = next(texts), next(texts), float(n) if n % 3 else None
        yield Document(f"d{n}{next(texts)}", text, f"s{n % 9}{next(texts)}", title, kind, sections, metadata, modified)


scalars = st.one_of(
    st.sampled_from(VALUES),
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
texts = st.one_of(st.sampled_from([v for v in VALUES if isinstance(v, str)]), st.text("a\0\1Zä%'", max_size=3))
ordered = st.one_of(scalars.filter(lambda v: v is not None and not isinstance(v, bool)))
fields = st.sampled_from(FIELDS)
tests: st.SearchStrategy[Node] = st.one_of(
    st.builds(lambda f, v: FieldTest(f, "==", (v,)), fields, scalars),
    st.builds(lambda f, op, v: FieldTest(f, op, (v,)), fields, st.sampled_from(("<", "<=", ">", ">=")), ordered),
    st.builds(lambda f, v: FieldTest(f, "in", tuple(v)), fields, st.lists(scalars, min_size=1, max_size=4)),
    st.builds(lambda f, v: FieldTest(f, "startswith", (v,)), fields, texts),
    st.builds(lambda f: FieldTest(f, "exists"), fields),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(
            lambda word, parts: Junction(word, tuple(parts)),
            st.sampled_from(("and", "or")),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=4,
)


@contextlib.contextmanager
def knowledge_bases(*places: str | Path) -> Iterator[list[KnowledgeBase]]:
    """Make knowledge bases of the same documents, some of them hidden."""
    with contextlib.ExitStack() as opened:
        made = [
            opened.enter_context(
                KnowledgeBase.create(place, embedder=HashingEmbedder(8), chunker="document", granularity="chunk")
            )
            for place in places
        ]
        for kb in made:
            kb.add(documents())
            kb.hide("s3%")
        yield made


def for_each_filter(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a test a ``node``: the known traps, and as many others."""

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        test = given(node=nodes)(test)
        for node in (
            FieldTest("key", "==", ("2020",)),
            FieldTest("key", "==", (2020,)),
            FieldTest("metadata.k\0", "startswith", ("a\0",)),
            FieldTest("key", "<", ("a\0b",)),
            FieldTest("page", "in", (1, 2.5, "1")),
            Not(FieldTest("heading", "==", ("Kelp",))),
        ):
            test = example(node=node)(test)
        checks = [HealthCheck.function_scoped_fixture]
        return settings(max_examples=examples, deadline=None, suppress_health_check=checks)(test)

    return decorated


def check_the_same_chunks(local: KnowledgeBase, remote: KnowledgeBase, where: Filter) -> list[int]:
    """Return the chunks that a filter allows in both."""
    own, theirs = ([] if (found := kb.allowed(where)) is None else found.ids.tolist() for kb in (local, remote))
    assert theirs == own
    assert local.document_ids(where) == remote.document_ids(where)
    return own
