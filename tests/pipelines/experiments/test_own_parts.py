"""Parts of one's own: objects in Python, ``module:Class`` in a file."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import first_sentence

from pipelines.experiments import Experiment, Measure, Result, run
from pipelines.experiments.compare import compare_results
from pipelines.experiments.object_digest import object_digest
from rag.answers import Answer
from rag.documents.document import Chunk, Document
from rag.errors import InvalidInput
from rag.testing import HashingEmbedder


@dataclass
class Longest:
    """A reranker: long passages first, or short ones."""

    sign: int = 1
    name: str = "longest"

    def score(self, question: Any, passages: Any, *, deadline: Any = None) -> Any:
        return np.array([self.sign * len(p.text) for p in passages], float)


class Whole:
    name = "my-whole"

    def chunk(self, document: Document) -> list[Chunk]:
        return [Chunk(0, len(document.text), document.text)]


class Shout:
    name = "shout"

    def rewrite(self, asked: Any, corpus: Any, *, deadline: Any = None) -> Any:
        return asked


class Last:
    name = "last"

    def build(self, question: str, passages: Any) -> Any:
        return passages[:1]


class Constant:
    name = "constant"

    def generate(self, question: str, passages: Any) -> Answer:
        return Answer(question, "Otters hold hands.", passages=tuple(passages))


def echo(prompt: str) -> str:
    return first_sentence(prompt)


SMALL = Measure(metrics=("nDCG@10",), latency=0)


def experiment(beir: Path, **vary: Any) -> Experiment:
    return Experiment(
        corpus=(f"beir:{beir}",),
        questions=f"beir:{beir}",
        vary={"embedder": ("hashing-64",), **vary},
        measure=SMALL,
    )


def test_a_reranker_object_is_measured_as_evaluate_would(beir: Path, tmp_path: Path):
    from rag.evaluation import evaluate, read_questions
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.retriever import Retriever

    tried = experiment(beir, rerank=("none", Longest(), ["mmr", Longest(-1, "shortest")]))
    result = run(tried, tmp_path / "out")
    assert [row.name for row in result.rows] == [
        "rerank=none", "rerank=python:longest", "rerank=mmr+python:shortest"
    ]  # fmt: skip
    assert all(row.sound for row in result.rows)
    place = tmp_path / "out" / "cache" / "index-kb" / result.rows[0].keys["index"][:24]
    with KnowledgeBase.open(place, embedder="hashing-64") as kb:
        system = Retriever(kb, rerank=["mmr", Longest(-1, "shortest")])
        mine = evaluate(system, read_questions(f"beir:{beir}"), metrics=["nDCG@10"])
    assert result.rows[2].metrics["nDCG@10"].value == mine.metrics["nDCG@10"].value
    assert result.rows[1].metrics["nDCG@10"] != result.rows[0].metrics["nDCG@10"]


def test_another_parameter_of_an_object_is_another_stage_and_the_same_one_is_not(beir: Path, tmp_path: Path):
    first = run(experiment(beir, rerank=("none", Longest(1))), tmp_path / "out")
    again = run(experiment(beir, rerank=("none", Longest(1))), tmp_path / "out")
    other = run(experiment(beir, rerank=("none", Longest(-1))), tmp_path / "out")
    assert again.card["stages_done"]["run"] == 0
    assert other.card["stages_done"]["run"] == 1
    assert first.rows[1].pipeline["configuration"] != other.rows[1].pipeline["configuration"]
    pairs = compare_results(first, other).comparisons
    assert [each.system for each in pairs] == ["rerank=none"], "an object with another digest is another row"


def test_parts_of_every_kind(beir: Path, tmp_path: Path):
    tried = Experiment(
        corpus=(f"beir:{beir}",),
        questions=f"beir:{beir}",
        vary={
            "embedder": (HashingEmbedder(32),),
            "chunker": (Whole(),),
            "rewrite": (Shout(),),
            "context": ("none", Last()),
            "generator": ("extractive", Constant, echo),
        },
        baseline={"generator": "extractive"},
        sample=3,
        measure=Measure(metrics=("nDCG@10", "faithfulness"), latency=0),
    )
    result = run(tried, tmp_path / "out")
    assert len(result.rows) == 6
    assert all(row.sound for row in result.rows), [row.error or row.failed for row in result.rows]
    assert [row.parts["generator"] for row in result.rows[:3]] == ["extractive", "python:constant", "python:echo"]
    answers = [row.metrics["faithfulness"].value for row in result.rows]
    assert len(set(answers)) > 1


def test_replace_keeps_objects(beir: Path, tmp_path: Path):
    tried = dataclasses.replace(experiment(beir, rerank=(Longest(),)), name="other")
    assert run(tried, tmp_path / "out").rows[0].sound


class Nameless:
    def score(self, *_: Any, **__: Any) -> Any: ...


class Lock:
    name = "lock"

    def __init__(self) -> None:
        import threading

        self.held = threading.Lock()

    def score(self, *_: Any, **__: Any) -> Any: ...


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ({"chunker": (Longest(),)}, "the chunker longest has no method chunk"),
        ({"embedder": (object(),)}, "a object as embedder has no name"),
        ({"rerank": (Nameless(),)}, "give it an attribute `name`"),
        ({"rerank": (Lock(),)}, "holds a lock (it is the reranker lock.held), whose content is not known"),
        ({"rerank": (Longest(1), Longest(-1))}, "two parts called 'longest'"),
        ({"rerank": ("python:longest",)}, "hand in the object itself"),
        ({"index": (Longest,)}, "must be a subclass of DenseIndex"),
        ({"generator": (Longest(),)}, "neither a function nor an object with generate"),
        ({"fusion": ("rff",)}, "did you mean 'rrf'"),
        ({"chunk": ("tokens:64/16",)}, "unknown part 'chunk': did you mean 'chunker'"),
        ({"rerankr": ("none",)}, "unknown part 'rerankr': did you mean 'rerank'"),
        ({"rerank": ("mmmr:Other",)}, "there is no reranker 'mmmr', and no module of that name"),
    ],
)
def test_what_is_no_such_part_is_refused_before_anything_is_done(beir: Path, vary: Any, said: str):
    with pytest.raises(InvalidInput) as caught:
        experiment(beir, **vary)
    assert said in str(caught.value)


def test_an_attribute_digest_counts_where_an_object_cannot_be_read(beir: Path, tmp_path: Path):
    one, two = Lock(), Lock()
    one.digest, two.digest = "1", "2"  # type: ignore[attr-defined]
    a, b = (experiment(beir, rerank=(part,)).configurations()[0].digest for part in (one, two))
    assert a != b
    two.digest = "1"  # type: ignore[attr-defined]
    assert experiment(beir, rerank=(two,)).configurations()[0].digest == a


def test_a_function_of_python_itself_is_a_part_that_is_known(beir: Path):
    assert Measure(metrics=(len,)).own == Measure(metrics=(len,)).own != {}


def test_objects_do_not_change_processes(beir: Path, tmp_path: Path):
    with pytest.raises(InvalidInput, match="jobs must be 1: python:longest"):
        run(experiment(beir, rerank=("none", Longest())), tmp_path / "out", jobs=2)


PARTS = """
    from indexes.flat import FlatIndex

    WORTH = 1

    class ShortFirst:
        def __init__(self, kb, *, longest: int = 1000):
            self.longest = longest
        name = "short-first"
        def score(self, question, passages, *, deadline=None):
            return [-WORTH * min(self.longest, len(p.text)) for p in passages]

    class Mine(FlatIndex):
        name = "mine"

    class Lines:
        name = "lines"
        def __init__(self, tokenizer): self.most = tokenizer.max_tokens
        def chunk(self, document):
            from rag.documents.document import Chunk
            return [Chunk(0, len(document.text), document.text)]
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "my_exp_parts.py").write_text(textwrap.dedent(PARTS))
    monkeypatch.setattr("indexes.registry._OWN", {})
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "my_exp_parts", None)
    monkeypatch.delitem(sys.modules, "my_exp_parts")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "my_exp_parts.py"


