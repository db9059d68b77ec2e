"""Run an experiment: each distinct stage once; a failure costs its rows only, and finished stages are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from indexes import IndexDamaged
from rag.children import process_pool
from rag.embedding.protocol import Embedder
from rag.errors import InvalidInput
from rag.evaluation import Saved, read_questions
from rag.evaluation.metrics.registry import lower_is_better
from rag.evaluation.results import DEFINITIONS

from ..benchmark.machine import machine, versions
from ..benchmark.results import alone
from . import own_parts, stages
from .cache import Cache, mark
from .config import Configuration, Experiment
from .outputs import RUNS, copy_trec, write_tables
from .provenance import code
from .results import CARD, SCORES, Result, Row
from .stages import Inputs, Keys

ORDER = ("store", "index", "run", "scores")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is.

    Attributes
    ----------
    done, total
        Distinct stages.
    doing
        What is being done.
    left
        Seconds that the stages of this kind still take, judged by those done; None before the first one is done.
    """

    done: int
    total: int
    doing: str
    left: float | None = None


class Did(NamedTuple):
    """What became of a stage: why it failed; whether it was made here; whether another run is making it."""

    error: str = ""
    made: bool = True
    busy: bool = False


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Task:
    """One distinct stage: done for the first configuration that needs it."""

    stage: str
    key: str
    keys: Keys
    configuration: Configuration

    @property
    def needs(self) -> str:
        """The key before it; empty for the first stage."""
        at = ORDER.index(self.stage)
        return str(getattr(self.keys, ORDER[at - 1])) if at else ""


