"""What a run has looked at is noted once and for all, for as long as the answer is kept."""

from __future__ import annotations

from rag.answers import Answer
from rag.feedback import Feedback


def test_what_a_run_has_looked_at_is_noted_and_goes_with_its_answer(feedback: Feedback) -> None:
    one, two, three = (feedback.keep(Answer(f"question {n}?", "yes")) or "" for n in range(3))
    feedback.look([one])
    assert feedback.spent() == {one}
    run = feedback.spend([one, two, "forgotten since"], "began")
    assert feedback.spent() == {one, two}
    feedback.report(run, "ended")
    assert (run, feedback.runs()) == (1, ["ended"])
    feedback.forget(two)
    assert feedback.spent() == {one}
    assert feedback.row(three).state == "new"


def test_each_file_has_a_secret_of_its_own(feedback: Feedback) -> None:
    with Feedback.open(feedback.folder) as again:
        assert again.salt == feedback.salt
        assert again.digest_of("ann") == feedback.digest_of("ann") != feedback.digest_of("bob")
    assert len(feedback.salt) == 32
    assert feedback.digest_of("") == ""
