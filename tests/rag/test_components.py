"""From a spec string to a part: grammar, options, objects given from Python, and parts of other packages."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import plugin_package
import pytest

from rag import HashingEmbedder, KnowledgeBase
from rag.bot import Bot
from rag.chunking import chunker
from rag.components import PROTOCOLS, TABLES, chain, check_chain, group, listed, make, named, plugins, split
from rag.documents.document import Document
from rag.embedding import embedder
from rag.embedding.tokens import WordTokenizer
from rag.errors import ExtraMissing, InvalidInput, ModelMissing
from rag.evaluation import Question, QuestionSet, evaluate
from rag.evaluation.metrics import registry
from rag.loaders import load
from rag.loaders.formats import FORMATS, format_of, kind_by_name
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever
from rag.stages import Tools

TABLE = {"part": "rag_test_parts:Part", "plain": "rag_test_parts:plain"}
TEXTS = {"boats": "The ferry leaves at noon, as every day of the year.", "short": "The ferry is red."}


class Part:
    """Options of every type, and tools."""

    def __init__(
        self,
        kb: object,
        model: object = None,
        *,
        size: int = 3,
        share: float | None = None,
        on: bool = False,
        to: str = "",
    ) -> None:
        self.kb, self.model, self.options = kb, model, (size, share, on, to)


def plain(kb, *, size=3, on=False, to=None):
    return kb, size, on, to


@dataclass(kw_only=True)
class Needy:
    file: str
    way: Literal["up", "down"] | None = None


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rag_test_parts", SimpleNamespace(Part=Part, plain=plain, Needy=Needy))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install both packages for this process and for its children."""
    for folder in (plugin_package.install(tmp_path / "good"), plugin_package.install_broken(tmp_path / "bad")):
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    plugins.cache_clear()
    yield
    plugins.cache_clear()
    for module in [name for name in sys.modules if name.startswith(("mine_parts", "broken_"))]:
        del sys.modules[module]


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as made:
        made.add([Document.from_text(text, id=name) for name, text in TEXTS.items()])
        yield made


# ---- the grammar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("none", []),
        (" none ", []),
        ("", []),
        ("a", ["a"]),
        ("a+b", ["a", "b"]),
        (" a : x = 1 + b ", ["a : x = 1", "b"]),
        ("a:x=1,y=2+b", ["a:x=1,y=2", "b"]),
        ("a+", ["a"]),
    ],
)
def test_a_chain_is_split_at_its_plus_signs(text: str, specs: list[str]) -> None:
    assert split(text) == specs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("none+a", "'none' cannot be combined"),
        ("a,b", r"join parts by \+, as in 'a\+b'"),
        ("a+b,c:x=1", "takes no comma"),
    ],
)
def test_a_chain_that_cannot_be_split_says_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        split(text)


def test_options_are_read_by_their_types() -> None:
    tools = SimpleNamespace(kb="kb", model=None)
    made = make("part", TABLE, "part: size=7, share=0.5, on=TRUE, to=a=b", tools)
    assert (made.kb, made.model, made.options) == ("kb", None, (7, 0.5, True, "a=b"))
    assert make("part", TABLE, "part", tools, size=9, unknown=1).options == (9, None, False, "")
    assert make("part", TABLE, "part:size=7", tools, size=9).options == (7, None, False, "")
    assert make("part", TABLE, "plain:size=5,on=true,to=there", tools) == ("kb", 5, True, "there")  # no annotations


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("prat", "did you mean 'part'"),
        ("part:seize=3", "option 'seize' of part part: did you mean 'size'"),
        ("part:size=x", "size of part part is a whole number, not 'x'"),
        ("part:share=x", "share of part part is a number, not 'x'"),
        ("part:on=yes", "on of part part is true or false, not 'yes'"),
        ("part:size", "write size=value once"),
        ("part:size=", "write size=value once"),
        ("part:size=1,size=2", "write size=value once"),
        ("part:kb=1", "option 'kb'"),
        ("part:llm=openai:x", "unknown option 'llm'"),  # its tools make no language models
        ("needy:file=f,way=left", "way of part needy is one of up, down, not 'left'"),
        ("needy", "needs file: write needy:file=..."),
    ],
)
def test_a_spec_that_cannot_be_read_says_why(spec: str, words: str) -> None:
    table = {**TABLE, "needy": "rag_test_parts:Needy"}
    with pytest.raises(InvalidInput, match=words):
        make("part", table, spec, SimpleNamespace(kb="kb"))


