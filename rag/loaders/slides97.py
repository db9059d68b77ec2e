"""PPT files of PowerPoint 97-2003: a slide is a page, its title a heading; its notes come at its end.

The layout is that of [MS-PPT]: records in records; a directory says where the newest version of each part is.
"""

from __future__ import annotations

from collections.abc import Iterator

from .compound import Compound, Record, number, records
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .hidden import page_of
from .results import Parsed

_ENCRYPTED = 0xF3D1C4DF
_EDIT, _DIRECTORY, _LIST, _PERSIST, _NOTES, _NOTES_OF, _SHOW = 0x0FF5, 0x1772, 0x0FF0, 0x03F3, 0x03F0, 0x03F1, 0x03F9
_KIND, _WIDE, _NARROW, _OUTLINE = 0x0F9F, 0x0FA0, 0x0FA8, 0x0F9E
_TITLES, _OF_NOTES = (0, 6), 2
_HIDDEN = 0x04
_MAX_DEPTH, _MAX_EDITS = 40, 1000
Text = tuple[int, str]
"""The kind of a text (0 and 6 are titles), and the text."""


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a PPT of PowerPoint 97-2003."""
    file = Compound(data)
    stream, user = file.stream("PowerPoint Document"), file.stream("Current User")
    if number(user, 12) == _ENCRYPTED:
        raise LoadError("encrypted", "needs a password; save it without one and ingest that")
    deck = _Deck(stream, number(user, 16))
    draft = Draft(context.budget)
    count = 0
    for count, (identity, part, outline) in enumerate(deck.slides(), 1):
        hidden = any(r.type == _SHOW and len(r.data) > 11 and number(r.data, 10, "<H") & _HIDDEN for r in _all(part))
        with page_of(draft, count, f"slide {count}" if hidden else "") as page:
            texts = list(_texts(part, outline))
            title = next((each for each in texts if each[0] in _TITLES), None)
            page.heading(title[1] if title else "", 1)
            for each in texts:
                page.block("" if each is title else each[1])
            for text in deck.notes.get(identity, ()):
                page.block(f"Notes: {text}")
    fields = file.properties()
    named = first_title(str(fields.pop("title", "")), draft.first_heading, context.stem_title)
    yield draft.parsed(named, {**fields, "slides": count})


class _Deck:
    """The parts of a presentation, each in its newest version."""

    def __init__(self, stream: bytes, edit: int) -> None:
        self._stream = stream
        self._places: dict[int, int] = {}
        document = None
        for _ in range(_MAX_EDITS):
            record = self._record(edit)
            if record.type != _EDIT:
                raise LoadError("parse", "broken: its list of versions is no list")
            document = number(record.data, 16) if document is None else document
            self._directory(self._record(number(record.data, 12)))
            edit = number(record.data, 8)
            if not edit:
                break
        self._document = list(records(self._part(document or 0).data))
        self.notes: dict[int, list[str]] = {}
        for _, part, _ in self._parts(2):
            owner = next((number(r.data, 0) for r in records(part.data) if r.type == _NOTES_OF), 0)
            self.notes[owner] = [text for kind, text in _texts(part, []) if kind == _OF_NOTES and text.strip()]

    def slides(self) -> Iterator[tuple[int, Record, list[Text]]]:
        """Yield each slide's number in the file, its record, and its texts in the outline."""
        yield from self._parts(0)

    def _parts(self, instance: int) -> Iterator[tuple[int, Record, list[Text]]]:
        for group in self._document:
            if group.type != _LIST or group.instance != instance:
                continue
            found: list[tuple[int, int, list[Record]]] = []
            for record in records(group.data):
                if record.type == _PERSIST:
                    found.append((number(record.data, 12), number(record.data, 0), []))
                elif found:
                    found[-1][2].append(record)
            for identity, place, outline in found:
                yield identity, self._part(place), list(_read(outline, []))

    def _directory(self, record: Record) -> None:
        at = 0
        while record.type == _DIRECTORY and at + 4 <= len(record.data):
            head = number(record.data, at)
            first, count = head & 0xFFFFF, head >> 20
            for i in range(count):
                self._places.setdefault(first + i, number(record.data, at + 4 + 4 * i))
            at += 4 + 4 * count

    def _part(self, number_of_part: int) -> Record:
        return self._record(self._places.get(number_of_part, len(self._stream)))

    def _record(self, at: int) -> Record:
        record = next(records(self._stream, at), None)
        if record is None:
            raise LoadError("parse", "broken: it points beyond its end")
        return record


def _all(record: Record, depth: int = 0) -> Iterator[Record]:
    """Yield all records inside one, outer before inner."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    for inner in records(record.data):
        yield inner
        if inner.container and inner.type != _LIST:
            yield from _all(inner, depth + 1)


def _texts(part: Record, outline: list[Text]) -> Iterator[Text]:
    yield from _read(_all(part), outline)


def _read(found: Iterator[Record] | list[Record], outline: list[Text]) -> Iterator[Text]:
    """Yield the texts of records; a shape may refer to the outline by number."""
    kind = 4
    for record in found:
        if record.type == _KIND:
            kind = number(record.data, 0)
        elif record.type in (_WIDE, _NARROW):
            text = record.data.decode("utf-16-le" if record.type == _WIDE else "latin-1", "replace")
            yield kind, text.replace("\r", "\n").replace("\x0b", "\n").strip()
        elif record.type == _OUTLINE and number(record.data, 0) < len(outline):
            yield outline[number(record.data, 0)]
