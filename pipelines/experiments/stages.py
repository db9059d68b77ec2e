"""The stages of an experiment: their inputs, keys and work.

::

    store (read, cut, embed)  ->  index  ->  run (ask every question)  ->  scores

A stage's key is the digest of its own settings and of the key before it, so two configurations share a stage exactly
when nothing that it depends on differs. All of it happens on the knowledge base, retriever and bot that users run.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents.document import Document, Scalar
from rag.errors import InvalidInput, RagError
from rag.evaluation import Outcome, QuestionSet, ask_all, score
from rag.evaluation.collecting import is_own_way
from rag.evaluation.evaluator import checked, depth
from rag.evaluation.filter_check import refuse_useless_filter
from rag.evaluation.questions.locating import located
from rag.evaluation.questions.questions import Level
from rag.evaluation.results import corpus_digest as content_digest
from rag.knowledge_base import AddProgress, AddReport, KnowledgeBase
from rag.loaders.discovery import discover
from rag.loaders.results import LoadFailure
from rag.retrieval.retriever import Retriever, is_language_model
from rag.store.sentence_search import TwoGranularities

from ..evaluation.defaults import answers_needed
from ..ingest import Options, ingest, new_or_open
from . import outcomes
from .cache import MANIFEST, Cache, digest
from .config import Configuration, Experiment
from .corpora import documents_digest
from .fields import STORE_FIELDS, stage_of
from .made_parts import Embedders, bot_of, chunker_of, embedder_of, retriever_of
from .outputs import write_trec
from .provenance import code_of, made

if TYPE_CHECKING:
    from rag.llm.cache import CompletionCache
    from rag.retrieval.config import PipelineConfig

_QUICK = 64
"""Questions between two entries of the journal, where asking costs nothing but time."""

Tell = Callable[[str], None]
"""Called with a few words on how far a stage is."""


def silent(_: str) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Inputs:
    """Inputs that all configurations share.

    Attributes
    ----------
    corpus
        Digest over all files.
    level
        What is judged.
    jobs
        Processes that share the machine.
    """

    experiment: Experiment
    questions: QuestionSet
    corpus: str
    level: Level
    embedders: Embedders
    jobs: int = 1

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, with context precision and recall."""
        return checked(self.experiment.measure.metrics)


@dataclass(frozen=True)
class Keys:
    """The keys of a configuration's stages."""

    store: str
    index: str
    run: str
    scores: str


def done(cache: Cache, stage: str, before: Keys) -> bool:
    """Say whether a stage's result is there, whole and final.

    A run in which a question failed, or lost a step, is asked again; and figures are judged again when the run that
    they judge was made again.
    """
    if not cache.has(stage, getattr(before, stage)):
        return False
    facts = cache.facts(stage, getattr(before, stage))
    if stage == "run":
        return not facts["failed"]
    if stage == "scores":
        return cache.has("run", before.run) and bool(facts["of"] == cache.facts("run", before.run)["digest"])
    return True


def corpus_digest(paths: Sequence[str], folder: str = "", documents: Sequence[Document] = ()) -> str:
    """Return a digest over names and bytes of all files, and over the contents of documents that are objects."""
    found, why = {}, ""
    for each in discover(paths, base=folder):
        if not isinstance(each, LoadFailure):
            found[each.source] = each.sha256
        elif not each.skipped:
            why = why or f": {each.detail}"
    if not found and not documents:
        raise InvalidInput(f"no file to read in {', '.join(paths)}{why}")
    own = {"documents": documents_digest(documents)} if documents else {}
    return digest({"corpus": sorted(found.items()), **own})


