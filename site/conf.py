"""The site: these pages and the API's reference, built by Sphinx with nothing from other servers.

``make docs-site`` builds it into ``build/site``; a link that leads nowhere, and a docstring that cannot be read, fail.
"""

from __future__ import annotations

import importlib
import shutil
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes

ROOT = Path(__file__).parents[1]
SECTIONS = {
    "Start": ("quick-start", "how-to/install", "concepts/overview", "how-to/configure"),
    "Build a bot": (
        "how-to/build-a-bot",
        "how-to/ingest",
        "how-to/library",
        "how-to/language-models",
        "how-to/filter",
        "how-to/remember",
        "how-to/rewrite",
        "how-to/choose-a-model",
        "how-to/rerank",
        "how-to/shape-context",
        "how-to/other-libraries",
        "how-to/coming-from",
        "how-to/plug-in",
    ),
    "Choose an index": (
        "how-to/choose-an-index",
        "how-to/benchmark-under-load",
        "how-to/script-a-benchmark",
    ),
    "Run experiments": ("how-to/experiment", "how-to/tune-retriever", "how-to/script"),
    "Evaluate and improve": (
        "how-to/evaluate",
        "how-to/feedback",
    ),
    "Operate": (
        "how-to/serve",
        "how-to/connect-open-webui",
        "how-to/mcp",
        "how-to/operate",
        "how-to/recover",
        "how-to/delete",
        "how-to/selftest",
    ),
    "How it works": (
        "concepts/retrieval",
        "concepts/answers",
        "concepts/evaluation",
        "concepts/indexes",
        "concepts/sizing",
        "concepts/storage",
        "architecture",
    ),
    "Notebooks": tuple(f"notebooks/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))),
    "Reference": ("reference", "api/index", "results", "compare"),
}
"""The sidebar: pages by what people want. Pages that no section names go into "More"."""

project = "rag-workbench"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
copyright = "the authors of rag-workbench"  # noqa: A001 - Sphinx's name
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"rag-workbench {release}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
templates_path: list[str] = []

nb_execution_mode = "off"  # `make notebooks` runs them and keeps what they say
nb_render_text_lexer = "none"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
default_role = "py:obj"
suppress_warnings = ["myst.header", "ref.python"]

# Sphinx imports modules as type checkers see them, which LlamaIndex does not bear: it is there before.
importlib.import_module("llama_index.core")


def with_sidebar(app: Any, name: str, source: list[str]) -> None:  # noqa: ANN401 - Sphinx
    """Add the sidebar's tables of contents to the first page, which reads without them elsewhere."""
    if name != root_doc:
        return
    named = {page for pages in SECTIONS.values() for page in pages}
    rest = sorted(page for page in app.env.found_docs - named - {root_doc} if not page.startswith("api/"))
    for title, pages in {**SECTIONS, **({"More": tuple(rest)} if rest else {})}.items():
        there = "\n".join(page for page in pages if page in app.env.found_docs)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{there}\n```\n"


def links_to_the_repository(app: Any, doctree: Any, name: str) -> None:  # noqa: ANN401, ARG001 - Sphinx
    """Show links to files outside of the pages, such as the changelog, as the files' names."""
    for link in list(doctree.findall(nodes.reference)):
        target = link.get("refuri", "")
        if target.startswith("../") and not target.endswith(".html"):
            link.replace_self(nodes.literal(text=link.astext()))


def with_notebooks(app: Any, _: Any) -> None:  # noqa: ANN401 - Sphinx
    """Lay the notebooks beside the pages while the site is built."""
    shutil.copytree(ROOT / "notebooks", Path(app.srcdir) / "notebooks", dirs_exist_ok=True)


def without_notebooks(app: Any, _: Any) -> None:  # noqa: ANN401 - Sphinx
    """Take them away again."""
    shutil.rmtree(Path(app.srcdir) / "notebooks")


def setup(app: Any) -> dict[str, bool]:  # noqa: ANN401 - Sphinx
    """Register all."""
    app.connect("config-inited", with_notebooks)
    app.connect("build-finished", without_notebooks)
    app.connect("source-read", with_sidebar)
    app.connect("doctree-resolved", links_to_the_repository)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
