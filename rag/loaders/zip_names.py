"""Names in zip archives that do not say their encoding: all of one archive have the same, the likeliest is taken.

The statistics of text do not serve names of a few characters. Here a character costs little if its encoding keeps it
among the common ones, letters of one script cost less than signs, and a sign between letters costs most.
"""

from __future__ import annotations

import struct
import unicodedata
import zipfile

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_COMMON = {"gb18030": (0xB0, 0xD7), "cp932": (0x88, 0x97), "big5": (0xA4, 0xC6), "cp949": (0xB0, 0xC8)}
"""First bytes of the characters in daily use; of the Korean ones, those that are not Chinese."""

# Chinese and Korean share their bytes: characters that names are made of tell them apart.
_DAILY = frozenset(
    "年月日号表新建文件夹通知报告会议记录合同方案计划总结名单说明书资料图片工作项目公司管理系统数据学习教育中国人大小上下一二三四五六七八九十"
    "이다는에의가을로고하지자리기사도대어시아정인일수나서원부해구동주전한스보조관생제장과상성무선국소공개문물신우유연오여마미비화"
    "새더록회계획안내용발표견적계약결산급업품목내역양식설명명단학교회사팀월별년간중"
)
_SINGLE = ("cp437", "cp850", "cp866", "cp852", "cp737", "cp862", "cp1252", "cp1251", "cp1250", "koi8_r",
           "cp874", "cp720", "cp1256", "cp1253")  # fmt: skip
_BEST, _CHEAP, _LETTER, _ODD, _SIGN = 0.1, 0.3, 0.35, 1.5, 3.0


def names_of(infos: list[zipfile.ZipInfo]) -> dict[str, str]:
    """Return the true name of each member by the name that `zipfile` gives it."""
    raw = {i.filename: i.orig_filename.encode("cp437", "replace") for i in infos if not i.flag_bits & _UTF8_FLAG}
    encoding = likeliest(b"\n".join(name for name in raw.values() if not name.isascii()))
    names = {info.filename: info.filename for info in infos}
    names |= {given: name.decode(encoding, "replace") for given, name in raw.items()}
    names |= {info.filename: name for info in infos if (name := _unicode_path(info.extra))}
    if not any("/" in name for name in names.values()):  # as some programs on Windows write them
        names = {given: name.replace("\\", "/") for given, name in names.items()}
    return {given: unicodedata.normalize("NFC", name.replace("\0", "")) for given, name in names.items()}


def likeliest(names: bytes) -> str:
    """Return the encoding that makes most sense of names, one a line."""
    for encoding in ("ascii", "utf-8"):
        if _decoded(names, encoding) is not None:
            return encoding
    costs = {e: _cost(text, e) for e in (*_COMMON, *_SINGLE) if (text := _decoded(names, e)) is not None}
    return min(costs, key=costs.__getitem__)


def _decoded(names: bytes, encoding: str) -> str | None:
    try:
        return names.decode(encoding)
    except UnicodeDecodeError:
        return None


def _cost(text: str, encoding: str) -> float:
    total, before = 0.0, "\n"
    for character in text:
        if not character.isascii():
            total += _wide(character, encoding, before) if encoding in _COMMON else _narrow(character, before)
        elif character.isalpha() and encoding in _SINGLE and before.isalpha() and _script(before) != "LATIN":
            total += _SIGN  # another script in the middle of a Latin word
        before = character
    return total


def _wide(character: str, encoding: str, before: str) -> float:
    code = character.encode(encoding)
    first, last = _COMMON[encoding]
    if character in _DAILY:
        return _BEST
    if "\u3040" <= character <= "\u30ff":
        return _CHEAP
    if code[-1] < 0x80 and before.isascii() and before.isalpha():
        return _SIGN  # an accented letter in a word of Latin letters, taken for the first half of a character
    common = len(code) == 2 and first <= code[0] <= last and (encoding != "gb18030" or code[1] > 0xA0)
    return _CHEAP if common else _ODD


def _narrow(character: str, before: str) -> float:
    if character in "¿¡" and not before.isalpha():
        return _LETTER
    if character == "ƒ" or (not character.isalpha() and unicodedata.category(character) != "Mn"):
        return _SIGN
    script = _script(character)
    fits = not before.isalpha() or (_script(before) == script and (script != "LATIN" or before.isascii()))
    jumps = before.islower() and character.isupper()
    return _LETTER * (1.0 if fits else 3.0) + _ODD * jumps


def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").partition(" ")[0]


def _unicode_path(extra: bytes) -> str:
    """Return the name that Info-ZIP's extra field 0x7075 gives in UTF-8."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH and size > 5:
            return _decoded(extra[9 : 4 + size], "utf-8") or ""
        extra = extra[4 + size :]
    return ""