OWN_TOML = """
corpus = "beir:animals"
questions = "beir:animals"
[measure]
metrics = ["nDCG@10"]
latency = 0
[vary]
embedder = "hashing-64"
chunker = ["tokens:32/4", "my_exp_parts:Lines"]
index = ["flat", "my_exp_parts:Mine"]
rerank = ["none", "my_exp_parts:ShortFirst", "mmr+my_exp_parts:ShortFirst:longest=40"]
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_names_classes_by_module(beir: Path, module: Path, tmp_path: Path, jobs: int):
    file = beir.parent / "own.toml"
    file.write_text(OWN_TOML)
    result = run(Experiment.read(file), tmp_path / "out", jobs=jobs)
    assert len(result.rows) == 12
    assert all(row.sound for row in result.rows), [row.error or row.failed for row in result.rows]
    assert "rerank=mmr+python:my_exp_parts:ShortFirst:longest=40" in result.rows[-1].name
    assert {row.parts["index"] for row in result.rows} == {"flat", "mine"}
    by = {
        (row.parts["chunker"], row.parts["rerank"], row.parts["index"]): row.metrics["nDCG@10"] for row in result.rows
    }
    for (chunker, rerank, index), value in by.items():
        assert by[chunker, rerank, "flat"] == value, (chunker, rerank, index)
    assert Result.load(tmp_path / "out").rows == result.rows


def test_other_code_in_the_module_is_another_stage(beir: Path, module: Path):
    file = beir.parent / "own.toml"
    file.write_text(OWN_TOML)
    before = {each.name: each.digest for each in Experiment.read(file).configurations()}
    module.write_text(module.read_text().replace("WORTH = 1", "WORTH = 2"))
    after = {each.name: each.digest for each in Experiment.read(file).configurations()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in before if "my_exp_parts" in name or "index=mine" in name}


def test_other_code_in_what_the_module_imports_is_another_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "my_exp_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "part.py").write_text("def worth(row):\n    from .scale import UNIT\n    return UNIT\n")
    (package / "scale.py").write_text("from .base import UNIT\n")
    (package / "base.py").write_text("UNIT = 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("", ".part", ".scale", ".base"):
        monkeypatch.setitem(sys.modules, f"my_exp_package{name}", importlib.import_module(f"my_exp_package{name}"))
    worth = sys.modules["my_exp_package.part"].worth
    before = object_digest(worth, "worth")
    assert object_digest(worth, "worth") == before
    (package / "base.py").write_text("UNIT = 20.0\n")
    assert object_digest(worth, "worth") != before


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("my_exp_parts:ShortLast", "has no 'ShortLast'"),
        ("my_exp_parts:ShortFirst:longst=3", "did you mean 'longest'"),
        ("my_exp_parts:ShortFirst:longest=x", "is a whole number"),
        ("my_exp_parts:Lines", "has no method score"),
    ],
)
def test_a_wrong_name_or_option_is_refused_when_the_file_is_read(beir: Path, module: Path, spec: str, said: str):
    file = beir.parent / "own.toml"
    file.write_text(f'corpus = "beir:animals"\nquestions = "beir:animals"\n[vary]\nrerank = "{spec}"\n')
    with pytest.raises(InvalidInput, match=r"own\.toml") as caught:
        Experiment.read(file)
    assert said in str(caught.value)


@pytest.mark.parametrize("start", [["-m", "pipelines.cli"], ["-c", "from pipelines.cli import main; main()"]])
def test_no_code_of_the_current_folder_is_run(beir: Path, tmp_path: Path, start: list[str]):
    (beir.parent / "my_local_parts.py").write_text("open('run', 'w').close()\nclass A: ...\n")
    file = beir.parent / "own.toml"
    file.write_text('corpus = "beir:animals"\nquestions = "beir:animals"\n[vary]\nrerank = "my_local_parts:A"\n')
    done = subprocess.run(
        [sys.executable, *start, "experiment", "own.toml", "--plan"],
        cwd=beir.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "the current folder is not searched" in " ".join((done.stderr + done.stdout).split())
    assert not (beir.parent / "run").exists()


class Misses:
    name = "misses"
    lower = True

    def score(self, row: Any) -> float:
        return float(len(row.relevant - set(row.context[:1])))


def first(row: Any) -> bool:
    return row.context[:1] == tuple(row.relevant)


def test_a_metric_of_ones_own_orders_and_compares_in_its_direction(beir: Path, tmp_path: Path):
    tried = dataclasses.replace(
        experiment(beir, rerank=("none", Longest())), measure=Measure(metrics=(Misses(), first, "P@1"), latency=0)
    )
    result = run(tried, tmp_path / "out")
    assert result.metric == "misses"
    best, worst = result.leaderboard()
    assert best.metrics["misses"].value < worst.metrics["misses"].value
    assert best.metrics["first"].value == best.metrics["P@1"].value == 1 - best.metrics["misses"].value
    compared = result.comparisons["rerank=python:longest"]
    assert compared.losses > compared.wins
    loaded = Result.load(tmp_path / "out")
    assert [row.name for row in loaded.leaderboard()] == [row.name for row in result.leaderboard()]
    assert loaded.comparisons == result.comparisons
    assert compare_results(loaded, result).comparisons[0].metric == "misses"


def test_another_definition_of_a_metric_is_measured_again_and_not_compared(beir: Path, tmp_path: Path):
    results = []
    for worth in (1.0, 2.0):

        def own(row: Any, worth: float = worth) -> float:
            return worth * len(row.context)

        tried = dataclasses.replace(experiment(beir), measure=Measure(metrics=(own,), latency=0), sample=3)
        results.append(run(tried, tmp_path / str(worth), cache=tmp_path / "cache"))
    first, second = results
    assert second.card["stages_done"] == {"store": 0, "index": 0, "run": 0, "scores": 1}
    assert second.rows[0].metrics["own"].value == 2 * first.rows[0].metrics["own"].value
    with pytest.raises(InvalidInput, match="own is a metric of your own whose code or parameters differ"):
        compare_results(first, second)


@pytest.mark.timeout(60)
def test_a_module_may_make_an_experiment_while_it_is_imported(module: Path):
    (module.parent / "makes_one.py").write_text(
        "from pipelines.experiments import Experiment\n"
        "Experiment(corpus='x', questions='x', vary={'rerank': ('my_exp_parts:ShortFirst',)})\n"
        "from my_exp_parts import ShortFirst as Mine\n"
    )
    made = Experiment(corpus="x", questions="x", vary={"rerank": ("makes_one:Mine",)})
    assert made.vary["rerank"] == ("python:makes_one:Mine",)


@pytest.mark.slow
def test_a_file_names_a_metric_by_module(beir: Path, module: Path, tmp_path: Path):
    module.write_text(module.read_text() + "\ndef depth(row):\n    return len(row.context)\ndepth.lower = True\n")
    file = beir.parent / "own.toml"
    file.write_text(OWN_TOML.partition("[vary]")[0].replace("nDCG@10", "my_exp_parts:depth"))
    result = run(Experiment.read(file), tmp_path / "out")
    assert result.rows[0].metrics["my_exp_parts:depth"].value
    assert result.lower
    file.write_text(file.read_text().replace(":depth", ":dept"))
    with pytest.raises(InvalidInput, match="has no 'dept', which should be a metric"):
        Experiment.read(file)