def keys(inputs: Inputs, configuration: Configuration) -> Keys:
    """Return the keys of the stages of a configuration."""
    experiment = inputs.experiment
    # Without those that have their default: a field that joins later changes no key of what never used it.
    stored = {name: configuration.parts[name] for name, row in STORE_FIELDS.items()}
    chosen = {name: value for name, value in stored.items() if value != STORE_FIELDS[name].default}
    own: dict[str, dict[str, Any]] = {
        stage: {name: value for name, value in chosen.items() if stage_of(name) == stage} for stage in _STAGES
    }
    own["run"] = configuration.written.with_(cache=None, prices=None).changed()
    read = configuration.contents
    facts = {stage: {**own[stage], "contents": read[stage], "code": code_of(stage)} for stage in _STAGES}
    store = digest({"stage": "store", "corpus": inputs.corpus, **facts["store"]})
    index = digest({"stage": "index", "on": store, **facts["index"]})
    asked = {"questions": inputs.questions.digest, "level": inputs.level, "latency": experiment.measure.latency}
    deep = depth(inputs.metrics, configuration.pipeline.k, inputs.level)
    run = digest({"stage": "run", "on": index, "depth": deep, **asked, **facts["run"]})
    judged = {"metrics": inputs.metrics, "seed": experiment.seed, "code": code_of("scores")}
    if experiment.measure.own:
        judged["own"] = dict(experiment.measure.own)
    scores = digest({"stage": "scores", "on": run, **judged})
    return Keys(store, index, run, scores)


_STAGES = ("store", "index", "run")


def kb_digest(folder: str) -> str:
    """Return a digest over what a knowledge base holds, and how it is searched."""
    with KnowledgeBase.open(folder) as kb:
        identity = dict(kb.status().identity)
        return digest({"kb": str(kb.path), "corpus": content_digest(kb), "seq": kb.seq, **identity, "by": kb.indexes})


def place_of(inputs: Inputs, cache: Cache, index: str) -> Path:
    """Return the folder of the knowledge base that is asked."""
    return Path(inputs.experiment.kb) if inputs.experiment.kb else cache.place("index", index)


def _is_there(inputs: Inputs, cache: Cache, stage: str, key: str) -> bool:
    """Note that a stage of a knowledge base that is there has nothing to do; say whether that is so."""
    if not inputs.experiment.kb:
        return False
    facts: dict[str, Any] = {"seconds": 0.0, "made": made(inputs.jobs), "failures": [], "n_failures": 0}
    if stage == "index":
        with KnowledgeBase.open(inputs.experiment.kb) as kb:
            facts["memory"] = index_memory(kb)
    cache.write(stage, key, facts, lambda _: None)
    return True


def make_store(inputs: Inputs, cache: Cache, key: str, configuration: Configuration, *, tell: Tell = silent) -> None:
    """Read, cut and embed the corpus into a knowledge base."""
    if _is_there(inputs, cache, "store", key):
        return
    start = time.perf_counter()
    facts: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        options = Options(
            indexes=("flat",),
            chunker=chunker_of(inputs.embedders, configuration),
            granularity=str(configuration.parts["granularity"]),
            embedder=embedder_of(inputs.embedders, configuration) or configuration.placed("embedder"),  # type: ignore[arg-type] # text or None
        )
        reports = list(_reports(inputs.experiment, folder, options, tell))
        failures = [f"{f.source}: {f.reason}" for own in reports for f in own.failures if not f.skipped]
        facts.update(
            seconds=time.perf_counter() - start,
            made=made(inputs.jobs),
            documents=sum(own.added for own in reports),
            chunks=sum(own.chunks for own in reports),
            embedded=sum(own.embedded for own in reports),
            failures=failures[:100],
            n_failures=len(failures),
        )

    cache.write("store", key, facts, fill)


