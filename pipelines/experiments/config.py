"""An experiment: data, measures, a pipeline, and values to try for any field; read from TOML, every key checked."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from indexes import IndexError_
from rag.documents.document import Document
from rag.errors import InvalidInput, RagError
from rag.evaluation.evaluator import DEFAULT_METRICS, checked
from rag.evaluation.questions.question_tables import questions_of
from rag.retrieval.choices import Value
from rag.retrieval.config import PipelineConfig, use_of
from rag.source_prefixes import split_prefix

from . import own_parts
from .contents import CHAINS, contents, placed
from .corpora import documents_digest, parted
from .fields import FIELDS, PIPELINE_FIELDS, STORE_FIELDS, by_field, check, default_of, stage_of

MOST = 10_000
"""Configurations of one experiment; more is a typing error rather than a plan."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The measures of an experiment.

    Attributes
    ----------
    metrics
        Names as `rag evaluate` takes them; the first one orders the leaderboard. Or metrics of one's own: functions of
        a row or objects, see `rag.evaluation.metrics.own`; ``module:function`` names one.
    latency
        Questions asked one at a time to time them; 0 for none.
    """

    metrics: Sequence[Any] = DEFAULT_METRICS
    latency: int = 50
    own: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Digest by name of the metrics of one's own; filled from ``metrics``."""

    def __post_init__(self) -> None:
        own = dict(self.own)
        names = tuple(own_parts.adopted_metric(each, own) for each in self.metrics)
        checked(names)
        object.__setattr__(self, "metrics", names)
        object.__setattr__(self, "own", own)
        if not self.metrics:
            raise InvalidInput("metrics is empty; name at least one, such as nDCG@10")
        if self.latency < 0:
            raise InvalidInput(f"latency is the number of questions to time, 0 or more, not {self.latency}")

    @property
    def stays_here(self) -> str:
        """Name of a metric that cannot change processes; empty where there is none."""
        return next((name for name in self.own if ":" not in name), "")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment.

    Attributes
    ----------
    corpus
        Files, folders, ``beir:DIR``, ``datasets:DIR`` or ``ir_datasets:NAME``, as `rag ingest` takes them; `Document`
        objects, mappings with ``id`` and ``text``, data frames of these; or a list of several. Objects move to
        ``documents``.
    kb
        In place of a corpus, a knowledge base that is searched as it is: nothing is read or embedded, and fields of
        the knowledge base do not vary.
    questions
        File or name as `rag evaluate` takes it; or a `QuestionSet`, a data frame, or a list of mappings.
    pipeline
        The pipeline value whose fields are not varied.
    vary
        Values by field, see `pipelines.experiments.fields.FIELDS`; every combination is a configuration. Fields that
        name parts take objects with a ``name``, classes and functions too, see `pipelines.experiments.own_parts`; they
        are kept as text that names them.
    baseline
        Value by field that the others are compared with. A field that is not named has the pipeline's value where that
        is tried, and else the first one tried.
    name, split, sample, seed
        For reports; of a BEIR folder; how many questions to draw; of draws and intervals.
    folder
        Where relative paths of the corpus start; documents are named as the corpus is written, as `rag ingest` names
        them there, so that gold made from a knowledge base holds here as well.
    """

    corpus: Any = ()
    kb: str = ""
    questions: Any
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    vary: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    measure: Measure = field(default_factory=Measure)
    name: str = "experiment"
    split: str = "test"
    sample: int | None = None
    seed: int = 0
    folder: str = ""
    own: own_parts.Own = field(default_factory=dict, repr=False, compare=False)
    """Parts of one's own by field and by the text that names them in `vary`; filled from there."""
    documents: tuple[Document, ...] = field(default=(), repr=False)
    """Documents of the corpus that are objects; filled from there."""

    def __post_init__(self) -> None:
        self.pipeline.refuse_unstorable()
        self._adopt()
        self._take_data()
        self._check_data()
        for part, values in self.vary.items():
            if not values:
                raise InvalidInput(f"{part} has no value; give one or several")
            for value in values:
                check(part, value, self.pipeline)
            if len(set(values)) != len(values):
                raise InvalidInput(f"{part} has a value twice: {', '.join(map(str, values))}")
        for part in {*CHAINS} - {*self.vary}:
            check(part, getattr(self.pipeline, part), self.pipeline)
        for part, value in self.baseline.items():
            if value not in self.values(part):
                raise InvalidInput(f"the baseline's {part} is {value!r}, which is not among those to try")
        if len(self) > MOST:
            raise InvalidInput(f"that makes {len(self):,} configurations; at most {MOST:,} are run")

    def _check_data(self) -> None:
        there = bool(self.corpus or self.documents)
        if not there and not self.kb:
            raise InvalidInput("corpus is empty; name files, folders or beir:DIR")
        if there and self.kb:
            raise InvalidInput("give a corpus, of which knowledge bases are made, or kb, one that is there; not both")
        stored = [part for part in self.vary if part in STORE_FIELDS]
        if self.kb and stored:
            raise InvalidInput(f"{stored[0]} is what {self.kb} was made with; to vary it, give its files as corpus")

    def _adopt(self) -> None:
        """Replace parts of one's own by texts that name them."""
        object.__setattr__(self, "own", {part: dict(known) for part, known in self.own.items()})
        vary = {
            part: tuple(own_parts.adopted(part, each, self.own) for each in values)
            for part, values in by_field(self.vary).items()
        }
        baseline = {part: own_parts.adopted(part, value, self.own) for part, value in by_field(self.baseline).items()}
        object.__setattr__(self, "vary", vary)
        object.__setattr__(self, "baseline", baseline)

    def _take_data(self) -> None:
        """Tell paths from objects."""
        paths, documents = parted(self.corpus)
        object.__setattr__(self, "corpus", paths)
        object.__setattr__(self, "documents", self.documents or documents)
        questions = self.questions
        questions = str(questions) if isinstance(questions, str | Path) else questions_of(questions)
        object.__setattr__(self, "questions", questions)

    def __len__(self) -> int:
        number = 1
        for values in self.vary.values():
            number *= len(values)
        return number

    def values(self, part: str) -> tuple[Value, ...]:
        """Return the values to try of a field: the pipeline's own or its default where it is not varied."""
        _known("part", part, FIELDS)
        return tuple(self.vary.get(part, (default_of(part, self.pipeline),)))

    @property
    def varied(self) -> tuple[str, ...]:
        """Fields with more than one value."""
        return tuple(part for part in FIELDS if len(self.values(part)) > 1)

    def configurations(self) -> list[Configuration]:
        """Return every combination, the baseline first."""
        read: dict[tuple[str, Value], dict[str, str]] = {}
        found = [
            Configuration(dict(zip(FIELDS, values, strict=True)), self.varied, self.folder, read, self.own)
            for values in itertools.product(*(self.values(part) for part in FIELDS))
        ]
        base = {part: self.baseline.get(part, self._base(part)) for part in FIELDS}
        return sorted(found, key=lambda each: each.parts != base)

    def _base(self, part: str) -> Value:
        tried, own = self.values(part), default_of(part, self.pipeline)
        return own if own in tried else tried[0]

    @property
    def digest(self) -> str:
        """SHA-256 over everything that is asked for."""
        facts = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"own", "documents"}}
        if not isinstance(self.questions, str):
            facts["questions"] = self.questions.digest
        if self.documents:
            facts["documents"] = documents_digest(self.documents)
        measure = {"metrics": self.measure.metrics, "latency": self.measure.latency, "own": self.measure.own}
        facts |= {"pipeline": asdict(self.pipeline), "measure": measure}
        facts["own"] = {part: {text: one.digest for text, one in own.items()} for part, own in self.own.items()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()

    @classmethod
    def read(cls, path: str | Path) -> Experiment:
        """Read a TOML file; paths in it are relative to its folder.

        Raises
        ------
        InvalidInput
            It cannot be read, is not TOML, or has an invalid key or value.
        """
        place = Path(path)
        try:
            table = tomllib.loads(place.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InvalidInput(f"cannot read the experiment {path}: {error.strerror or error}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{path} is not TOML: {error}") from error
        try:
            return _experiment(table, place.parent)
        except (RagError, IndexError_, ValueError) as error:
            raise InvalidInput(f"{path}: {error}") from error


@dataclass(frozen=True)
class Configuration:
    """One value for every field."""

    parts: Mapping[str, Value]
    varied: tuple[str, ...]
    folder: str = ""
    """Where relative paths in the values start."""
    read: dict[tuple[str, Value], dict[str, str]] = field(default_factory=dict, repr=False, compare=False)
    """Contents by field and value, shared by all configurations, so that each file is looked at once."""
    own: own_parts.Own = field(default_factory=dict, repr=False, compare=False)

    def objects(self, part: str) -> list[Any]:
        """Return the specs and parts of one's own that make a field's value; an empty list where all is text."""
        return own_parts.objects(part, self.placed(part), self.own)

    @cached_property
    def pipeline(self) -> PipelineConfig:
        """The pipeline value that is run: its paths are absolute."""
        return self.written.with_(**{name: self.placed(name) for name in PIPELINE_FIELDS})

    @cached_property
    def written(self) -> PipelineConfig:
        """The pipeline value as the experiment writes it, wherever its folder is."""
        return PipelineConfig(**{name: self.parts[name] for name in PIPELINE_FIELDS})  # type: ignore[arg-type]

    def placed(self, part: str) -> Value:
        """Return a field's value with its paths made absolute."""
        return placed(part, self.parts[part], self.folder)

    @cached_property
    def contents(self) -> dict[str, list[str]]:
        """Digests of the files that the values read, by the first stage that reads them."""
        found: dict[str, list[str]] = {"store": [], "index": [], "run": []}
        for name in FIELDS:
            value = self.placed(name)
            if (name, value) not in self.read:
                self.read[name, value] = contents(name, value)
            own = own_parts.digests(name, value, self.own)
            found[stage_of(name)] += [f"{name} {each}" for each in (*self.read[name, value].values(), *own)]
        return found

    @cached_property
    def digest(self) -> str:
        """Digest over every value and the contents of the files that it names: rows of two runs are matched by it."""
        own = {name: value for name, value in self.written.as_dict().items() if use_of(name) != "resource"}
        stored = {name: self.parts[name] for name in STORE_FIELDS}
        facts = {**stored, **own, "contents": self.contents}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The values of the parts that are varied."""
        return " ".join(f"{part}={self.parts[part]}" for part in self.varied) or "the only configuration"


def _experiment(table: Mapping[str, Any], folder: Path) -> Experiment:
    own = {each.name: each for each in fields(Experiment) if each.name not in {"folder", "own", "documents"}}
    for key in table:
        _known("key", key, own)
    given = dict(table)
    if "kb" in given:
        given["kb"] = _placed(_typed("kb", given["kb"], str), folder)
    for key in ("questions",) if "kb" in given else ("corpus", "questions"):
        if key not in given:
            raise InvalidInput(f"{key} is missing; say where the {'documents' if key == 'corpus' else 'questions'} are")
    given["corpus"] = tuple(_texts("corpus", given.get("corpus", [])))
    given["folder"] = str(folder.resolve())
    given["questions"] = _placed(_typed("questions", given["questions"], str), folder)
    for key, kind in (("name", str), ("split", str), ("sample", int), ("seed", int)):
        if key in given:
            _typed(key, given[key], kind)
    measure = _typed("measure", given.get("measure", {}), dict)
    for key in measure:
        _known("key of measure", key, {each.name for each in fields(Measure)} - {"own"})
    if "metrics" in measure:
        measure = {**measure, "metrics": tuple(_texts("metrics", measure["metrics"]))}
    if "latency" in measure:
        _typed("latency", measure["latency"], int)
    given["measure"] = Measure(**measure)
    vary = _typed("vary", given.get("vary", {}), dict)
    baseline = _typed("baseline", given.get("baseline", {}), dict)
    given["pipeline"] = PipelineConfig.from_dict(_typed("pipeline", given.get("pipeline", {}), dict))
    given["vary"] = {part: _frozen(v) if isinstance(v, list) else (v,) for part, v in vary.items()}
    given["baseline"] = {part: _frozen(v) if isinstance(v, list) else v for part, v in baseline.items()}
    return Experiment(**given)


def _frozen(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_frozen(each) if isinstance(each, list) else each for each in values)


def _known(what: str, name: str, known: Mapping[str, object] | Sequence[str] | set[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
        raise InvalidInput(f"unknown {what} {name!r}: {hint}")


def _typed(key: str, value: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - what TOML gives
    if type(value) is not kind:
        raise InvalidInput(f"{key} must be {_WORDS[kind]}, not {value!r}")
    return value


def _texts(key: str, value: Any) -> list[str]:  # noqa: ANN401 - what TOML gives
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise InvalidInput(f"{key} must be a text or a list of texts, not {value!r}")
    return values


def _placed(text: str, folder: Path) -> str:
    """Make a path of the file absolute, as seen from the file's own folder."""
    prefix, place = split_prefix(text)
    return prefix + str((folder / place).resolve()) if place else text


_WORDS: dict[type[Any], str] = {str: "a text", int: "a whole number", dict: "a table"}
