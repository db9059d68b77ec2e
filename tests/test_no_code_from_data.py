"""No code is executed from data: the packages use nothing that could, anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle", "code", "runpy"}
CALLS = {"eval", "exec", "compile", "__import__", "extractall", "system", "popen"}
KEYWORDS = {("allow_pickle", True), ("trust_remote_code", True), ("shell", True), ("huge_tree", True)}
ATTRIBUTES = {("torch", "load"), ("yaml", "load"), ("yaml", "unsafe_load")}
ALLOWED = {("re", "compile")}


def findings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            if name.partition(".")[0] in MODULES:
                yield node.lineno, f"import {name}"
        if isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[tuple[int, str]]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in CALLS:
        yield node.lineno, function.id
    if isinstance(function, ast.Attribute):
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        risky = (owner, function.attr) in ATTRIBUTES or (
            function.attr in CALLS and bool(node.args)
        )  # model.eval() is none
        if risky and (owner, function.attr) not in ALLOWED:
            yield node.lineno, f"{owner}.{function.attr}"
    for keyword in node.keywords:
        if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in KEYWORDS:
            yield node.lineno, f"{keyword.arg}={keyword.value.value}"


def test_the_packages_run_no_code_from_data() -> None:
    found = []
    for package in ("indexes", "rag", "pipelines"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in findings(tree)]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "archive.extractall(folder)",
        "subprocess.run(command, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "os.system(command)",
    ],
)
def test_the_scan_sees_what_is_planted(planted: str) -> None:
    assert len(list(findings(ast.parse(planted)))) == 1
