"""The calibrations that are stored with a knowledge base, as far as they were fitted under a pipeline value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..answers import Answer
from ..grounding.verification import withheld
from .generators import EXTRACTIVE

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase
    from .calibration import Calibration

Changed = Callable[[str, Collection[str]], str]
"""Says in which fields of the given uses a value, as TOML, differs from the bot's; empty where in none."""


@dataclass(frozen=True, slots=True)
class StoredCalibrations:
    """Those that may judge a bot's answers, by generator.

    Attributes
    ----------
    notes
        The calibration that was fitted under another value and is not applied, in words.
    """

    by_generator: Mapping[str, Calibration] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, kb: KnowledgeBase, generator: str, changed_since: Changed) -> StoredCalibrations:
        """Load that of a generator, and that of the quotes which may replace its answers."""
        from .calibration import Calibration, setting_of

        found, notes = {}, []
        for each in dict.fromkeys((generator, EXTRACTIVE)):
            text = kb.setting(setting_of(each))
            if text is None:
                continue
            calibration = Calibration.from_json(text)
            uses = {"retrieval"} if each != generator else {"retrieval", "answer", "model"}
            unknown = "an earlier version did not say which"
            changed = changed_since(calibration.pipeline, uses) if calibration.pipeline else unknown
            if not changed:
                found[each] = calibration
            elif each == generator:
                why = f"the calibration of {generator} is not applied: it was fitted under another pipeline ({changed})"
                notes.append(f"{why}; fit it again: rag calibrate {kb.location} QUESTIONS")
        return cls(found, tuple(notes))

    def judged(self, answer: Answer, threshold: float | None) -> Answer:
        """Return an answer with its calibrated support; withheld where that is below the threshold."""
        calibration = self.by_generator.get(answer.generator)
        if answer.abstained:
            return answer
        if calibration is not None:
            answer = replace(answer, support=calibration.judge(answer), calibrated=True)
            threshold = calibration.threshold if threshold is None else threshold
        if threshold is None:
            return answer
        answer = replace(answer, threshold=threshold)
        return answer if answer.support >= threshold else withheld(answer, answer.support_in_words)