def test_a_part_that_asks_for_a_tool_that_its_kind_does_not_get_is_refused() -> None:
    with pytest.raises(InvalidInput, match="asks for 'kb', which a part does not get; make it an option"):
        make("part", TABLE, "part", SimpleNamespace())


# ---- objects, classes and functions from Python ----------------------------------------------------------------------


class Longest:
    """A plain class: no base class, no entry point."""

    name = "longest"

    def score(self, question, passages, *, deadline=None):
        return [float(len(passage.text)) for passage in passages]


def longest():
    return Longest()


@pytest.mark.parametrize("given", [Longest, longest, Longest(), [Longest], ["mmr", longest]])
def test_a_plain_class_function_or_object_is_a_part(kb: KnowledgeBase, given: object) -> None:
    retriever = Retriever(kb, rerank=given, k=1)
    assert [p.document for p in retriever.retrieve("a red ferry?")] == ["boats"]
    assert "python:tests.rag.test_components." in retriever.config.rerank
    with pytest.raises(InvalidInput, match="holds a Python object"):
        retriever.config.refuse_unstorable()


def test_specs_and_objects_mix_in_a_chain() -> None:
    part = Part("own")
    made = chain("part", TABLE, ["part:size=1", part, Part, "plain+part"], SimpleNamespace(kb="kb"))
    assert [type(each).__name__ for each in made] == ["Part", "Part", "Part", "tuple", "Part"]
    assert made[1] is part
    assert (
        named(["a+b", part, Part]) == "a+b+python:tests.rag.test_components.Part+python:tests.rag.test_components.Part"
    )
    assert named([]) == "none"
    check_chain("part", TABLE, "part+python:anything")


# ---- parts of other packages -----------------------------------------------------------------------------------------


def test_every_kind_has_a_group() -> None:
    assert [group(kind) for kind in TABLES] == [f"rag_workbench.{key}" for key in _groups()]
    assert set(plugin_package.POINTS) == set(_groups())
    assert set(PROTOCOLS) < set(TABLES)


def _groups() -> list[str]:
    last = ["rewriters", "fusions", "rerankers", "context_steps", "generators", "metrics"]
    return ["loaders", "chunkers", "embedders", "indexes", *last]


def test_a_pipeline_of_another_package_s_parts(packages: None, kb: KnowledgeBase) -> None:
    parts = {"rewrite": "mine:old=vessel", "fusion": "mine", "rerank": "mine", "context": "mine:keep=1"}
    config = PipelineConfig(**parts, generator="mine:loud=true")
    assert PipelineConfig.loads(config.dumps()) == config
    config.store(kb)
    with Bot(Retriever(kb)) as bot:
        answer = bot.ask("Is the vessel red?")
    assert (answer.text, answer.generator) == ("IS THE VESSEL RED? THE FERRY IS RED.", "parrot")
    assert answer.searched == "Is the ferry red?"
    assert [p.document for p in Retriever(kb, rerank="mine:sign=1").retrieve("Is the vessel red?")] == ["boats"]


@pytest.mark.parametrize(
    "field",
    [{"rewrite": "mind"}, {"fusion": "mind"}, {"rerank": "mmr+mind"}, {"context": "mind:x=1"}, {"generator": "mind:x"}],
)
def test_the_nearest_name_may_be_another_package_s(packages: None, field: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="did you mean 'mine'"):
        PipelineConfig(**field)


