"""The Python of the documentation runs as it stands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    indented = [textwrap.dedent(each) for each in re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, re.MULTILINE)]
    return [block.strip() for block in (*fenced, *indented) if re.match(r"\s*(from (rag|pipelines)|import)", block)]


@pytest.mark.parametrize(
    ("page", "word"),
    [
        ("README.md", "purge"),
        ("docs/how-to/library.md", "badgers 1.0"),
        ("docs/how-to/script-a-benchmark.md", "flat|hnsw"),
        ("docs/how-to/rewrite.md", "searched for: how do i delete a document for good\nTo delete"),
        ("docs/how-to/rerank.md", "docs/"),
    ],
)
def test_it_runs(
    page: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    blocks = _blocks(page)
    assert blocks
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _: "how do i delete a documnt for good")
    if any('open("kb")' in block for block in blocks):  # a page of a reader who has made one already
        blocks = [*_blocks("README.md"), *blocks]
    for block in blocks:
        exec(compile(block, page, "exec"), {})
    said = capsys.readouterr().out
    assert re.search(word, said)


def test_the_quick_start_shows_what_the_readme_does():
    assert _blocks("docs/quick-start.md") == _blocks("README.md")
