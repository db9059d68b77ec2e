"""``rag feedback``: what readers said about answers, its review, and its way into judged questions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InvalidInput

from ..plain_text import one_line, safe
from . import exit_codes
from .options import Json, KnowledgeBaseFolder
from .output import print_json, stderr, stdout

if TYPE_CHECKING:
    from rag.feedback import Feedback, Judgement, Kept, Proposal
    from rag.knowledge_base import KnowledgeBase

app = typer.Typer(
    help="See, review, export and delete what readers said about answers.", no_args_is_help=True, rich_markup_mode=None
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of answers.")]
_WHAT = "[a]ccept  NUMBERS of the passages that answer  [u]nanswerable  [r]eject  [s]kip  [q]uit"


@app.command("list")
def list_(
    kb: KnowledgeBaseFolder,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only those that are new, accepted or rejected.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also answers that nobody voted on.")] = False,
    json: Json = False,
) -> int:
    """List answers with what their readers said, the oldest first."""
    from rag.feedback import Feedback

    with Feedback.open(kb) as feedback:
        rows, counts = feedback.rows(state, voted=not every), feedback.counts()  # type: ignore[arg-type] # it looks
    if json:
        print_json({"counts": counts, "rows": [row.as_dict() for row in rows]})
        return exit_codes.OK
    console = stdout()
    for row in rows:
        asked = dt.datetime.fromtimestamp(row.at, tz=dt.UTC).strftime("%Y-%m-%d")
        said = f"{row.vote or '-':<4}  {row.state:<8}  {one_line(row.question, 80)}"
        console.print(f"{row.id}  {asked}  {said}", soft_wrap=True, markup=False, highlight=False)
    console.print(", ".join(f"{value} {name}" for name, value in counts.items()), style="dim")
    return exit_codes.OK


@app.command("review")
def review(
    kb: KnowledgeBaseFolder,
    ids: Ids = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept what the feedback says by itself, without asking.")
    ] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject, without asking.")] = False,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="The documents hold no answer; without asking.")
    ] = False,
    passages: Annotated[
        str | None, typer.Option(metavar="N[,N]", help="Numbers of the passages that answer; without asking.")
    ] = None,
    answer: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A right answer, in words; repeatable; without asking.")
    ] = None,
    question: Annotated[
        str, typer.Option(metavar="TEXT", help="The question in words that need no conversation before them.")
    ] = "",
    json: Json = False,
) -> int:
    """Turn feedback into judged questions, one by one, or by options. Only what is accepted here is ever exported."""
    from rag.feedback import Feedback
    from rag.knowledge_base import KnowledgeBase

    chosen = _Chosen(accept, reject, unanswerable, passages, tuple(answer or ()), question)
    chosen.check(len(ids or ()))
    if json and chosen.asks:
        raise InvalidInput("--json asks nobody: say what to do with --accept, --reject, --unanswerable or --passages")
    with KnowledgeBase.open(kb) as base, Feedback.open(base) as feedback:
        rows = [feedback.row(each) for each in ids] if ids else feedback.rows("new")
        did = {"accepted": 0, "rejected": 0, "left": 0}
        for number, row in enumerate(rows, 1):
            what = _reviewed(feedback, base, row, chosen, f"{number} of {len(rows)}")
            if what == "quit":
                did["left"] += len(rows) - number + 1
                break
            did[what] += 1
    if json:
        print_json(did)
    else:
        stdout().print(", ".join(f"{count} {what}" for what, count in did.items()))
    return exit_codes.OK


class _Chosen:
    """One judgement by the options, for all answers alike."""

    def __init__(
        self,
        accept: bool,
        reject: bool,
        unanswerable: bool,
        passages: str | None,
        answers: tuple[str, ...],
        question: str,
    ) -> None:
        self.accept, self.reject, self.unanswerable = accept, reject, unanswerable
        self.passages, self.answers, self.question = passages, answers, question

    @property
    def asks(self) -> bool:
        """Whether somebody is asked."""
        return not (self.accept or self.reject or self.unanswerable or self.passages or self.answers)

    def check(self, named: int) -> None:
        """Refuse what contradicts itself, and what fits one answer alone where several are meant."""
        own = bool(self.passages or self.answers)
        if sum((self.accept, self.reject, self.unanswerable, own)) > 1:
            raise InvalidInput("--accept, --reject, --unanswerable, and --passages with --answer: give one of them")
        if (own or self.unanswerable or self.question) and named != 1:
            raise InvalidInput("--passages, --answer, --unanswerable and --question are of one answer: give its id")

    def judgement(self, found: Proposal) -> Judgement | None:
        """Return what is right for an answer; None where the feedback says too little by itself."""
        from dataclasses import replace

        from rag.feedback import Judgement

        made = found.judgement
        if not self.accept:
            spans = _passages(found, self.passages or "")
            made = Judgement(spans, self.answers, self.unanswerable)
        return None if made is None else replace(made, question=self.question)


def _passages(found: Proposal, numbers: str) -> tuple[Any, ...]:
    wanted = [each for each in numbers.replace(",", " ").split() if each]
    if not all(each.isdecimal() and 1 <= int(each) <= len(found.passages) for each in wanted):
        raise InvalidInput(f"passages {numbers!r}: give numbers from 1 to {len(found.passages)}, such as 1,3")
    return tuple(found.passages[int(each) - 1] for each in wanted)


def _reviewed(feedback: Feedback, kb: KnowledgeBase, row: Kept, chosen: _Chosen, place: str) -> str:
    """Review one answer; return what was done: accepted, rejected, left, or quit."""
    from rag.feedback import judge, proposal

    found = proposal(row, kb)
    if chosen.asks:
        return _asked(feedback, row, found, place)
    if chosen.reject:
        judge(feedback, row.id, None)
        return "rejected"
    judgement = chosen.judgement(found)
    if judgement is None:  # a thumb down and no more is not a judgement: somebody has to look
        return "left"
    judge(feedback, row.id, judgement)
    return "accepted"


def _asked(feedback: Feedback, row: Kept, found: Proposal, place: str) -> str:
    """Show one answer, and ask what is right until something is."""
    from rag.feedback import judge

    _show(row, found, place)
    while True:
        said = typer.prompt(_WHAT, default="s", show_default=False).strip().lower()
        if said in {"s", "q"}:
            return {"s": "left", "q": "quit"}[said]
        try:
            if said == "r":
                judge(feedback, row.id, None)
                return "rejected"
            judge(feedback, row.id, _said(said, found))
        except InvalidInput as error:
            stderr().print(safe(str(error)), style="yellow", soft_wrap=True, markup=False)
            continue
        return "accepted"


def _said(said: str, found: Proposal) -> Judgement:
    from rag.feedback import Judgement

    if said == "a":
        if found.judgement is None:
            raise InvalidInput("there is nothing to accept: show where the answer is, or reject")
        return found.judgement
    if said == "u":
        return Judgement(unanswerable=True)
    answers = () if found.judgement is None else found.judgement.answers
    return Judgement(_passages(found, said), answers)


def _show(row: Kept, found: Proposal, place: str) -> None:
    console = stdout()

    def line(text: str, style: str = "") -> None:
        console.print(safe(text), style=style, soft_wrap=True, markup=False, highlight=False)

    line(f"\n{place}: {one_line(row.question)}", "bold")
    for turn in row.history:
        line(f"  before, {turn.role}: {one_line(turn.content, 200)}", "dim")
    line(f"  {one_line(row.answer, 400)}")
    said = " ".join(each for each in (f"thumb {row.vote}.", row.reason, row.correction) if each)
    line(f"  {one_line(said, 400)}")
    right = () if found.judgement is None else found.judgement.spans
    for number, each in enumerate(found.passages, 1):
        star, where = "*" if each in right else " ", _ending(one_line(each.document), 60)
        line(f"  {star}{number}  {where}: {one_line(each.quote, 200)}")
    for reason in found.lost:
        line(f"  {reason}", "yellow")
    line(f"  {found.why}{' (*)' if right else ''}", "dim")


def _ending(name: str, longest: int) -> str:
    """Return a path cut to its end, which tells it from others."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