def test_a_knowledge_base_keeps_the_spec_of_another_package_s_chunker_and_embedder(
    packages: None, tmp_path: Path
) -> None:
    document = Document.from_text("one\ntwo\nthree\n", id="a")
    with KnowledgeBase.create(tmp_path / "kb", embedder="mine:dim=32", chunker="mine:size=2", indexes=["mine"]) as kb:
        kb.add([document])
        assert (kb.status().identity["chunker"], kb.embedder.dim) == ("mine:size=2", 32)
    code = (
        f"from rag import KnowledgeBase; kb = KnowledgeBase.open({str(tmp_path / 'kb')!r});"
        "print(kb.embedder.dim, kb.chunker.size, kb.index('dense').name, len(kb.sources()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout == "32 2 mine 1\n", found.stderr
    KnowledgeBase.open(tmp_path / "kb", chunker="mine:size=2", embedder="mine:dim=32").close()
    with pytest.raises(ValueError, match="mine:size=3"):
        KnowledgeBase.open(tmp_path / "kb", chunker="mine:size=3")


def test_without_its_package_a_knowledge_base_says_what_it_lacks(
    packages: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(16), chunker="mine").close()
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "good" not in entry])
    plugins.cache_clear()
    kb = KnowledgeBase.open(tmp_path / "kb", embedder=HashingEmbedder(16))
    with kb, pytest.raises(InvalidInput, match="'mine': open it with chunker=, or install the package that has it"):
        _ = kb.chunker
    with pytest.raises(InvalidInput, match="no chunker 'mine'"):
        chunker("mine", WordTokenizer())
    with pytest.raises(ModelMissing):
        embedder("mine")


def test_this_package_s_own_names_come_first_and_cost_no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(kind: str) -> None:
        raise AssertionError(f"entry points of {kind} were looked up")

    for module in (
        "components",
        "chunking.registry",
        "loaders.formats",
        "evaluation.metrics.registry",
    ):
        monkeypatch.setattr(f"rag.{module}.plugins", refused)
    PipelineConfig(rerank="mmr", context="unique", fusion="rrf")
    assert chunker("headings", WordTokenizer()).name == "headings:256/32"
    assert embedder("hashing-32").dim == 32
    assert embedder("sentence-transformers/all-MiniLM-L6-v2").name == embedder().name
    assert kind_by_name("a.py") == "python"
    assert format_of("python") is FORMATS["code"]
    assert registry.find("f1") is registry.METRICS["f1"]


def test_a_loader_reads_the_suffix_it_is_named_by(packages: None, tmp_path: Path) -> None:
    for name, text in {
        "a.xyz": "Boats: the ferry",
        "b.XYZ": "BAD",
        "c.csv": "x,y\n1,2\n",
        "d.png": "Seen: a boat",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "e.wrong_class").write_text("x")
    failures: list = []
    found = {Path(each.source).name: each for each in load(*sorted(tmp_path.glob("?.*")), failures=failures)}
    assert [(name, each.type, each.title, each.text) for name, each in found.items()] == [
        ("a.xyz", "xyz", "Boats", "the ferry"),
        ("c.csv", "csv", "c", found["c.csv"].text),  # the name csv is taken
        ("d.png", "png", "Seen", "a boat"),
    ]
    assert found["a.xyz"].metadata["made_by"] == "mine"
    assert [(Path(each.source).name, each.reason_class, each.loader) for each in failures] == [
        ("b.XYZ", "parse", "xyz"),
        ("e.wrong_class", "parse", "wrong_class"),
    ]


def test_a_loader_runs_in_the_confined_process(packages: None, tmp_path: Path) -> None:
    module = tmp_path / "good" / "mine_parts.py"
    module.write_text(module.read_text() + "\n\ndef parse_xyz(data, context):\n    open('/tmp/x', 'w')\n    yield\n")
    (tmp_path / "a.xyz").write_text("x")
    failures: list = []
    assert list(load(tmp_path / "a.xyz", failures=failures)) == []
    assert failures[0].detail == "PermissionError: a parser tried to write a file"


@pytest.mark.parametrize("name", ["lost_import", "bad_syntax", "raises", "leaves", "wrong_type"])
def test_a_broken_loader_is_its_files_failure(packages: None, tmp_path: Path, name: str) -> None:
    (tmp_path / f"a.{name}").write_text("x")
    (tmp_path / "b.txt").write_text("words")
    failures: list = []
    assert [each.text for each in load(tmp_path / f"a.{name}", tmp_path / "b.txt", failures=failures)] == ["words"]
    assert [each.reason_class for each in failures] == ["extra"]
    assert f"the loader '{name}' of broken-parts 0.1 cannot be used" in failures[0].detail


