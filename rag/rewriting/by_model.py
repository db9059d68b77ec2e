"""Strategies by which a language model asks a question better.

Each is one prompt (`rag.rewriting.prompts`) and what is made of its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from ..deadlines import within
from ..errors import in_words
from ..llm.consulting import CompletionStore
from ..llm.language_model import LanguageModel
from .condensing import Condenser
from .consulting import texts
from .prompts import PROMPTS, Example, Prompt, read_examples
from .protocol import Asked, Corpus, Unfinished, Variant


class ByModel:
    """Base of the strategies by a language model.

    Parameters
    ----------
    model
        Any `LanguageModel`.
    completions
        Keeps its answers by content; None keeps none.
    examples
        In place of the prompt's own: what is given, and the texts that are to come back; or the JSON file that holds
        them, see `rag.rewriting.prompts.read_examples`.
    cache
        In place of ``completions``; or the file of a `rag.llm.cache.CompletionCache`.

    Raises
    ------
    InvalidInput
        The file of examples cannot be read, or holds something else.
    """

    name: ClassVar[str]
    waits: ClassVar[bool] = False  # `ask` watches the model, whatever it makes of a deadline

    def __init__(
        self,
        model: LanguageModel,
        completions: CompletionStore | None = None,
        *,
        examples: str | Sequence[Example] | None = None,
        cache: str | CompletionStore | None = None,
    ) -> None:
        self._model = model
        own_cache = _on_disk(cache) if isinstance(cache, str) else cache
        self._cache = completions if own_cache is None else own_cache
        own = PROMPTS[self.name]
        shown = read_examples(examples, own.most) if isinstance(examples, str) else examples
        self.prompt = own if shown is None else Prompt(own.task, own.most, tuple(shown))

    def ask(self, asked: Asked, deadline: float | None, *, history: bool = False) -> list[str]:
        """Return what the model gives for a question."""
        messages = self.prompt.messages(asked.text, asked.history if history else ())
        return within(
            deadline,
            lambda: texts(self._model, messages, self.prompt.most, deadline=deadline, cache=self._cache),
        )


class CondenseByModel(ByModel):
    """Makes a question of a conversation stand alone.

    With ``rules``, those of `rag.rewriting.condensing` do where the model fails, and the result is marked.

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

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:
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
    """Searches for the question in other words too, and joins the results (RAG-Fusion).

    Z. Rackauckas, "RAG-Fusion: a new take on retrieval-augmented generation", 2024.
    """

    name = "multi-query"

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:  # noqa: ARG002
        """Return the question with variants."""
        found = tuple(Variant(text, 0.5) for text in self.ask(asked, deadline))
        return replace(asked, variants=(*asked.variants, *found))


class Decompose(ByModel):
    """Searches for the parts of a question that asks several things.

    O. Press et al., "Measuring and narrowing the compositionality gap in language models", EMNLP Findings 2023.
    """

    name = "decompose"

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:  # noqa: ARG002
        """Return the question with its parts."""
        parts = [text for text in self.ask(asked, deadline) if text != asked.text]
        return replace(asked, variants=(*asked.variants, *(Variant(text) for text in parts))) if parts else asked


class StepBack(ByModel):
    """Searches for the background of a question as well.

    H. S. Zheng et al., "Take a step back: evoking reasoning via abstraction in large language models", ICLR 2024.
    """

    name = "step-back"

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:  # noqa: ARG002
        """Return the question with the more general one."""
        return replace(asked, variants=(*asked.variants, Variant(self.ask(asked, deadline)[0], 0.5)))


class Keywords(ByModel):
    """Searches for terms by the key terms that the model names; the vector stays the question's own."""

    name = "keywords"

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:
        """Return the question with the key terms as its terms."""
        terms = [term for text in self.ask(asked, deadline) for term in corpus.analyser.terms(text)]
        return replace(asked, terms=dict.fromkeys(terms, 1.0)) if terms else asked


def _on_disk(path: str) -> CompletionStore:
    from ..llm.cache import CompletionCache

    return CompletionCache(path)