@app.command("export")
def export(
    kb: KnowledgeBaseFolder,
    into: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="File to write, one question a line.")],
    json: Json = False,
) -> int:
    """Write reviewed feedback as judged questions, for evaluate, experiment, tune and calibrate."""
    from rag.evaluation.questions.question_files import write_questions
    from rag.feedback import Feedback, export as exported
    from rag.knowledge_base import KnowledgeBase

    if into.suffix.lower() != ".jsonl":
        raise InvalidInput(f"--into {into}: give a file that ends in .jsonl, from which its readers know its form")
    with KnowledgeBase.open(kb) as base, Feedback.open(base) as feedback:
        found = exported(feedback, base)
    try:
        write_questions(found.questions, into)
    except OSError as error:
        raise InvalidInput(f"cannot write {into}: {error.strerror or error}") from error
    notes = found.questions.notes
    if json:
        told = {"questions": len(found.questions), "file": str(into), "dropped": list(found.dropped)}
        print_json({**told, "notes": list(notes)})
        return exit_codes.OK
    stdout().print(f"{len(found.questions)} questions written to {into}", soft_wrap=True)
    for each in (*found.dropped, *notes):
        stderr().print(one_line(each), style="yellow", soft_wrap=True, markup=False)
    return exit_codes.OK


@app.command("forget")
def forget(
    kb: KnowledgeBaseFolder,
    ids: Ids = None,
    principal: Annotated[
        str | None, typer.Option(metavar="NAME", help="All that was asked under this name of the file of keys.")
    ] = None,
    json: Json = False,
) -> int:
    """Delete answers with their feedback. No byte of them stays on disk."""
    from rag.feedback import Feedback

    if not ids and principal is None:
        raise InvalidInput("say what to forget: ids of answers, or --principal NAME")
    with Feedback.open(kb) as feedback:
        return _gone(feedback.forget(*(ids or ()), principal=principal), json=json)


@app.command("expire")
def expire(
    kb: KnowledgeBaseFolder,
    days: Annotated[float, typer.Option(metavar="DAYS", min=0, help="Delete what is older.")],
    unvoted: Annotated[bool, typer.Option("--unvoted", help="Only answers that nobody voted on.")] = False,
    json: Json = False,
) -> int:
    """Delete what is older than some days. No byte of it stays on disk."""
    from rag.feedback import Feedback

    with Feedback.open(kb) as feedback:
        return _gone(feedback.expire(days, unvoted=unvoted), json=json)


def _gone(count: int, *, json: bool) -> int:
    if json:
        print_json({"deleted": count})
    else:
        stdout().print(f"Deleted: {count} answers.")
    return exit_codes.OK
