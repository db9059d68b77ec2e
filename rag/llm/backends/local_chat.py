"""The base of the models that run in this process: prompts by their templates, grammars, revisions of files."""

from __future__ import annotations

import hashlib
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import PromptTooLong
from ..budget import Budget
from ..chat_model import ChatModel, Request
from ..constraints import Constraint
from ..language_model import Message
from ..sampling import Sampling
from .chat_template import NEXT_TURN, render
from .grammar import Grammar

_GRAMMARS = 64
"""Compiled constraints that are kept."""


class LocalChat(ChatModel):
    """Base of the models that run in this process. Safe to share between threads, which take turns."""

    samples = frozenset(option.name for option in fields(Sampling)) - {"n"}
    constrains = frozenset({"json schema", "choice", "regex"})

    def __init__(self, name: str, *, budget: Budget | None = None) -> None:
        super().__init__(name, budget=budget)
        self._grammars: dict[Constraint, Grammar] = {}
        self._lock = threading.Lock()

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text by the model's own tokenizer, without special ones."""
        return len(self._encode(text, begins=False))

    def prompt(self, request: Request) -> tuple[list[int], tuple[str, ...]]:
        """Return the token ids of a conversation, and the texts that end the answer.

        Raises
        ------
        PromptTooLong
            The model's context does not hold it.
        """
        text, templated = render(self._without_control_tokens(request.messages), self._template)
        ids = self._encode(text, begins=not templated)
        if self.context is not None and len(ids) >= self.context:
            raise PromptTooLong(
                f"the prompt has {len(ids)} tokens, and {self.name} takes {self.context} together with its answer; "
                "retrieve fewer passages (k), shorten the conversation, or give a larger context"
            )
        return ids, request.sampling.stop if templated else (*request.sampling.stop, NEXT_TURN)

    def _grammar(self, constraint: Constraint) -> Grammar:
        if constraint not in self._grammars:
            if len(self._grammars) >= _GRAMMARS:
                self._grammars.clear()
            self._grammars[constraint] = Grammar(self._guided_tokenizer, constraint)
        return self._grammars[constraint]

    @abstractmethod
    def _encode(self, text: str, *, begins: bool) -> list[int]:
        """Return the token ids of a text that may hold control tokens; ``begins`` adds those that open a text."""

    @cached_property
    @abstractmethod
    def _template(self) -> Callable[[list[dict[str, str]]], str] | None:
        """The chat template, see `rag.llm.backends.chat_template.render`."""

    @abstractmethod
    def _without_control_tokens(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages with nothing in them that the tokenizer would read as a control token."""

    @cached_property
    @abstractmethod
    def _guided_tokenizer(self) -> Any:  # noqa: ANN401 - untyped library
        """The tokenizer as llguidance takes it."""


def revision_of(files: Sequence[Path]) -> str:
    """Return a digest of the files' absolute paths, sizes and times of change; weights are too large to read."""
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
