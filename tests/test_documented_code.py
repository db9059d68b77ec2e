"""The code of the documentation runs as it is written, and its command lines name options that exist."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from chat_server import ChatServer, first_sentence

from pipelines.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]
PAGES = [page for page in PAGES if not page.startswith("docs/api/")]  # these hold what the site makes of docstrings
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)

SAID = {
    "README.md": "purge",
    "docs/concepts/indexes.md": "an eighth of the vectors: about 466 MiB, recall 0.951 as measured",
    "docs/how-to/build-a-bot.md": r"(?s)disk.*\nIda: .*\nfaq:hours https://.*\nmanual:docs/.*all True\nboard False",
    "docs/how-to/coming-from.md": r"purge.*delete\.md",
    "docs/how-to/configure.md": "{'k': 8, 'rerank': 'mmr'} [0-9a-f]{16}\nTrue {'context': \\('unique', 'none'\\)}",
    "docs/how-to/evaluate.md": r"1\.000 .*\(n 8\)\n.*delete",
    "docs/how-to/experiment.md": "(?s)fusion terms.*rerank=mmr\\+python:short-first True.*2 documents from.*0[.]0",
    "docs/how-to/feedback.md": "1 1\n",
    "docs/how-to/language-models.md": r"(?s)chunk.* \[1\].*yes\n1969-07-20\n",
    "docs/how-to/library.md": "(?s)Readers see finished.*badgers 1.0.*searched for: What.*the ingest stops",
    "docs/how-to/other-libraries.md": r"(?i)disk|full|docs/",
    "docs/how-to/plug-in.md": r"mmr\+python:.*ShortFirst",
    "docs/how-to/remember.md": "lock",
    "docs/how-to/rerank.md": "docs/",
    "docs/how-to/rewrite.md": "searched for: how do i delete a document for good\n",
    "docs/how-to/script-a-benchmark.md": "flat|hnsw",
    "docs/how-to/script.md": r"\[\s*0 ",
    "docs/how-to/serve.md": r"(?s)purge.*url_citation.*0\.\d",
    "docs/how-to/tune-retriever.md": "--fusion",
    "docs/quick-start.md": "purge",
}
"""Page -> what its Python prints."""


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture
def reader(read_docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand where a reader would: documents, a knowledge base, questions, a data set, a server of language models."""
    import shutil

    shutil.copytree(read_docs, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _: "how do i delete a documnt for good")
    pages = ["delete", "filter", "ingest", "recover", "rerank", "script", "experiment", "remember"]
    rows = [
        {"text": _title(page), "documents": {f"docs/how-to/{page}.md": 1}, "metadata": {"type": page}} for page in pages
    ]
    Path("questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _beir(Path("scifact"))
    with ChatServer(_say) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield tmp_path


def _title(page: str) -> str:
    return _text(f"docs/how-to/{page}.md").partition("\n")[0].removeprefix("# ")


def _beir(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    texts = ["Otters hold hands when they sleep.", "Badgers dig setts with many rooms.", "Herons stand still and wait."]
    documents = [{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    queries = [{"_id": "q0", "text": "Who holds hands?"}, {"_id": "q1", "text": "Which animal digs rooms?"}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n")


def _say(prompt: str) -> str:
    """Answer as a model would that obeys the form it is asked for."""
    for word, answer in {"yes or no": "yes", "which date": "1969-07-20", "in JSON": '{"name": "Ada"}'}.items():
        if word in prompt:
            return answer
    return first_sentence(prompt)


@contextlib.contextmanager
def _served(blocks: list[str]) -> Iterator[list[str]]:
    """Serve the knowledge base where a page asks `rag serve`; yield the blocks with the server's address."""
    place = "http://127.0.0.1:8080"
    if not any(place in block for block in blocks):
        yield blocks
        return
    command = [sys.executable, "-m", "pipelines.cli", "serve", "kb", "--port", "0"]
    own = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.:]+", line)))
            yield [block.replace(place, address) for block in blocks]
        finally:
            process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if CODE.search(_text(page))])
def test_it_runs(page: str, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page in SAID, "say what the page's Python prints"
    server = re.compile(r"http://localhost:\d+/v1")
    for name, text in re.findall(r"```toml\n# (\w+\.toml)\n(.*?)```", _text(page), re.DOTALL):
        (reader / name).write_text(text)
    script = types.ModuleType("documented")  # what a class of a script belongs to
    script.__file__ = str(ROOT / page)
    monkeypatch.setitem(sys.modules, "documented", script)
    said = io.StringIO()
    blocks = [server.sub(os.environ["OPENAI_BASE_URL"], block) for block in CODE.findall(_text(page))]
    with contextlib.redirect_stdout(said), _served(blocks) as ready:
        for block in ready:
            exec(compile(block, page, "exec", dont_inherit=True), vars(script))
    assert re.search(SAID[page], said.getvalue()), said.getvalue()


def test_the_quick_start_shows_what_the_readme_does() -> None:
    assert CODE.findall(_text("docs/quick-start.md")) == CODE.findall(_text("README.md"))


@pytest.mark.parametrize("page", PAGES)
def test_python_is_marked_as_such(page: str) -> None:
    """Indented code is for shells and output, so that no Python escapes the test above."""
    assert not re.search(r"^ {4}(from \w+(\.\w+)* import |import \w+$|>>> )", _text(page), re.MULTILINE)


def test_configuration_files_are_read() -> None:
    from rag import PipelineConfig

    found = re.search(r"```toml\n(# pipeline\.toml\n.*?)```", _text("docs/how-to/configure.md"), re.DOTALL)
    assert found
    assert PipelineConfig.loads(found[1]).with_(k=5).changed()


def _commands(name: str, command: Any) -> Iterator[tuple[str, set[str]]]:
    """Yield every command with its options."""
    yield name, {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}
    for own, sub in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {own}", sub)


OPTIONS = dict(_commands("rag", typer.main.get_command(app)))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/reference.md"])
def test_command_lines_name_options_that_exist(page: str) -> None:
    lines = re.findall(r"^ {4}(?:\$ )?(rag .*)$", _text(page), re.MULTILINE)
    lines += re.findall(r"`(rag \w[^`\n]*)`", _text(page))
    for line in lines:
        words = shlex.split(line.split(" | ")[0], comments=True)
        name = " ".join(words[:3]) if " ".join(words[:3]) in OPTIONS else " ".join(words[:2])
        known = OPTIONS.get(name)
        assert known is not None or words[1] == "CMD", line
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert known is None or word.partition("=")[0] in known, line


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/reference.md"])
def test_options_in_the_text_exist(page: str) -> None:
    every = set().union(*OPTIONS.values()) | {"--strict"}
    for path in (ROOT / "benchmarks").glob("*.py"):
        every |= set(re.findall(r'"(--[a-z-]+)"', path.read_text(encoding="utf-8")))
    for code in re.findall(r"`([^`\n]+)`", _text(page)):
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code) if not code.startswith(("pip ", "python ")) else ():
            assert option in every, f"{option} in {code!r}"


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page: str) -> None:
    for name in re.findall(r"`((?:indexes|rag|pipelines|tests|benchmarks|docs)/[\w./-]*)`", _text(page)):
        assert (ROOT / name).exists(), name
    here = {path.name for folder in ("indexes", "rag", "pipelines") for path in (ROOT / folder).rglob("*.py")}
    if page in {"docs/architecture.md", "CONTRIBUTING.md"}:
        for name in re.findall(r"`(\w+\.py)`", _text(page)):
            assert name in here, name


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", _text(page)):
        assert ((ROOT / page).parent / link).exists(), link


def test_the_index_leads_to_every_page() -> None:
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", _text("docs/index.md"))}
    assert {ROOT / page for page in PAGES if page.startswith("docs/")} - linked == {ROOT / "docs" / "index.md"}
