"""PPTX files, by python-pptx: a slide is a page, its title a heading; notes come at its end."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext, Untyped
from .office import check, properties
from .results import Parsed

_MAX_DEPTH = 50


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a PPTX."""
    check(data, context)
    import pptx

    try:
        deck = pptx.Presentation(io.BytesIO(data))
    except KeyError as error:
        raise LoadError("parse", f"not a readable PPTX: {error}") from None
    draft = Draft(context.budget)
    count = 0
    for count, slide in enumerate(deck.slides, 1):
        draft.drop_headings()
        draft.page(count)
        title = slide.shapes.title
        if title is not None:
            draft.heading(title.text_frame.text, 1)
        _shapes(slide.shapes, title, draft, 0)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
            draft.block(f"Notes: {notes.text}")
    fields = properties(deck.core_properties)
    named = first_title(str(fields.pop("title", "")), draft.first_heading, context.stem_title)
    yield draft.parsed(named, {**fields, "slides": count})


def _shapes(shapes: Iterable[Untyped], title: Untyped, draft: Draft, depth: int) -> None:
    """Add the texts of the shapes in reading order: from the top down, then from the left."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    for shape in sorted(shapes, key=lambda s: (s.top or 0, s.left or 0)):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if hasattr(shape, "shapes"):
            _shapes(shape.shapes, title, draft, depth + 1)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                draft.row([cell.text for cell in row.cells])
        elif getattr(shape, "has_chart", False):
            _chart(shape.chart, draft)
        elif shape.has_text_frame:
            draft.block("\n".join(p.text.replace("\v", "\n") for p in shape.text_frame.paragraphs if p.text.strip()))


def _chart(chart: Untyped, draft: Draft) -> None:
    if chart.has_title and chart.chart_title.has_text_frame:
        draft.block(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        names = [str(name) for name in plot.categories]
        draft.row(["", *names])
        for series in plot.series:
            draft.row([str(series.name), *(f"{value:g}" if value is not None else "" for value in series.values)])
