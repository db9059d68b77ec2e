"""Rewriting by a language model: each strategy is one prompt (`rag.rewriting.prompts`) and the use of its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from ..deadlines import Deadline
from ..errors import LLMBadResponse, in_words
from ..llm.cache import CompletionCache
from ..llm.language_model import LanguageModel
from ..llm.parsed_completion import CompletionStore, parsed_completion
from ..llm.sampling import Sampling
from .condensing import Condenser
from .corpus import Corpus
from .prompts import PROMPTS, Example, Prompt, read_examples
from .protocol import QueryDraft, Unfinished, Variant
from .stage import LONGEST

TOKENS = 256
"""Tokens that the model may write."""
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


class ByModel:
    """Base of the strategies by a language model.

    Parameters
    ----------
    model
        Any `LanguageModel`.
    completions
        Caches its answers by content; None caches none.
    examples
        Replace the prompt's own examples; or the JSON file that holds them, see
        `rag.rewriting.prompts.read_examples`.
    cache
        Replaces ``completions``; or the file of a `rag.llm.cache.CompletionCache`.

    Raises
    ------
    InvalidInput
        The file of examples cannot be read, or does not hold examples.
    """

    name: ClassVar[str]
    waits: ClassVar[bool] = False  # `ask` enforces the deadline itself

    def __init__(
        self,
        model: LanguageModel,
        completions: CompletionStore | None = None,
        *,
        examples: str | Sequence[Example] | None = None,
        cache: str | CompletionStore | None = None,
    ) -> None:
        self._model = model
        own_cache = CompletionCache(cache) if isinstance(cache, str) else cache
        self._cache = completions if own_cache is None else own_cache
        own = PROMPTS[self.name]
        shown = read_examples(examples, own.most) if isinstance(examples, str) else examples
        self.prompt = own if shown is None else Prompt(own.task, own.most, tuple(shown))

    def ask(self, asked: QueryDraft, deadline: float | None, *, history: bool = False) -> list[str]:
        """Return the texts, at least one, that the model gives for a question.

        Raises
        ------
        LLMBadResponse
            The answer is not a JSON list of texts, or one of its texts is empty or too long.
        """
        messages = self.prompt.messages(asked.text, asked.history if history else ())
        read = partial(parsed, most=self.prompt.most)
        return parsed_completion(
            self._model,
            messages,
            Sampling(max_tokens=TOKENS),
            read,
            deadline=Deadline.after(deadline),
            cache=self._cache,
        )


class CondenseByModel(ByModel):
    """Rewrites a question of a conversation so that it can be understood alone.

    With ``rules``, those of `rag.rewriting.condensing` do it if the model fails, and the result is marked.

    K. Mao et al., "Large language models know your contextual search intent", EMNLP Findings 2023.
    """

    name = "condense-model"

    def __init__(
        self,
        model: LanguageModel,
        completions: CompletionStore | None = None,
        *,
        examples: str | Sequence[Example] | None = None,
        cache: str | CompletionStore | None = None,
        rules: bool = True,
    ) -> None:
        super().__init__(model, completions, examples=examples, cache=cache)
        self._rules = Condenser() if rules else None

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the stand-alone question."""
        if not asked.history:
            return asked
        try:
            return replace(asked, text=self.ask(asked, deadline, history=True)[0])
        except Exception as error:
            if self._rules is None:
                raise
            done = self._rules.rewrite(asked, corpus, deadline=deadline)
            raise Unfinished(done, in_words(error)) from error


class MultiQuery(ByModel):
    """Searches for the question in other words as well, and fuses the results (RAG-Fusion).

    Z. Rackauckas, "RAG-Fusion: a new take on retrieval-augmented generation", 2024.
    """

    name = "multi-query"

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with variants."""
        found = tuple(Variant(text, 0.5) for text in self.ask(asked, deadline))
        return replace(asked, variants=(*asked.variants, *found))


class Decompose(ByModel):
    """Searches for each part of a question that asks several things.

    O. Press et al., "Measuring and narrowing the compositionality gap in language models", EMNLP Findings 2023.
    """

    name = "decompose"

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with its parts."""
        parts = [text for text in self.ask(asked, deadline) if text != asked.text]
        return replace(asked, variants=(*asked.variants, *(Variant(text) for text in parts))) if parts else asked


class StepBack(ByModel):
    """Searches for the background of a question as well.

    H. S. Zheng et al., "Take a step back: evoking reasoning via abstraction in large language models", ICLR 2024.
    """

    name = "step-back"

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with the more general one."""
        return replace(asked, variants=(*asked.variants, Variant(self.ask(asked, deadline)[0], 0.5)))


class Keywords(ByModel):
    """Searches for terms by the key terms that the model names; the vector stays the question's own."""

    name = "keywords"

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the question with the key terms as its terms."""
        terms = [term for text in self.ask(asked, deadline) for term in corpus.analyser.terms(text)]
        return replace(asked, terms=dict.fromkeys(terms, 1.0)) if terms else asked


def parsed(answer: str, most: int) -> list[str]:
    """Return the texts of a model's answer, a JSON list of at most ``most`` of them."""
    fence = _FENCE.match(answer)
    try:
        values = json.loads(fence.group(1) if fence else answer)
    except (ValueError, RecursionError) as error:
        raise LLMBadResponse(f"the model did not answer with JSON: {answer[:80]!r}") from error
    if not isinstance(values, list) or not values or len(values) > most:
        raise LLMBadResponse(f"the model did not give a list of 1 to {most} texts: {answer[:80]!r}")
    if not all(isinstance(v, str) and v.strip() and len(v) <= LONGEST for v in values):
        raise LLMBadResponse(
            f"the model's list holds something that is not a text, is empty or is too long: {answer[:80]!r}"
        )
    return [" ".join(value.split()) for value in values]
