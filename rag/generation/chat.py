"""Answers written by a language model and checked against the passages, sentence by sentence."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..answers import Answer
from ..deadlines import OutOfTime, within
from ..documents import Passage
from ..errors import InvalidInput, LLMTimeout
from . import conversation, prompts
from .cache import CompletionCache, content_key
from .chat_model import ChatModel
from .language_model import Completion, LanguageModel, Message
from .marks import cut_mark, said, said_so_far
from .prices import Prices, priced
from .prompts import Example
from .reasoning import CLOSE, without_thoughts
from .sampling import Sampling
from .streaming import AnswerStream
from .support import SupportChecker
from .verification import Policy, Verification, policy_named, withheld
from .voting import vote

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder
    from .structured import Schema
    from .support import Entailment
    from .words import Analyser

_GRACE = 0.3
"""Seconds that a model gets beyond its deadline, to say itself that it has passed."""


class ChatGenerator:
    """Turns any language model into a generator whose every citation is checked.

    Parameters
    ----------
    model
        Any `LanguageModel`.
    embedder, analyser
        Of the knowledge base; sentences are held against passages with them, see `rag.generation.support`.
    sampling
        How the model draws its tokens. ``n`` above 1 draws that many answers and takes the one that the others agree
        with most (self-consistency; Wang et al., ICLR 2023, with agreement of texts in place of equal ones).
    unsupported
        ``mark``: a sentence that no passage bears out is shown as such; ``drop``: it is left out.
    examples
        Worked examples, shown to the model before the question.
    history_tokens
        Tokens of earlier turns that go into a prompt, counted by the model's own tokenizer where it gives one.
    entailment
        A model of natural-language inference that judges support in place of words and cosines.
    cache
        Keeps whole completions by content: model, sampling, rules, passages, question, history.
    prices
        What tokens cost, by model name.
    """

    def __init__(
        self,
        model: LanguageModel,
        embedder: Embedder | None,
        analyser: Analyser,
        *,
        sampling: Sampling | None = None,
        unsupported: Policy = "mark",
        examples: Sequence[Example] = (),
        history_tokens: int = 1000,
        entailment: Entailment | None = None,
        cache: CompletionCache | None = None,
        prices: Prices | None = None,
    ) -> None:
        if history_tokens < 0:
            raise InvalidInput(f"history_tokens={history_tokens}: give 0 or more")
        self.model = model
        self.sampling = sampling or Sampling()
        self.unsupported = policy_named(unsupported)
        self.examples = tuple(examples)
        self.history_tokens = history_tokens
        self.cache = cache
        self.prices = prices or {}
        self.checker = SupportChecker(embedder, analyser, entailment=entailment)
        self._count = conversation.counter(model)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> Answer:
        """Answer from the passages, or abstain with a reason.

        Parameters
        ----------
        history
            Earlier turns, oldest first; those that do not fit ``history_tokens`` are left out.
        deadline
            Seconds that the model may take.

        Raises
        ------
        RagError
            What the model raises; see `LanguageModel.complete`.
        """
        stream = self.stream(question, passages, history=history, deadline=deadline)
        for _ in stream:
            pass
        return stream.answer

    def stream(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> AnswerStream:
        """Answer sentence by sentence: each is given when it has been checked."""
        if not passages:
            nothing = withheld(Answer(question, "", generator=self.name), "nothing was retrieved")
            return AnswerStream(_at_once(nothing))
        return AnswerStream(self._sentences(question, passages, history, deadline))

    def extract(
        self,
        question: str,
        passages: Sequence[Passage],
        schema: Schema,
        *,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> Answer:
        """Answer with a value that fits a schema: ``Answer.data``, its JSON as ``Answer.text``.

        Each text and number in it is held against the passages: ``Answer.sentences`` has one entry a value.
        """
        from .structured import as_json_schema, read_value, structured
        from .values import checked_values

        form = as_json_schema(schema)
        read, messages, key = self._prompt(question, passages, history, schema=json.dumps(form.schema, sort_keys=True))
        completion = self.cache.get(key) if self.cache is not None else None
        cached = completion is not None
        if completion is None:
            completion = structured(self.model, messages, schema, sampling=self.sampling, deadline=deadline).completion
            self._keep(key, completion)
        answer = checked_values(
            Verification(self.checker, question, read),
            form.parse(completion.text),
            **self._facts(completion, cached=cached),
        )
        return replace(answer, data=read_value(schema, completion.text))

    # ---- machinery --------------------------------------------------------------------------------------------

    def _sentences(
        self, question: str, passages: Sequence[Passage], history: Sequence[Message], deadline: float | None
    ) -> Generator[str, None, Answer]:
        read, messages, key = self._prompt(question, passages, history)
        verification = Verification(self.checker, question, read, self.unsupported)
        stored = self.cache.get(key) if self.cache is not None else None
        if stored is not None or self.sampling.n > 1 or not isinstance(self.model, ChatModel):
            completion, cached = self._completion(messages, key, deadline)
            text = self._chosen(completion, question, read)
        else:
            cached, text = False, ""
            with self.model.stream(messages, sampling=self.sampling, deadline=deadline) as stream:
                for piece in stream:
                    thought, closed, answered = (text + piece).partition(CLOSE)
                    if closed:  # all of it so far was thought: the template had opened the block in the prompt
                        verification = Verification(self.checker, question, read, self.unsupported)
                    sentences, text = said_so_far(answered.lstrip() if closed else thought)
                    yield from (shown for each in sentences if (shown := verification.show(each)))
                completion = stream.completion
            self._keep(key, completion)
        for each in said(cut_mark(text) if completion.incomplete else text):
            if shown := verification.show(each):
                yield shown
        return verification.answer(**self._facts(completion, cached=cached))

    def _prompt(
        self,
        question: str,
        passages: Sequence[Passage],
        history: Sequence[Message],
        *,
        schema: str = "",
    ) -> tuple[Sequence[Passage], list[Message], str]:
        """Return the passages that fit, the messages, and what the answer is cached by."""
        turns = conversation.newest_turns(history, self.history_tokens, self._count)

        def messages(n: int, nonce: str) -> list[Message]:
            return [
                Message("system", prompts.SCHEMA_RULES if schema else prompts.RULES),
                *prompts.example_messages(self.examples, nonce),
                *(replace(turn, content=prompts.harmless(turn.content)) for turn in turns),
                Message("user", prompts.request(question, passages[:n], nonce, schema=schema)),
            ]

        context = getattr(self.model, "context", None)
        room = None if context is None else context - self.sampling.max_tokens
        kept = len(passages)
        if room is not None:
            draft = "0" * 16
            kept = conversation.most_that_fit(
                kept, lambda n: conversation.size(messages(n, draft), self._count) <= room
            )
            kept = max(kept, 1)  # the model itself says that even one does not fit
        texts = [question, *(p.text + prompts.heading(p) for p in passages), *(turn.content for turn in turns)]
        key = content_key(self.model.name, self.sampling, prompts.VERSION, messages(kept, ""), schema)
        return passages[:kept], messages(kept, prompts.new_nonce(texts)), key

    def _completion(self, messages: list[Message], key: str, deadline: float | None) -> tuple[Completion, bool]:
        stored = self.cache.get(key) if self.cache is not None else None
        if stored is not None:
            return stored, True
        completion = self._asked(messages, deadline)
        self._keep(key, completion)
        return completion, False

    def _asked(self, messages: list[Message], deadline: float | None) -> Completion:
        """Ask for whole answers; a user's own model that does not keep the deadline is not waited for."""
        work = partial(self.model.complete, messages, sampling=self.sampling, deadline=deadline)
        if isinstance(self.model, ChatModel):
            return work()
        try:
            completion = within(None if deadline is None else deadline + _GRACE, work)
        except OutOfTime:
            said = f"{self.name} gave no answer before the deadline, in {deadline:.2g} s"
            raise LLMTimeout(said) from None
        return replace(completion, texts=tuple(map(without_thoughts, completion.texts)))

    def _keep(self, key: str, completion: Completion) -> None:
        if self.cache is not None and not completion.incomplete:
            self.cache.put(key, completion)

    def _chosen(self, completion: Completion, question: str, read: Sequence[Passage]) -> str:
        """Return the text that the others agree with most, among those with the most support."""
        if len(completion.texts) == 1:
            return completion.text
        supported = []
        for text in completion.texts:
            trial = Verification(self.checker, question, read, "drop")
            trial.show_all(said(text))
            supported.append(trial.answer().supported_text)
        return completion.texts[vote(supported).place]

    def _facts(self, completion: Completion, *, cached: bool) -> dict[str, object]:
        usage = priced(completion.usage, self.prices.get(self.model.name))
        return {
            "generator": self.name,
            "usage": replace(usage, calls=0, seconds=0.0, cost=None) if cached else usage,
            "cached": cached,
            "incomplete": completion.incomplete,
            "reason": completion.reason if completion.incomplete else "",
        }


def _at_once(answer: Answer) -> Generator[str, None, Answer]:
    yield from ()
    return answer
