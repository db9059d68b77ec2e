from __future__ import annotations

import json
from pathlib import Path

import pytest

FACTS = {
    "otter": "Otters hold hands while they sleep so that the current does not part them.",
    "badger": "Badgers dig setts with many rooms and air the bedding in the sun.",
    "heron": "Herons stand still for an hour and strike faster than a fish can turn.",
    "kestrel": "Kestrels see ultraviolet light and follow the trails of voles.",
    "toad": "Toads return to the pond of their birth each spring to spawn.",
    "adder": "Adders give birth to live young and sleep through the winter together.",
    "beaver": "Beavers fell trees at night and build dams that raise the water.",
    "marten": "Martens hunt squirrels in the crowns of old trees.",
}


@pytest.fixture
def facts() -> dict[str, str]:
    return FACTS


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    return _beir(tmp_path / "animals")


@pytest.fixture(scope="session")
def same_beir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`beir` for tests that leave it as it is."""
    return _beir(tmp_path_factory.mktemp("same") / "animals")


def _beir(folder: Path) -> Path:
    """Make a small collection in BEIR's form, two questions a document."""
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": name, "title": name.title(), "text": text} for name, text in FACTS.items()]
    questions = [(f"{name}-{n}", form.format(name), name) for name in FACTS for n, form in enumerate(FORMS)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": q, "text": t}) + "\n" for q, t, _ in questions))
    lines = ["query-id\tcorpus-id\tscore", *(f"{q}\t{document}\t1" for q, _, document in questions)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return folder


FORMS = ("What does the {} do?", "Tell me where an {} sleeps, hunts or builds by the water in spring.")

TOML = """
name = "animals"
corpus = "beir:animals"
questions = "beir:animals"
[measure]
metrics = ["nDCG@10", "RR"]
latency = 3
[vary]
embedder = "hashing-64"
chunker = ["tokens:32/4", "headings:32/4"]
index = ["flat", "hnsw"]
fusion = ["zscore", "rrf", "dense"]
"""


@pytest.fixture
def toml(beir: Path) -> Path:
    file = beir.parent / "experiment.toml"
    file.write_text(TOML)
    return file
