"""PPT files of PowerPoint 97-2003: a slide is a page, its title a heading; its notes come at its end.

The layout is that of [MS-PPT]: records in records; a directory says where the newest version of each part is.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..documents.account import Kind
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
_SLIDE, _MARGINS, _TAGGED, _COMMENT, _STRING = 0x03EE, 0x0FD9, 0x138B, 0x2EE0, 0x0FBA
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
    count, margins = 0, deck.margins
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
            for record in _all(part):
                said = _strings(record) if record.type in (_COMMENT, _MARGINS) else {}
                if record.type == _COMMENT:
                    page.block(f"Comment by {said.pop(0, '')}: {said.pop(1, '')}".replace(" by :", ":"))
                    page.leave_out("notes", " ".join(said.values()))  # initials
                else:
                    margins += said.values()
    draft.drop_headings()
    for text in margins:
        draft.margin(text)
    for kind, text in deck.left_out():
        draft.leave_out(kind, text)
    fields = file.properties()
    named = first_title(str(fields.pop("title", "")), draft.first_heading, context.stem_title)
    yield draft.parsed(named, {**fields, "slides": count})


class _Deck:
    """The parts of a presentation, each in its newest version."""

    def __init__(self, stream: bytes, edit: int) -> None:
        self._stream = stream
        self._places: dict[int, int] = {}
        self._reached: set[int] = set()
        document = None
        for _ in range(_MAX_EDITS):
            record = self._record(edit)
            if record.type != _EDIT:
                raise LoadError("parse", "broken: its list of versions is not a list")
            document = number(record.data, 16) if document is None else document
            self._directory(self._record(number(record.data, 12)))
            edit = number(record.data, 8)
            if not edit:
                break
        self._document = list(records(self._part(document or 0).data))
        self.margins = [text for each in self._document if each.type == _MARGINS for text in _strings(each).values()]
        self.notes: dict[int, list[str]] = {}
        for _, part, _ in self._parts(2):
            owner = next((number(r.data, 0) for r in records(part.data) if r.type == _NOTES_OF), 0)
            texts = [each for each in _texts(part, []) if any(map(str.isalnum, each[1]))]
            self.notes[owner] = [text for kind, text in texts if kind == _OF_NOTES]
            self.margins += [text for kind, text in texts if kind != _OF_NOTES]

    def slides(self) -> Iterator[tuple[int, Record, list[Text]]]:
        """Yield each slide's number in the file, its record, and its texts in the outline."""
        yield from self._parts(0)

    def left_out(self) -> Iterator[tuple[Kind, str]]:
        """Yield the texts of masters and of slides that were taken out; call it last."""
        for _, part, _ in self._parts(1):
            yield "markup", " ".join(text for _, text in _texts(part, []))
        for place in {*self._places.values()} - self._reached:
            part = self._record(place)
            if part.type in (_SLIDE, _NOTES):
                yield "deleted", " ".join(text for _, text in _texts(part, []))

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
        place = self._places.get(number_of_part, len(self._stream))
        self._reached.add(place)
        return self._record(place)

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
        if (inner.container or inner.type == _TAGGED) and inner.type != _LIST:
            yield from _all(inner, depth + 1)


def _strings(record: Record) -> dict[int, str]:
    """Return the strings in a record: a comment's author, text and initials; a slide's date, header and footer."""
    found = (each for each in records(record.data) if each.type == _STRING)
    return {each.instance: each.data.decode("utf-16-le", "replace") for each in found}


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
