"""What readers say about answers: kept beside the knowledge base, reviewed, and exported as judged questions.

>>> from rag.feedback import Feedback                       # doctest: +SKIP
>>> with Feedback.open(kb) as feedback:                     # doctest: +SKIP
...     answer = bot.ask("Who keeps the otters?")
...     name = feedback.keep(answer)
...     feedback.vote(name, "up")
"""

from .export import Export, export
from .feedback import NO_ANSWER, Feedback, NoSuchAnswer
from .review import Judgement, Proposal, judge, proposal
from .rows import Kept, Span, State, Vote

__all__ = [
    "NO_ANSWER",
    "Export",
    "Feedback",
    "Judgement",
    "Kept",
    "NoSuchAnswer",
    "Proposal",
    "Span",
    "State",
    "Vote",
    "export",
    "judge",
    "proposal",
]
