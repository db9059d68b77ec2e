"""Makers of Office 97-2003 files: the container, and the smallest Word and PowerPoint files in it."""

from __future__ import annotations

import struct

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR = 512
_LEAST = 4096


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file of version 3 with streams in its root; small ones are padded, so no mini stream is needed."""
    names = list(streams)
    sectors: list[bytes] = []
    fat: list[int] = []

    def chain(data: bytes) -> int:
        first = len(sectors)
        parts = [data[i : i + _SECTOR].ljust(_SECTOR, b"\0") for i in range(0, len(data), _SECTOR)]
        sectors.extend(parts)
        fat.extend([*range(first + 1, first + len(parts)), _END])
        return first

    starts = {name: chain(streams[name].ljust(_LEAST, b"\0")) for name in names}
    entries = [_entry("Root Entry", 5, 1 if names else _FREE, _FREE, _END, 0)]
    for i, name in enumerate(names, 1):  # every entry is the right sibling of the one before
        right = i + 1 if i < len(names) else _FREE
        entries.append(_entry(name, 2, _FREE, right, starts[name], max(len(streams[name]), _LEAST)))
    directory = chain(b"".join(entries))
    count = -(-(len(fat) + 1) // 127)
    table = len(sectors)
    fat.extend([_FAT] * count)
    flat = struct.pack(f"<{len(fat)}I", *fat).ljust(count * _SECTOR, b"\xff")
    fields = (0x3E, 3, 0xFFFE, 9, 6, 0, count, directory, 0, _LEAST, _END, 0, _END, 0, table)
    head = struct.pack("<8s16sHHHHH6xIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", *fields)
    head += struct.pack("<108I", *(table + i for i in range(1, count)), *[_FREE] * (109 - count))
    return head + b"".join(sectors) + flat


def _entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII16sIQQIQ", text, len(text), kind, 1, _FREE, right, child, b"", 0, 0, 0, start, size)


def doc(
    text: str, *, footnotes: str = "", margins: str = "", comments: str = "", endnotes: str = "", boxes: str = "",
    out_of_sight: dict[str, int] | None = None, headings: dict[str, int] | None = None, flags: int = 0,
) -> bytes:  # fmt: skip
    """A DOC; ``out_of_sight`` maps a piece of text to the switch that hides it, ``headings`` a paragraph to its level.

    Cells end in \\x07; a paragraph that is nothing but \\x07 ends a row.
    """
    stories = (text, footnotes, margins, comments, endnotes, boxes)
    whole = "".join(stories)
    start = 2048
    body = whole.encode("utf-16-le")
    pages: list[bytes] = []

    def page(runs: list[tuple[int, int, bytes]], wide: int) -> bytes:
        places = [begin for begin, _, _ in runs] + [runs[-1][1]]
        data = bytearray(_SECTOR)
        struct.pack_into(f"<{len(places)}I", data, 0, *(start + 2 * place for place in places))
        at = 510
        for i, (_, _, properties) in enumerate(runs):
            if properties:
                at = (at - len(properties)) & ~1
                data[at : at + len(properties)] = properties
                data[4 * len(places) + wide * i] = at // 2
        data[511] = len(runs)
        return bytes(data)

    characters = []
    at = 0
    for piece, switch in sorted((out_of_sight or {}).items(), key=lambda item: whole.index(item[0])):
        begin = whole.index(piece)
        characters += [(at, begin, b""), (begin, begin + len(piece), b"\x03" + struct.pack("<HB", switch, 1))]
        at = begin + len(piece)
    pages.append(page([run for run in (*characters, (at, len(whole), b"")) if run[0] < run[1]], 1))
    paragraphs = []
    at = 0
    for i, letter in enumerate(whole):
        if letter not in "\r\x07":
            continue
        shown = whole[at:i]
        cell = letter == "\x07" or "\x07" in whole[at:].partition("\r")[0][: i - at + 1]
        marks = struct.pack("<HB", 0x2416, 1) * cell + struct.pack("<HB", 0x2417, 1) * (letter == "\x07" and not shown)
        inside = struct.pack("<H", (headings or {}).get(shown, 0)) + marks
        inside += b"\0" * (len(inside) % 2 == 0)  # with the byte of the size an even number
        paragraphs.append((at, i + 1, bytes([(len(inside) + 1) // 2]) + inside))
        at = i + 1
    pages.append(page(paragraphs, 13))
    first = -(-(start + len(body)) // _SECTOR)
    main = bytearray(start) + body.ljust(first * _SECTOR - start, b"\0") + b"".join(pages)
    struct.pack_into("<HH", main, 0, 0xA5EC, 193)
    struct.pack_into("<H", main, 0x0A, 0x0200 | flags)
    for place, story in zip((0x4C, 0x50, 0x54, 0x5C, 0x60, 0x64), stories, strict=True):
        struct.pack_into("<i", main, place, len(story))
    table = b""
    for where, data in (
        (0x01A2, b"\x02" + struct.pack("<I2IHIH", 16, 0, len(whole), 0, start, 0)),
        (0x00FA, struct.pack("<3I", start, start + len(body), first)),
        (0x0102, struct.pack("<3I", start, start + len(body), first + 1)),
    ):
        struct.pack_into("<II", main, where, len(table), len(data))
        table += data
    return compound({"WordDocument": bytes(main), "1Table": table})


def _record(kind: int, data: bytes, *, instance: int = 0, container: bool = False) -> bytes:
    return struct.pack("<HHI", instance << 4 | 15 * container, kind, len(data)) + data


def ppt(slides: list[dict[str, str]], *, older: str = "") -> bytes:
    """A PPT; a slide has a title, a body, and perhaps notes, "hidden", a comment, a footer; ``older`` is deleted."""

    def text(kind: int, words: str) -> bytes:
        return _record(0x0F9F, struct.pack("<I", kind)) + _record(0x0FA0, words.encode("utf-16-le"))

    stream = b""
    places: dict[int, int] = {}

    def add(number: int, data: bytes) -> None:
        nonlocal stream
        places[number] = len(stream)
        stream += data

    if older:
        add(100, _record(1006, text(1, older), container=True))
    lists: dict[int, bytes] = {0: b"", 2: b""}
    for i, slide in enumerate(slides):
        show = _record(0x03F9, struct.pack("<IIBBH4x", 0, 0, 0, 0, 4 if slide.get("hidden") else 0))
        box = _record(0xF00D, _record(0x0F9E, struct.pack("<I", 0)), container=True)
        for words, kind, instance in ((slide.get("comment"), 0x2EE0, 1), (slide.get("footer"), 0x0FD9, 2)):
            if words:
                said = _record(0x0FBA, words.encode("utf-16-le"), instance=instance)
                show += _record(0x138B, _record(kind, said, container=True))
        shapes = _record(1036, box + _record(0xF00D, text(1, slide["body"]), container=True), container=True)
        add(10 + i, _record(1006, show + shapes, container=True))
        lists[0] += _record(0x03F3, struct.pack("<IIIII", 10 + i, 0, 1, 256 + i, 0)) + text(0, slide["title"])
        if "notes" in slide:
            add(
                50 + i,
                _record(
                    0x03F0, _record(0x03F1, struct.pack("<II", 256 + i, 0)) + text(2, slide["notes"]), container=True
                ),
            )
            lists[2] += _record(0x03F3, struct.pack("<IIIII", 50 + i, 0, 0, 512 + i, 0))
    document = b"".join(_record(0x0FF0, data, instance=kind, container=True) for kind, data in lists.items())
    add(1, _record(1000, document, container=True))
    directory = len(stream)
    stream += _record(0x1772, b"".join(struct.pack("<II", number | 1 << 20, place) for number, place in places.items()))
    edit = len(stream)
    stream += _record(0x0FF5, struct.pack("<IIIII", 0, 0, 0, directory, 1) + bytes(8))
    user = _record(0x0FF6, struct.pack("<III", 20, 0xE391C05F, edit))
    return compound({"PowerPoint Document": stream, "Current User": user})
