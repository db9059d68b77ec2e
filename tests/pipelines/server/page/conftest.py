"""Documents of several kinds, served, with the page on them open in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from chromium import Tab, chromium
from pdf_files import make_pdf

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import Collection, Collections
from pipelines.server.feedback_desk import Desk
from pipelines.server.guard import Access, Limits
from pipelines.server.principals import EVERYBODY
from rag import Bot, KnowledgeBase
from rag.feedback import Feedback

from ..conftest import running

RULES = [
    ["Harbour rules", "The harbour was dredged in May.", "Ships with a draught of nine metres may enter now.",
     "The fee is four euros for each tonne of cargo and is paid by the"],
    ["master of the ship on the day of arrival.", "Divers work at night when the tide is low."],
]  # fmt: skip
DRAUGHT = "What draught may ships have?"
FEE = "What is the fee for each tonne of cargo?"
TEA = "At how many degrees is green tea steeped?"


def written(docs: Path) -> None:
    docs.mkdir()
    (docs / "harbour.pdf").write_bytes(make_pdf(*RULES, title="Harbour rules"))
    (docs / "tea.md").write_text(
        "---\nauthor: Ann\nurl: https://example.org/tea\n---\n# Green tea\n\nGreen tea is steeped at 80 degrees for "
        "two minutes. Black tea takes boiling water.\n\n## White tea\n\nWhite tea is steeped at 75 degrees. 😀 Æ\n"
    )
    (docs / "bees.html").write_text("<title>Bees</title><h1>Bees</h1><p>A queen bee lays up to 2,000 eggs a day.</p>")
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Ferry timetable", "ann@example.org", "bob@example.org"
    mail.set_content("The ferry to Tromsø leaves at seven in the morning.\n")
    (docs / "ferry.eml").write_bytes(mail.as_bytes())
    docx = pytest.importorskip("docx").Document()
    docx.add_heading("Orchard", 1)
    docx.add_paragraph("Apple trees are pruned in February before the buds swell.")
    docx.save(docs / "orchard.docx")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("page")
    written(made / "docs")
    assert run(["ingest", str(made / "docs"), "--into", str(made / "kb"), "--embedder", "hashing-64"]) == 0
    return made


Show = Callable[..., Tab]
WRITERS = Access(anybody=replace(EVERYBODY, scopes=EVERYBODY.scopes | {"upload"}))


@pytest.fixture
def show(browser: Any, folder: Path) -> Iterator[Show]:
    """Serve the documents, and open the page in a fresh context."""
    with ExitStack() as stack:

        def start(
            model: Any = None,
            *,
            access: Access = WRITERS,
            base: Path | None = None,
            reports: Path | None = None,
            uploads: bool = False,
            feedback: bool = False,
            **look: Any,
        ) -> Tab:
            kb = stack.enter_context(KnowledgeBase.open(base or folder / "kb"))
            desk = Desk(stack.enter_context(Feedback.open(kb))) if feedback else None
            served = Collections([Collection.of("kb", stack.enter_context(Bot(kb, model)), desk)], [kb])
            app = application(served, access, Limits(), reports=reports, uploads=uploads)
            tab = Tab(browser, stack.enter_context(running(app, Limits())), **look)
            stack.callback(tab.close)
            return tab

        yield start


def sound(tab: Tab) -> None:
    """Nothing was requested elsewhere, and nothing was refused by the policy or failed."""
    assert tab.elsewhere == []
    assert tab.said == []
    assert tab.dialogs == []