def _reports(experiment: Experiment, folder: Path, options: Options, tell: Tell) -> Iterator[AddReport]:
    """Put files, and documents that are objects, into a knowledge base."""

    def told(p: AddProgress) -> None:
        tell(f"{p.chunks:,} chunks of {p.documents:,} documents")

    if experiment.corpus:
        yield ingest(experiment.corpus, folder, options=options, base=experiment.folder, on_progress=told)
    if experiment.documents:
        with new_or_open(folder, options) as kb:
            taken = kb.sources().keys() & {each.source for each in experiment.documents}
            if taken or (taken := set(kb.document_ids()) & {each.id for each in experiment.documents}):
                raise InvalidInput(f"a file and a document of the corpus are both called {min(taken)!r}")
            yield kb.add(experiment.documents, on_progress=told)


def make_index(inputs: Inputs, cache: Cache, key: str, store: str, configuration: Configuration) -> None:
    """Build a configuration's indexes from the vectors that are stored; nothing is embedded."""
    if _is_there(inputs, cache, "index", key):
        return
    start = time.perf_counter()
    specs = [str(configuration.parts[part]) for part in ("index", "terms")]
    facts: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        shutil.copytree(
            cache.place("store", store), folder, ignore=shutil.ignore_patterns("lock", MANIFEST), dirs_exist_ok=True
        )
        with KnowledgeBase.open(folder, mode="w", embedder=embedder_of(inputs.embedders, configuration)) as kb:
            kb.reindex(specs)
        with KnowledgeBase.open(folder, embedder=embedder_of(inputs.embedders, configuration)) as kb:
            memory = index_memory(kb)
        facts.update(seconds=time.perf_counter() - start, made=made(inputs.jobs), memory=memory)

    cache.write("index", key, facts, fill)


def index_memory(kb: KnowledgeBase) -> dict[str, int]:
    """Return the bytes of every index that a search uses, analytic: that of the sentences, if there is one, as well."""
    found: dict[str, Any] = {spec: kb.index(_family(spec), spec) for spec in kb.indexes}
    dense = kb.dense() if any(_family(spec) == "dense" for spec in kb.indexes) else None
    if isinstance(dense, TwoGranularities):
        found["sentences"] = dense.sentences.index
    return {spec: sum(index.memory().values()) for spec, index in found.items()}


def make_run(
    inputs: Inputs, cache: Cache, key: str, index: str, configuration: Configuration, *, tell: Tell = silent
) -> None:
    """Ask every question; what a killed run has asked already is not asked again."""
    k = configuration.pipeline.k
    journal = journal_of(cache, key)
    journal.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with ExitStack() as stack:
        place = place_of(inputs, cache, index)
        kb = stack.enter_context(KnowledgeBase.open(place, embedder=embedder_of(inputs.embedders, configuration)))
        refuse_useless_filter(kb, configuration.pipeline.where)
        # Configurations that differ in other fields often give a model the same prompt; it is paid for once.
        completions = _completions(cache, configuration.pipeline)
        retriever = stack.enter_context(retriever_of(kb, configuration, completions))
        answering = answers_needed(inputs.metrics)
        system: Any = stack.enter_context(bot_of(retriever, configuration)) if answering else retriever
        done = {each.question for each in outcomes.read(journal) if not wrong(each)}
        left = [q for q in inputs.questions if q.id not in done]
        # What a model was paid for is on disk before it is asked again.
        step = _QUICK if system is retriever and retriever.model is None else 1
        for at in range(0, len(left), step):
            deep = depth(inputs.metrics, k, inputs.level)
            asking = left[at : at + step]
            asked_now = ask_all(system, asking, depth=deep, k=k, repeats=inputs.level == "document")
            outcomes.append(journal, asked_now, k)
            tell(f"{len(done) + min(at + step, len(left)):,} of {len(inputs.questions):,} questions")
        # A question that failed was asked again: its last outcome counts.
        asked = list({each.question: each for each in outcomes.read(journal)}.values())
        # QueryDraft again, a model would answer from the cache.
        free = system is retriever and completions is None
        latency = _latency(retriever, inputs) if free else _latencies(asked)
    failed = Counter(wrong(each) for each in asked if wrong(each))
    facts = {
        "seconds": time.perf_counter() - start,
        "made": made(inputs.jobs),
        "latency": latency,
        "failed": dict(failed.most_common()),
        "remarks": dict(Counter(note for each in asked for note in dict.fromkeys(each.notes) if is_own_way(note))),
    }
    cache.write("run", key, facts, lambda folder: outcomes.append(folder / _OUTCOMES, asked, k))
    if not failed:  # the next run goes on from the journal, and asks what failed
        journal.unlink(missing_ok=True)