def run(
    experiment: Experiment,
    out: str | Path,
    *,
    jobs: int = 1,
    resume: bool = False,
    cache: str | Path | None = None,
    embedders: Mapping[str, Embedder] | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Run every configuration and write what was found into a folder.

    What was done before, by this experiment or another one with the same cache, is taken from there: running again
    after Ctrl-C, a kill or a change of the experiment does only what is missing.

    Parameters
    ----------
    out
        Folder for the results.
    jobs
        Processes to work in. More than one share the machine, so that latencies are longer; the card says so.
    resume
        Insist that an earlier run has begun in ``out``.
    cache
        Folder of finished stages; ``out/cache`` where None.
    embedders
        Embedders that are objects, by the name that the experiment uses; for one job only.
    on_progress
        Called before and after every stage.

    Raises
    ------
    InvalidInput
        The data cannot be used, or there is nothing to resume.
    ResultsExist
        Another experiment is writing into ``out``.
    """
    folder = Path(out)
    started = folder / "cache" if cache is None else Path(cache)
    if resume and not started.is_dir():
        raise InvalidInput(f"nothing to resume: no experiment has begun in {folder}; leave --resume out")
    if jobs < 1 or (jobs > 1 and embedders):
        raise InvalidInput("jobs must be 1 or more, and 1 where embedders are objects: these cannot change processes")
    if jobs > 1 and (here := own_parts.stays_here(experiment.own) or experiment.measure.stays_here):
        raise InvalidInput(f"jobs must be 1: {here} is an object, which cannot change processes; name it module:Class")
    inputs = prepared(experiment, embedders or {}, jobs)
    with alone(folder, "rag experiment"):
        return _run(inputs, folder, started, cache is None, on_progress or (lambda _: None))


def _run(inputs: Inputs, folder: Path, started: Path, own_cache: bool, tell: OnProgress) -> Result:
    experiment, jobs = inputs.experiment, inputs.jobs
    mark(started)
    start = time.perf_counter()
    work = _Work(inputs, Cache(started.resolve()), jobs, tell)
    configurations = experiment.configurations()
    every = [stages.keys(inputs, each) for each in configurations]
    work.run(configurations, every)
    rows, saved = [], {}
    for configuration, own in zip(configurations, every, strict=True):
        row, found = work.row(configuration, own)
        if found is not None:
            row = work.with_run(row, folder)
        rows.append(row)
        if found is not None:
            saved[row.name] = found
    card = {
        **_card(inputs, work, jobs, saved.values()),
        "cache": "cache" if own_cache else str(started.resolve()),
        "seconds": time.perf_counter() - start,
    }
    result = Result(tuple(rows), saved, card, {q.id: q.text for q in inputs.questions})
    result.save(folder)
    write_tables(result, folder)
    return result


def prepared(experiment: Experiment, embedders: Mapping[str, Embedder], jobs: int) -> Inputs:
    """Read the questions and look at the corpus: all that every configuration shares.

    Raises
    ------
    InvalidInput
        There is no question, or their gold does not hold for every configuration.
    """
    given = experiment.questions
    questions = read_questions(given, split=experiment.split) if isinstance(given, str) else given
    if experiment.sample is not None:
        questions = questions.sample(experiment.sample, seed=experiment.seed)
    if not questions.questions:
        raise InvalidInput(f"{questions.name} holds no question: {'; '.join(questions.problems[:3])}")
    stored = [part for part in experiment.varied if part in {"chunker", "embedder"}]
    if questions.level == "chunk" and stored:
        raise InvalidInput(
            f"the questions' gold are chunk ids, which differ when {' and '.join(stored)} vary; "
            "give documents or spans as gold"
        )
    return Inputs(
        experiment,
        questions,
        stages.kb_digest(experiment.kb)
        if experiment.kb
        else stages.corpus_digest(experiment.corpus, experiment.folder, experiment.documents),
        questions.level,
        embedders,
        jobs,
    )


class _Work:
    """The graph of distinct stages, and what became of each."""

    def __init__(self, inputs: Inputs, cache: Cache, jobs: int, tell: OnProgress) -> None:
        self.inputs, self.cache, self.jobs, self._tell = inputs, cache, jobs, tell
        self.errors: dict[str, str] = {}
        self.notes: dict[str, None] = {}
        self.done = dict.fromkeys(ORDER, 0)
        self.cached = dict.fromkeys(ORDER, 0)
        self._steps = self._total = 0
        self._left: float | None = None

    def run(self, configurations: Sequence[Configuration], every: Sequence[Keys]) -> None:
        """Do all stages that are not done yet, one kind after the other."""
        tasks = {stage: distinct(stage, configurations, every) for stage in ORDER}
        missing = {
            stage: [task for task in own if not stages.done(self.cache, stage, task.keys)]
            for stage, own in tasks.items()
        }
        asked = {task.key for task in missing["run"]}
        missing["scores"] = [t for t in tasks["scores"] if t in missing["scores"] or t.needs in asked]
        self.cached = {stage: len(tasks[stage]) - len(missing[stage]) for stage in ORDER}
        self._total = sum(map(len, missing.values()))
        for stage in ORDER:
            ready = []
            for task in missing[stage]:
                if task.needs in self.errors:
                    self.errors[task.key] = self.errors[task.needs]
                    self._step(f"{stage} left out")
                else:
                    ready.append(task)
            start = time.perf_counter()
            for number, (task, did) in enumerate(self._do(ready), 1):
                if did.error:
                    self.errors[task.key] = did.error
                else:
                    (self.done if did.made else self.cached)[stage] += 1
                self._left = (time.perf_counter() - start) / number * (len(ready) - number)
                self._step(f"{stage}: {task.configuration.name}")
            self._left = None

    def _step(self, doing: str) -> None:
        self._steps += 1
        self._say(doing)

    def _say(self, doing: str) -> None:
        self._tell(Progress(self._steps, self._total, doing, self._left))

    def _far(self, doing: str, far: str) -> None:
        self._say(f"{doing}, {far}")

    def _do(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Did]]:
        """Do stages; those that another run is making come last, and are taken from it."""
        busy = []
        for task, did in self._shared(tasks) if self.jobs > 1 and len(tasks) > 1 else self._alone(tasks):
            if did.busy:
                busy.append(task)
            else:
                yield task, did
        for task in busy:
            self._say(f"{task.stage}: {task.configuration.name}, waits for another run that makes it")
            yield task, attempt(self.inputs, self.cache, task, wait=True)

    def _alone(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Did]]:
        for task in tasks:
            doing = f"{task.stage}: {task.configuration.name}"
            self._say(doing)
            yield task, attempt(self.inputs, self.cache, task, partial(self._far, doing))

    def _shared(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Did]]:
        left = list(tasks)
        with process_pool(self.jobs) as pool:
            futures: dict[Future[Did], Task] = {
                pool.submit(attempt, self.inputs, self.cache, task): task for task in tasks
            }
            for future in as_completed(futures):
                if not isinstance(future.exception(), BrokenProcessPool):
                    left.remove(futures[future])
                    yield futures[future], future.result()
        for task in left:  # one of them took its process down: each gets one of its own, to find it
            with process_pool(1) as pool:
                try:
                    yield task, pool.submit(attempt, self.inputs, self.cache, task).result()
                except BrokenProcessPool:
                    yield task, Did(f"the process of its {task.stage} died (a crash in native code, or out of memory)")

    def row(self, configuration: Configuration, own: Keys) -> tuple[Row, Saved | None]:
        """Return what is known of a configuration."""
        named = {stage: getattr(own, stage) for stage in ORDER}
        error = next((self.errors[key] for key in named.values() if key in self.errors), "")
        pipeline = {"digest": configuration.written.digest, "configuration": configuration.digest}
        row = Row(configuration.name, configuration.parts, keys=named, error=error, pipeline=pipeline)
        if error:
            return row, None
        try:
            facts = {stage: self.cache.facts(stage, key) for stage, key in named.items()}
            self.notes |= dict.fromkeys(_unread(facts["store"]))
            remarks = facts["run"]["remarks"].items()
            self.notes |= dict.fromkeys(f"{row.name}: {count} questions: {note}" for note, count in remarks)
            saved = Saved.load(self.cache.place(SCORES, own.scores) / stages.SCORES)
        except (IndexDamaged, InvalidInput) as damage:
            return replace(row, error=f"damaged while it ran: {damage}; run again"), None
        seconds = {stage: float(facts[stage]["seconds"]) for stage in ("store", "index", "run")}
        memory = sum(facts["index"]["memory"].values())
        latency = facts["run"]["latency"]
        measured = facts["run"].get("made", {})
        found = replace(
            row,
            metrics=saved.metrics,
            latency=latency,
            memory_bytes=memory,
            seconds=seconds,
            measured=measured,
            failed=facts["run"]["failed"],
        )
        return found, saved

    def with_run(self, row: Row, folder: Path) -> Row:
        """Put a row's TREC run and judgments into the results."""
        name = row.pipeline["configuration"]
        scores = self.cache.place(SCORES, row.keys[SCORES])
        if problem := copy_trec(scores, folder / RUNS, name):
            self.notes |= {f"{row.name}: no TREC run: {problem}": None}
            return row
        return replace(row, pipeline={**row.pipeline, "run": f"{RUNS}/{name}.trec"})


def attempt(inputs: Inputs, cache: Cache, task: Task, tell: stages.Tell = stages.silent, *, wait: bool = False) -> Did:
    """Do one stage, unless another run is making it (and ``wait`` is false) or has made it meanwhile."""
    try:
        with cache.making(task.stage, task.key, wait=wait) as ours:
            if not ours:
                return Did(busy=True)
            if stages.done(cache, task.stage, task.keys):
                return Did(made=False)
            own_parts.register_engines(task.configuration.own)
            _make(inputs, cache, task, tell)
    except Exception as error:  # noqa: BLE001 - a failure belongs to its row
        return Did(f"{task.stage}: {type(error).__name__}: {' '.join(str(error).split())}"[:500])
    return Did()


def _make(inputs: Inputs, cache: Cache, task: Task, tell: stages.Tell) -> None:
    if task.stage == "store":
        stages.make_store(inputs, cache, task.key, task.configuration, tell=tell)
    elif task.stage == "index":
        stages.make_index(inputs, cache, task.key, task.keys.store, task.configuration)
    elif task.stage == "run":
        stages.make_run(inputs, cache, task.key, task.keys.index, task.configuration, tell=tell)
    else:
        stages.make_scores(inputs, cache, task.key, task.keys, task.configuration)


def _unread(store: Mapping[str, Any]) -> list[str]:
    """Say which files of the corpus could not be read."""
    count, first = store["n_failures"], store["failures"][:1]
    return [f"{count} files of the corpus cannot be read: {first[0]}"] if count else []


def distinct(stage: str, configurations: Sequence[Configuration], every: Sequence[Keys]) -> list[Task]:
    """Return the distinct tasks of a stage, each with the first configuration that needs it."""
    found: dict[str, Task] = {}
    for configuration, own in zip(configurations, every, strict=True):
        key = getattr(own, stage)
        found.setdefault(key, Task(stage, key, own, configuration))
    return list(found.values())


def _places(experiment: Experiment) -> list[str]:
    if experiment.kb:
        return [experiment.kb]
    count = len(experiment.documents)
    return [*experiment.corpus, *([f"{count} documents from Python"] if count else [])]


def _card(inputs: Inputs, work: _Work, jobs: int, saved: Iterable[Saved]) -> dict[str, Any]:
    experiment = inputs.experiment
    said = (*inputs.questions.remarks, *(each for own in saved for each in own.problems))
    problems = dict.fromkeys(said)
    return {
        "name": experiment.name,
        "metric": experiment.measure.metrics[0],
        "lower": [name for name in inputs.metrics if lower_is_better(name)],
        "own_metrics": dict(experiment.measure.own),
        "seed": experiment.seed,
        "configurations": len(experiment),
        "varied": list(experiment.varied),
        "experiment": experiment.digest,
        "corpus": {"paths": _places(experiment), "digest": inputs.corpus},
        "questions": {
            "name": inputs.questions.name,
            "n": len(inputs.questions),
            "digest": inputs.questions.digest,
            "level": inputs.level,
            "problems": list(problems),
        },
        "notes": list(work.notes),
        "stages_done": work.done,
        "stages_from_cache": work.cached,
        "jobs": jobs,
        "code": code(),
        "definitions": DEFINITIONS,
        "machine": machine(),
        "versions": versions(),
    }


__all__ = ["CARD", "Progress", "run"]
