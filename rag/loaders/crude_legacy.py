"""Crude readers of RTF and of the formats of Office 97-2003: all texts in their order in the file, seen or not."""

from __future__ import annotations

import codecs
import io
import re
import struct
from collections.abc import Iterator

_TOKEN = re.compile(rb"\\([A-Za-z]+)(-?\d+)? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL)
_NO_TEXT = frozenset(
    b"fonttbl colortbl stylesheet info pict objdata objclass fldinst bkmkstart bkmkend filetbl sn sv pntext listtext "
    b"xe tc nonshppict mmathPr".split()
)
_STARRED_TEXT = frozenset(b"shpinst shptxt annotation footnote".split())
_BREAKS = frozenset(
    b"par line tab cell nestcell row sect page column emdash endash bullet lquote rquote ldblquote rdblquote footnote "
    b"annotation v deleted header headerl headerr headerf footer footerl footerr footerf shptxt".split()
)
_PAGES = {77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256,
          186: 1257, 204: 1251, 222: 874, 238: 1250}  # fmt: skip
_FONT = re.compile(rb"\\f(\d+)[^{}\\;]*(?:\\(?!f\d|fcharset)[^\\{};]*)*\\fcharset(\d+)")
_CODE = re.compile(rb"\\ansicpg(\d+)")


def rich_text(data: bytes) -> str:
    """Return the text of all groups of an RTF but those of fonts, styles, pictures and codes of fields."""
    return _RichText(data).read()


class _RichText:
    """Goes over control words and characters; a group ends what was set in it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fonts = {int(number): _PAGES.get(int(charset), 0) for number, charset in _FONT.findall(data)}
        named = _CODE.search(data)
        self._default = int(named[1]) if named else 1252
        self._out: list[str] = []
        self._held = bytearray()  # characters of one code page
        self._owed = 0  # characters that only programs without Unicode show
        self._outer: list[tuple[int, int, bool]] = []
        self._page, self._fallback, self._quiet = self._default, 1, False

    def read(self) -> str:
        at = 0
        while token := _TOKEN.match(self._data, at):
            at = token.end()
            word, value, code, symbol, brace, text = token.groups()
            if code or text:
                self._characters(bytes([int(code, 16)]) if code else text)
                continue
            self._flush()
            if brace:
                self._group(brace)
            elif symbol == b"*":
                begun = _TOKEN.match(self._data, at)
                self._quiet = self._quiet or not (begun and begun[1] in _STARRED_TEXT)
            elif word in _BREAKS or symbol in {b"~", b"_"}:
                self._out.append(" ")
            elif word == b"bin":
                at += max(int(value or 0), 0)
            elif word:
                self._control(word, int(value or 0))
        self._flush()
        return "".join(self._out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _characters(self, given: bytes) -> None:
        skipped, self._owed = self._owed, max(self._owed - len(given), 0)
        if not self._quiet:
            self._held += given[skipped:]

    def _flush(self) -> None:
        self._out.append(self._held.decode(_codec(self._page), "replace"))
        self._held.clear()

    def _group(self, brace: bytes) -> None:
        state = (self._page, self._fallback, self._quiet)
        if brace == b"{":
            self._outer.append(state)
        elif self._outer:
            self._page, self._fallback, self._quiet = self._outer.pop()

    def _control(self, word: bytes, value: int) -> None:
        if word in _NO_TEXT:
            self._quiet = True
        elif word == b"u" and not self._quiet:
            self._out.append(chr(value % 65536))
            self._owed = self._fallback
        elif word == b"uc":
            self._fallback = value
        elif word == b"f":
            self._page = self._fonts.get(value, 0) or self._default


def _codec(page: int) -> str:
    try:
        return codecs.lookup({10000: "mac_roman", 65001: "utf-8"}.get(page, f"cp{page}")).name
    except LookupError:
        return "cp1252"


def _stream(data: bytes, *names: str) -> bytes:
    """Return the first stream of a compound file by one of these names."""
    import olefile

    file = olefile.OleFileIO(io.BytesIO(data))
    return bytes(file.openstream(next(name for name in names if file.exists(name))).read())


_FIELD_CODE = re.compile("\x13[^\x13\x14\x15]*[\x14\x15]")


def word(data: bytes) -> str:
    """Return all pieces of a DOC, codes of fields apart."""
    main = _stream(data, "WordDocument")
    table = _stream(data, "1Table" if main[0x0B] & 2 else "0Table")
    at, size = struct.unpack_from("<II", main, 0x01A2)
    parts = table[at : at + size]
    while parts[:1] == b"\x01":
        parts = parts[3 + int.from_bytes(parts[1:3], "little") :]
    count = (len(parts) - 9) // 12
    ends = struct.unpack_from(f"<{count + 1}I", parts, 5)
    out = []
    for i in range(count):
        place = int.from_bytes(parts[5 + 4 * (count + 1) + 8 * i + 2 :][:4], "little")
        length, start = ends[i + 1] - ends[i], place & 0x3FFFFFFF
        narrow = place >> 30 & 1
        raw = main[start // 2 : start // 2 + length] if narrow else main[start : start + 2 * length]
        out.append(raw.decode("cp1252" if narrow else "utf-16-le", "replace"))
    text = "".join(out)
    while (less := _FIELD_CODE.sub("", text)) != text:
        text = less
    return re.sub("[\x01-\x08\x1f\x15]", lambda m: " " if m[0] == "\x07" else "", text)


_MASTERS, _NOTES, _NOTES_OF, _DIRECTORY = (0x03F8, 0x0FC9), 0x03F0, 0x03F1, 0x1772
_WIDE, _NARROW, _STRING = 0x0FA0, 0x0FA8, 0x0FBA
_WITH_STRINGS = (0x0FD9, 0x2EE0)  # page headers and footers, comments
_TAGGED, _DEEPEST = 0x138B, 40


def slides(data: bytes) -> str:
    """Return the texts of all parts of a PPT that its directories name, masters apart."""
    stream = _stream(data, "PowerPoint Document")
    places: dict[int, int] = {}
    for kind, _, body in _atoms(stream):
        at = 0
        while kind == _DIRECTORY and at + 4 <= len(body):  # a later directory has a part's newer place
            head = int.from_bytes(body[at : at + 4], "little")
            newer = struct.unpack_from(f"<{head >> 20}I", body, at + 4)
            places |= {(head & 0xFFFFF) + i: place for i, place in enumerate(newer)}
            at += 4 + 4 * len(newer)
    texts = (text for place in sorted({*places.values()}) for text in _slide_texts(_record(stream, place)))
    return "\n".join(texts).replace("\x0b", "\n")


def _record(stream: bytes, at: int) -> bytes:
    return stream[at : at + 8 + int.from_bytes(stream[at + 4 : at + 8], "little")]


def _slide_texts(data: bytes, around: int = 0, depth: int = 0) -> Iterator[str]:
    for kind, inner, body in _atoms(data):
        first = next(_atoms(body), (0, False, b""))
        master = kind == _NOTES and first[0] == _NOTES_OF and not any(first[2][:4])
        if (inner or kind == _TAGGED) and kind not in _MASTERS and not master and depth < _DEEPEST:
            yield from _slide_texts(body, kind, depth + 1)
        elif kind == _NARROW:
            yield body.decode("latin-1")
        elif kind == _WIDE or (kind == _STRING and around in _WITH_STRINGS):
            yield body.decode("utf-16-le", "replace")


def _atoms(data: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """Yield the kinds of records, whether each holds others, and what is in them."""
    at = 0
    while at + 8 <= len(data):
        head, kind, length = struct.unpack_from("<HHI", data, at)
        yield kind, head & 15 == 15, data[at + 8 : at + 8 + length]
        at += 8 + length


_SHARED, _GOES_ON, _LABELS, _RESULT, _BEGIN = 0x00FC, 0x003C, (0x0204, 0x00D6), 0x0207, 0x0809
_DRAWN, _OF_CHART = 0x01B6, 0x100D


def sheets(data: bytes) -> str:
    """Return the texts of an XLS: shared strings, labels, results of formulas, comments, drawings; no numbers."""
    stream = _stream(data, "Workbook", "Book")
    found: list[tuple[int, list[bytes]]] = []
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == _GOES_ON and found:
            found[-1][1].append(body)
        else:
            found.append((kind, [body]))
    old = next((bodies[0][:2] != b"\0\x06" for kind, bodies in found if kind == _BEGIN), False)
    out: list[str] = []
    for kind, bodies in found:
        if kind == _SHARED:
            out += _shared(bodies)
        elif kind in _LABELS or kind == _RESULT:
            out.append(_label(bodies[0][0 if kind == _RESULT else 6 :], old))
        elif kind == _DRAWN and len(bodies) > 1:
            out.append(_characters(bodies[1][1:], bodies[1][0] & 1))
        elif kind == _OF_CHART:
            out.append(_characters(bodies[0][4:], bodies[0][3] & 1))
    return "\n".join(out)


def _label(body: bytes, old: bool) -> str:
    length = int.from_bytes(body[:2], "little")
    if old:
        return body[2 : 2 + length].decode("cp1252", "replace")
    return _characters(body[3:][: length << (body[2] & 1)], body[2] & 1)


def _characters(data: bytes, wide: int) -> str:
    return data.decode("utf-16-le" if wide else "latin-1", "replace")


def _shared(bodies: list[bytes]) -> Iterator[str]:
    """Yield the shared strings; one that goes on in another record says there again how wide its characters are."""
    at, number, body = 8, 0, bodies[0]
    for _ in range(int.from_bytes(body[4:8], "little")):
        if at >= len(body):
            number, at, body = number + 1, 0, bodies[number + 1]
        length, flags = struct.unpack_from("<HB", body, at)
        at += 3
        runs = int.from_bytes(body[at : at + 2], "little") if flags & 8 else 0
        at += 2 * (flags >> 3 & 1)
        aside = int.from_bytes(body[at : at + 4], "little") if flags & 4 else 0
        at += 4 * (flags >> 2 & 1)
        parts = []
        while length:
            wide = flags & 1
            part = body[at : at + (length << wide)]
            parts.append(_characters(part, wide))
            at, length = at + len(part), length - (len(part) >> wide)
            if length:
                number, at, body = number + 1, 1, bodies[number + 1]
                flags = body[0]
        yield "".join(parts)
        at += 4 * runs + aside
        while at > len(body):
            number, at, body = number + 1, at - len(body), bodies[number + 1]