def wrong(outcome: Outcome) -> str:
    """Return why an outcome is not a measurement of its configuration: an error, or steps that were left out."""
    return outcome.error or "; ".join(note for note in dict.fromkeys(outcome.notes) if not is_own_way(note))


def make_scores(inputs: Inputs, cache: Cache, key: str, before: Keys, configuration: Configuration) -> None:
    """Judge what a run gave."""
    path = cache.place("run", before.run) / _OUTCOMES
    of = cache.facts("run", before.run)["digest"]
    place = place_of(inputs, cache, before.index)
    with KnowledgeBase.open(place, embedder=embedder_of(inputs.embedders, configuration)) as kb:
        embedder = kb.embedder if answers_needed(inputs.metrics) else None
        result = score(
            located(inputs.questions, kb),
            list(outcomes.read(path)),
            metrics=inputs.metrics,
            k=configuration.pipeline.k,
            level=inputs.level,
            embedder=embedder,
            kb=kb,
            name=configuration.name,
            seed=inputs.experiment.seed,
        )
    result = replace(result, pipeline=configuration.written.form())

    def fill(folder: Path) -> None:
        result.save(folder / SCORES)
        write_trec(result, folder)

    cache.write("scores", key, {"of": of}, fill)


SCORES = "evaluation.json"
COMPLETIONS = "completions.sqlite"
_COMPLETIONS_KEPT = 1_000_000
_OUTCOMES = "outcomes.jsonl"


def journal_of(cache: Cache, key: str) -> Path:
    """Return the file that a run's outcomes are written to as they come."""
    place = cache.place("run", key)
    return place.with_name(f"{place.name}.journal")


def _completions(cache: Cache, config: PipelineConfig) -> CompletionCache | None:
    asks = any(is_language_model(spec) for spec in (config.model or "", config.generator))
    if not asks and "llm=" not in f"{config.rewrite}+{config.rerank}":
        return None
    from rag.llm.cache import CompletionCache

    return CompletionCache(cache.folder / COMPLETIONS, size=_COMPLETIONS_KEPT)


def _latency(retriever: Retriever, inputs: Inputs) -> dict[str, Scalar]:
    """Ask some questions one at a time and return what that takes, in milliseconds."""
    some = inputs.questions.sample(max(1, inputs.experiment.measure.latency), seed=inputs.experiment.seed)
    if not inputs.experiment.measure.latency:
        return {}
    for question in some.questions[:5]:
        retriever.search(question.text)
    taken = []
    for question in some:
        start = time.perf_counter()
        retriever.search(question.text)
        taken.append(time.perf_counter() - start)
    return _percentiles(taken)


def _latencies(asked: Sequence[Outcome]) -> dict[str, Scalar]:
    return _percentiles([each.seconds for each in asked if not each.error])


def _percentiles(seconds: Sequence[float]) -> dict[str, Scalar]:
    import numpy as np

    if not seconds:
        return {}
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95]).tolist()
    return {"n": len(seconds), "p50_ms": p50, "p95_ms": p95}


def _family(spec: str) -> Any:  # noqa: ANN401 - a literal
    import indexes

    return indexes.kind(spec)


__all__ = [
    "Inputs",
    "Keys",
    "RagError",
    "corpus_digest",
    "done",
    "journal_of",
    "kb_digest",
    "keys",
    "make_index",
    "make_run",
    "make_scores",
    "make_store",
    "silent",
    "wrong",
]
