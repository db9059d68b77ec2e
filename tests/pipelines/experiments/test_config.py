from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.experiments import Experiment, Measure
from rag.errors import InvalidInput


def test_reads_data_relative_to_its_own_folder_and_makes_every_combination(toml: Path):
    experiment = Experiment.read(toml)
    assert (experiment.corpus, experiment.folder) == (("beir:animals",), str(toml.parent.resolve()))
    assert experiment.measure == Measure(metrics=("nDCG@10", "RR"), latency=3)
    assert len(experiment) == 12
    names = [each.name for each in experiment.configurations()]
    assert len(set(names)) == 12
    assert names[0] == "chunker=tokens:32/4 index=flat fusion=zscore"


def test_the_baseline_comes_first(toml: Path):
    toml.write_text(toml.read_text() + '\n[baseline]\nfusion = "rrf"\nindex = "hnsw"\n')
    assert Experiment.read(toml).configurations()[0].name == "chunker=tokens:32/4 index=hnsw fusion=rrf"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('corpus = "beir:animals"', "questions is missing"),
        ("corpus =", "not TOML"),
        ('[vary]\nindx = "flat"', "did you mean 'index'"),
        ('corpse = "x"', "did you mean 'corpus'"),
        ('[measure]\nmetrics = ["nDGC@10"]', "nDGC@10"),
        ("[measure]\nlatncy = 5", "did you mean 'latency'"),
        ("[measure]\nlatency = -5", "0 or more"),
        ('[vary]\nindex = "hnws"', "did you mean 'hnsw'"),
        ('[vary]\nindex = "bm25"', "not an engine for 'index'"),
        ('[vary]\nindex = "hnsw:MM=3"', "did you mean 'M'"),
        ('[vary]\nchunker = "token:3"', "no chunker"),
        ('[vary]\nfusion = ["zscore", "zscore"]', "twice"),
        ("[vary]\nfusion = {a = 1}", "fusion must be a text"),
        ('[vary]\nfusion = ["rrf", {a = 1}]', "fusion must be a text"),
        ('[vary]\nchunker = [["tokens:64/0"], {a = 1}]', "is not a text"),
        ("[vary]\nfusion = []", "no value"),
        ("[vary]\nfusion = 3", "must be a text"),
        ("[vary]\nk = 0", "from 1 to 1000"),
        ('[vary]\nfusion = "magic"', "magic"),
        ('[vary]\ngenerator = "extractiv"', "did you mean 'extractive'"),
        ('[vary]\nrewrite = "speling"', "did you mean 'spelling'"),
        ('[vary]\nrerank = "mmmr"', "did you mean 'mmr'"),
        ('[vary]\nrerank = ["none", "mmr:divercity=0.3"]', "did you mean 'diversity'"),
        ('[vary]\nrerank = "mmr:diversity=much"', "diversity of reranker mmr is a number"),
        ('[vary]\nrewrite = ["none", "synonyms"]', "rewriter synonyms needs file"),
        ('[pipeline]\ncontext = "neighbours:sentence=2"', "did you mean 'sentences'"),
        ("[vary]\nwhere = ['source startwith \"x\"']", "source startwith"),
        ("[vary]\nrerank_in = [0]", "from 1 to 1000"),
        ('[baseline]\nfusion = "rrf"', "not among those to try"),
        ("seed = 1.5", "whole number"),
    ],
)
def test_refuses_what_cannot_be_meant_and_names_the_file(toml: Path, change: str, said: str):
    base = (
        "" if "corpus =" in change and "animals" in change else 'corpus = "beir:animals"\nquestions = "beir:animals"\n'
    )
    toml.write_text(base + change if change != "corpus =" else change)
    with pytest.raises(InvalidInput, match=r"experiment\.toml") as caught:
        Experiment.read(toml)
    assert said in str(caught.value)


def test_fields_are_taken_by_their_former_names(toml: Path):
    text = toml.read_text()
    toml.write_text(text + '\nreranker = ["none", "mmr"]\nrewriter = "none"\n[baseline]\nreranker = "mmr"\n')
    read = Experiment.read(toml)
    assert (read.vary["rerank"], read.vary["rewrite"], read.baseline) == (("none", "mmr"), ("none",), {"rerank": "mmr"})
    toml.write_text(text + '\nreranker = "mmr"\nrerank = "none"\n')
    with pytest.raises(InvalidInput, match="rerank is given twice"):
        Experiment.read(toml)


def test_refuses_a_missing_file_and_too_many_configurations(tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"nowhere\.toml"):
        Experiment.read(tmp_path / "nowhere.toml")
    with pytest.raises(InvalidInput, match="21,000 configurations"):
        Experiment(corpus=("x",), questions="y", vary={"k": tuple(range(1, 1001)), "rerank_in": tuple(range(1, 22))})


def test_each_member_of_an_ensemble_is_a_file_that_is_read(tmp_path, monkeypatch):
    from pipelines.experiments.contents import contents, placed

    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(name.encode())
    monkeypatch.chdir(tmp_path.parent)
    spec = placed("embedder", "a:weight=2+hashing-8+b:dim=3", str(tmp_path))
    assert spec == f"{tmp_path / 'a'}:weight=2+hashing-8+{tmp_path / 'b'}:dim=3"
    before = contents("embedder", spec)
    assert before.keys() == {str(tmp_path / "a"), str(tmp_path / "b")}
    (tmp_path / "b" / "model.safetensors").write_bytes(b"other")
    after = contents("embedder", spec)
    assert [before[name] == after[name] for name in before] == [True, False]
