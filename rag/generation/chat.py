"""Answers written by a language model and checked against the passages, sentence by sentence."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

from ..answers import Answer
from ..background import Cancellation, pumped
from ..deadlines import Deadline
from ..documents.document import Passage
from ..errors import InvalidInput, LLMTimeout, OutOfTime
from ..grounding.citation_marks import Said, said
from ..grounding.invisible import shown
from ..grounding.sentence_stream import Writing
from ..grounding.support import SupportChecker
from ..grounding.verification import Policy, Verification, withheld
from ..llm.cache import CompletionCache, content_key
from ..llm.chat_model import ChatModel
from ..llm.language_model import Completion, LanguageModel, Message, Usage, estimated_tokens
from ..llm.parsed_completion import keep_in, kept_by
from ..llm.prices import Prices, price_of, priced
from ..llm.reasoning import without_thoughts
from ..llm.sampling import Sampling
from . import conversation, prompts
from .answer_stream import AnswerStream
from .prompts import Example
from .voting import vote

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder
    from ..grounding.support import Entailment
    from ..llm.structured import Schema
    from ..terms import Analyser

_LATE = 0.1
"""Seconds after the deadline in which the check of what the model has said by then may begin."""
_GRACE = 0.18
"""Seconds after the deadline at which model and check are left to themselves."""


@dataclass(slots=True)
class _Generation:
    """One question to a generator; ``verification`` is there once the prompt is."""

    question: str
    passages: Sequence[Passage]
    history: Sequence[Message]
    deadline: Deadline
    cancel: Cancellation = field(default_factory=Cancellation)
    verification: Verification | None = None


class ChatGenerator:
    """Turns any language model into a generator whose every citation is checked.

    Parameters
    ----------
    model
        Any `LanguageModel`.
    embedder, analyser
        Of the knowledge base; they compare sentences with passages, see `rag.grounding.support`.
    sampling
        Sampling options of the model. With ``n`` above 1 that many answers are drawn, and the one that agrees best with
        the others is taken, see `rag.generation.voting`.
    unsupported
        ``mark``: a sentence that no passage supports is marked; ``drop``: it is left out.
    instructions
        Manner of the answers, such as a persona, a tone or a language; the model reads it after the rules, which it
        cannot change, and every sentence is checked as without it.
    examples
        Worked examples, shown to the model before the question.
    history_tokens
        Tokens of earlier turns in a prompt, counted by the model's own tokenizer where there is one.
    entailment
        A model of natural-language inference that judges support instead of words and cosines.
    cache
        Caches complete answers by content: model, sampling, rules, passages, question, history.
    prices
        Prices of tokens, by model name.
    """

    def __init__(
        self,
        model: LanguageModel,
        embedder: Embedder | None,
        analyser: Analyser,
        *,
        sampling: Sampling | None = None,
        unsupported: Policy = "mark",
        instructions: str | None = None,
        examples: Sequence[Example] = (),
        history_tokens: int = 1000,
        entailment: Entailment | None = None,
        cache: CompletionCache | None = None,
        prices: Prices | None = None,
    ) -> None:
        if history_tokens < 0:
            raise InvalidInput(f"history_tokens={history_tokens}: give 0 or more")
        if unsupported not in get_args(Policy):
            raise InvalidInput(f"unsupported={unsupported!r}: write 'mark' to mark unsupported sentences, or 'drop'")
        if cache is not None and "<" in model.name:
            raise InvalidInput(
                f"a cache cannot tell {model.name} from others; give it a name: CallableModel(function, name='...')"
            )
        self.model = model
        self.sampling = sampling or Sampling()
        self.unsupported = unsupported
        self.instructions = instructions
        self.examples = tuple(examples)
        self.history_tokens = history_tokens
        self.cache = cache
        self.prices = prices or {}
        self.checker = SupportChecker(embedder, analyser, entailment=entailment)
        self._count: conversation.Count = getattr(model, "count_tokens", estimated_tokens)

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
            Earlier turns, oldest first; the oldest are left out if they do not fit ``history_tokens``.
        deadline
            Seconds for model and check, enforced even if either hangs; None for no limit.

        Raises
        ------
        LLMTimeout
            The deadline passed before a supported sentence was there; else the answer so far is returned, marked
            ``incomplete``.
        RagError
            What else the model raises; see `LanguageModel.complete`.
        """
        return self.stream(question, passages, history=history, deadline=deadline).read()

    def stream(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> AnswerStream:
        """Answer sentence by sentence; each is checked before it is yielded."""
        task = _Generation(question, passages, history, Deadline.after(deadline))
        return AnswerStream(self._pieces(task), task.cancel)

    def extract(
        self,
        question: str,
        passages: Sequence[Passage],
        schema: Schema,
        *,
        history: Sequence[Message] = (),
        deadline: float | None = None,
        cancel: Cancellation | None = None,
    ) -> Answer:
        """Answer with a value that fits a schema: ``Answer.data``, its JSON as ``Answer.text``.

        Each text and number in it is checked against the passages: ``Answer.sentences`` has one entry for each.
        Calling ``cancel``, from any thread, stops the model.
        """
        task = _Generation(question, passages, history, Deadline.after(deadline), cancel or Cancellation())
        try:
            return task.deadline.later(_GRACE).run(lambda: self._extracted(task, schema))
        except OutOfTime:
            task.cancel()
            raise self._too_late(task) from None

    # ---- machinery --------------------------------------------------------------------------------------------

    def _pieces(self, task: _Generation) -> Generator[str, None, Answer]:
        """Enforce the deadline even if the model, the embedder or the entailment model hangs."""
        if not task.passages:
            return withheld(Answer(task.question, "", generator=self.name), "nothing was retrieved")
        if task.deadline.remaining is None:
            return (yield from self._sentences(task))
        until = task.deadline.later(_GRACE)
        try:
            return (yield from pumped(self._sentences(task), task.cancel, left=lambda: until.left))
        except OutOfTime:
            return self._checked_so_far(task)

    def _checked_so_far(self, task: _Generation) -> Answer:
        if task.verification is not None:
            reason = f"{task.deadline} passed before the answer was complete and checked"
            usage = Usage(calls=1, seconds=task.deadline.seconds)
            answer = task.verification.so_far(generator=self.name, usage=usage, incomplete=True, reason=reason)
            if not answer.abstained:
                return answer
        raise self._too_late(task) from None

    def _too_late(self, task: _Generation) -> LLMTimeout:
        error = LLMTimeout(f"{self.name} gave no checked answer before {task.deadline}")
        error.attempts = 1  # at least: a model that keeps its deadline has said itself how often it was asked
        return error

    def _sentences(self, task: _Generation) -> Generator[str, None, Answer]:
        read, messages, key = self._prompt(task)
        task.verification = Verification(self.checker, task.question, read, self.unsupported)
        stored = kept_by(self.cache, key)
        late = task.deadline.later(_LATE)
        writing, skipped = Writing(self.sampling.max_tokens), False
        if stored is not None or self.sampling.n > 1 or not isinstance(self.model, ChatModel):
            completion = stored or self._asked(messages, key, task)
            sentences = writing.feed(self._chosen(completion, task.question, read))
            skipped = yield from _shown(task.verification, sentences, late)
        else:
            with self.model.stream(messages, sampling=self.sampling, deadline=task.deadline.remaining) as stream:
                task.cancel.watch(stream.cancel)
                for piece in stream:
                    if late.passed or writing.ran_away:
                        continue  # to the end, which says what it cost
                    answered = writing.after_thought(piece)
                    if answered is not None:
                        task.verification = Verification(self.checker, task.question, read, self.unsupported)
                    sentences = writing.feed(piece if answered is None else answered)
                    skipped = (yield from _shown(task.verification, sentences, late)) or skipped
                completion = stream.completion
            keep_in(self.cache, key, completion)
        rest = writing.rest(incomplete=completion.incomplete)
        skipped = (yield from _shown(task.verification, rest, late)) or skipped
        if not completion.incomplete and (skipped or writing.ran_away):
            late_reason = f"{task.deadline} passed while the answer was checked"
            why = "the answer went on without end" if writing.ran_away else late_reason
            completion = replace(completion, incomplete=True, reason=why)
        return task.verification.answer(**self._facts(completion, cached=stored is not None))

    def _extracted(self, task: _Generation, schema: Schema) -> Answer:
        from ..llm.structured import as_json_schema, read_value, structured
        from .values import checked_values

        form = as_json_schema(schema)
        read, messages, key = self._prompt(task, schema=json.dumps(form.schema, sort_keys=True))
        stored = completion = kept_by(self.cache, key)
        if completion is None:
            completion = structured(
                self.model,
                messages,
                schema,
                sampling=self.sampling,
                deadline=task.deadline.remaining,
                cancel=task.cancel,
            ).completion
            keep_in(self.cache, key, completion)
        text = shown(json.dumps(form.parse(completion.text), ensure_ascii=False))  # escapes may spell what is not seen
        answer = checked_values(
            Verification(self.checker, task.question, read),
            form.parse(text),
            **self._facts(completion, cached=stored is not None),
        )
        return replace(answer, data=read_value(schema, text))

    def _prompt(self, task: _Generation, *, schema: str = "") -> tuple[Sequence[Passage], list[Message], str]:
        """Return the passages that fit, the messages, and the answer's key in the cache."""
        passages = task.passages
        turns = conversation.newest_turns(task.history, self.history_tokens, self._count)

        def messages(n: int, nonce: str) -> list[Message]:
            return [
                prompts.system(schema=bool(schema), manner=self.instructions),
                *prompts.example_messages(self.examples, nonce),
                *(replace(turn, content=prompts.harmless(turn.content)) for turn in turns),
                Message("user", prompts.request(task.question, passages[:n], nonce, schema=schema)),
            ]

        kept, context = len(passages), getattr(self.model, "context", None)
        if context is not None:
            room: int = context - self.sampling.max_tokens

            def fits(n: int) -> bool:
                return conversation.size(messages(n, "0" * 16), self._count) <= room

            kept = conversation.most_that_fit(len(passages), fits)
            while not kept and turns:  # a passage is worth more than the oldest turn
                turns = conversation.newest_turns(turns, conversation.size(turns, self._count) - 1, self._count)
                kept = conversation.most_that_fit(len(passages), fits)
            kept = max(kept, 1)  # the model itself says that even one does not fit
        texts = [task.question, *(p.text + prompts.heading(p) for p in passages), *(turn.content for turn in turns)]
        model = (self.model.name, getattr(self.model, "revision", ""))
        key = content_key(model, self.sampling, prompts.VERSION, messages(kept, prompts.digest(texts)), schema)
        return passages[:kept], messages(kept, prompts.new_nonce(texts)), key

    def _asked(self, messages: list[Message], key: str, task: _Generation) -> Completion:
        """Ask for whole answers."""
        stopped = {"cancel": task.cancel} if isinstance(self.model, ChatModel) else {}
        completion = self.model.complete(messages, sampling=self.sampling, deadline=task.deadline.remaining, **stopped)
        completion = replace(completion, texts=tuple(map(without_thoughts, completion.texts)))
        keep_in(self.cache, key, completion)
        return completion

    def _chosen(self, completion: Completion, question: str, read: Sequence[Passage]) -> str:
        """Return the text that the others agree with most, among those with the most support."""
        if len(completion.texts) == 1:
            return completion.text
        supported = []
        for text in completion.texts:
            trial = Verification(self.checker, question, read, "drop")
            for each in said(text):
                trial.show(each)
            supported.append(trial.answer().supported_text)
        return completion.texts[vote(supported).place]

    def _facts(self, completion: Completion, *, cached: bool) -> dict[str, object]:
        usage = priced(completion.usage, price_of(self.model.name, self.prices))
        return {
            "generator": self.name,
            "usage": replace(usage, calls=0, seconds=0.0, cost=None) if cached else usage,
            "cached": cached,
            "incomplete": completion.incomplete,
            "reason": completion.reason if completion.incomplete else "",
        }


def _shown(verification: Verification, sentences: Iterable[Said], late: Deadline) -> Generator[str, None, bool]:
    """Check sentences and yield what may be shown of them; tell whether it became too late for some."""
    for each in sentences:
        if late.passed:
            return True
        if shown := verification.show(each):
            yield shown
    return False
