"""UMBRELA: a model grades passages from 0 to 3 as an assessor would.

S. Upadhyay, R. Pradeep, N. Thakur, N. Craswell and J. Lin, "UMBRELA: UMbrela is the (open-source reproduction of the)
Bing RELevance Assessor", arXiv 2406.06519, 2024; the prompt is the paper's, which is P. Thomas et al.'s, "Large
language models can accurately predict searcher preferences", SIGIR 2024.
"""

from __future__ import annotations

import re

from ..aggregate import Score
from ..judge import Judge, Unreadable
from .cases import Cases, Resources
from .judged import judge_of, mean_vote, retrieval_failed

HIGHEST = 3
RELEVANT = 2
"""The least grade of a relevant passage, where relevance is yes or no, as in TREC's deep learning track."""
PROMPT = """\
Given a query and a passage, you must provide a score on an integer scale of 0 to 3 with the following meanings:
0 = represent that the passage has nothing to do with the query,
1 = represents that the passage seems related to the query but does not answer it,
2 = represents that the passage has some answer for the query, but the answer may be a bit unclear, or hidden amongst \
extraneous information and
3 = represents that the passage is dedicated to the query and contains the exact answer.

Important Instruction: Assign category 1 if the passage is somewhat related to the topic but not completely, category \
2 if passage presents something very important related to the entire topic but also has some extra information and \
category 3 if the passage only and entirely refers to the topic. If none of the above satisfies give it category 0.

Query: {query}
Passage: {passage}

Split this problem into steps:
Consider the underlying intent of the search.
Measure how well the content matches a likely intent of the query (M).
Measure how trustworthy the passage is (T).
Consider the aspects above and the relative importance of each, and decide on a final score (O). Final score must be \
an integer value only.
Do not provide any code in result. Provide each score in the format of: ##final score: score without providing any \
reasoning."""
_FINAL = re.compile(r"final\s+score\W{0,5}(\d+)\b", re.IGNORECASE)
_ALONE = re.compile(r"\W*(\d+)\W*")


def context_relevance(cases: Cases, resources: Resources) -> list[Score]:
    """Mean grade of the first ``k`` passages, of 3; a passage that got no grade counts 0 and fails the row."""
    found = []
    for case in cases:
        score = retrieval_failed(case)
        if score is None:
            grades = [grade(judge_of(resources), case.question.text, passage.text) for passage in case.passages]
            values = [each.value or 0.0 for each in grades]
            bad = next((each for each in grades if each.failed), None)
            score = Score(sum(values) / len(values) / HIGHEST, bad.reason if bad else "", failed=bad is not None)
        found.append(score)
    return found


def grade(judge: Judge, query: str, passage: str) -> Score:
    """Have one passage graded.

    Returns
    -------
    Score
        The mean grade of the readable votes, 0 to 3; failed if no vote can be read.

    Notes
    -----
    The published prompt does not mark the passage as data: one that speaks to the judge may be obeyed.
    """
    votes = judge.ask_for(_grade, "", PROMPT.format(query=query, passage=passage))
    return mean_vote(
        [float(vote) for vote in votes if not isinstance(vote, str)], [v for v in votes if isinstance(v, str)]
    )


def _grade(text: str) -> int:
    said = _FINAL.findall(text) or _ALONE.fullmatch(text)
    found = int(said[-1] if isinstance(said, list) else said[1]) if said else -1
    if not 0 <= found <= HIGHEST:
        shown = " ".join(text.split())[:60]
        raise Unreadable(f"no score from 0 to {HIGHEST} in {shown!r}" if shown else "an empty answer")
    return found