def test_metrics_of_another_package(packages: None, kb: KnowledgeBase) -> None:
    questions = QuestionSet((Question("q1", "A ferry?", documents={"boats": 1}), Question("q2", "Red?")))
    bot = Bot(Retriever(kb, generator="mine"))
    result = evaluate(bot, questions, metrics=["found", "answer_length"], k=2)
    assert result.metrics["found"].value == 2
    assert result.metrics["answer_length"].value == np.mean([len(o.answer.text) for o in result.outcomes.values()])
    assert registry.lower_is_better("answer_length")
    assert not registry.lower_is_better("found")
    with pytest.raises(InvalidInput, match="answer_length needs an answer"):
        evaluate(Retriever(kb), questions, metrics=["answer_length"])
    with pytest.raises(InvalidInput, match="did you mean answer_length"):
        registry.check_metric("answer_lenght")
    with pytest.raises(ExtraMissing, match="the metric 'raises' of broken-parts"):
        registry.check_metric("raises")


KINDS = {"rewriter": "rewrite", "fusion": "fusion", "reranker": "rerank", "context step": "context"}


@pytest.mark.parametrize(
    ("kind", "name"), list(itertools.product([*KINDS, "chunker", "embedder"], plugin_package.BROKEN))
)
def test_a_broken_part_that_is_named_is_an_error_with_its_package(
    packages: None, kb: KnowledgeBase, kind: str, name: str
) -> None:
    work = {"chunker": lambda: chunker(name, WordTokenizer()), "embedder": lambda: embedder(name)}
    work |= {each: lambda field=field: Retriever(kb, **{field: name}) for each, field in KINDS.items()}
    with pytest.raises(ExtraMissing) as caught:
        work[kind]()
    assert str(caught.value).startswith(f"the {kind} '{name}' of broken-parts 0.1 cannot be used (")
    assert "\n" not in str(caught.value)


def test_what_a_function_makes_is_checked(packages: None, kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    import mine_parts

    monkeypatch.setattr(mine_parts, "Reranker", lambda: "a text")
    with pytest.raises(ExtraMissing, match="it makes a str, which is not a rag"):
        make("reranker", {}, "mine", Tools(kb))


def test_listed_says_where_each_part_comes_from(packages: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        parts = list(listed())
    good = {(part.kind, part.name): part for part in parts if not part.problem}
    assert {part.kind for part in parts} == set(TABLES)
    assert all(part.line for part in good.values())
    mine = {(kind, name) for (kind, name), part in good.items() if part.package == "mine-parts 0.1"}
    assert mine == {
        (kind, name)
        for kind in TABLES
        for name in plugin_package.POINTS[group(kind).partition(".")[2]]
        if name != "csv"
    }
    assert ("embedder", "hashing-64") in good
    assert ".html" in good["loader", "html"].line
    problems = [part for part in parts if part.problem]
    assert {part.package for part in problems} == {"mine-parts 0.1", "broken-parts 0.1"}
    seen = {kind: {part.name for part in problems if part.kind == kind} for kind in TABLES}
    always = set(plugin_package.BROKEN) - {"wrong_class", "wrong_constructor"}
    assert seen["reranker"] == seen["chunker"] == always | {"wrong_class"}
    assert seen["generator"] == seen["metric"] == always
    assert seen["loader"] == always | {"csv"}
    assert all("\n" not in part.problem for part in problems)
    with pytest.raises(InvalidInput, match="did you mean 'reranker'"):
        list(listed("rerankr"))


@pytest.mark.parametrize(
    ("kind", "lacks"), [("reranker", "name"), ("context step", "name, build"), ("rewriter", "name, rewrite")]
)
def test_an_object_that_lacks_something_is_refused_when_it_is_given(kind: str, lacks: str) -> None:
    class Scores:
        def score(self, *_: object) -> list[float]:
            return []

    with pytest.raises(InvalidInput, match=f"Scores is not a {kind}: it lacks {lacks}$"):
        chain(kind, {}, Scores(), SimpleNamespace())
