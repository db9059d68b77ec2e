"""Leave out pictures, keys and archives that a text holds as base64 or hexadecimal digits.

A picture in a Markdown file becomes hundreds of chunks that take minutes to embed and bury the text around it.
"""

from __future__ import annotations

import re

LEFT_OUT = "[encoded-data]"  # without a space: it may be the target of a link

_SHORTEST = 500
"""Characters of a run; names, hashes and tokens that a question may be about are shorter."""

_RUN = re.compile(rf"(?<![\w+/-])[A-Za-z0-9+/_-]{{{_SHORTEST},}}={{0,2}}", re.ASCII)
_LINES = re.compile(r"^(?:[ \t>]*[A-Za-z0-9+/]{60,128}\n){8,}(?:[ \t>]*[A-Za-z0-9+/]{1,128}={0,2}$)?", re.MULTILINE)
_LONG_LINE = re.compile(r"[^\n]{60}")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[A-Za-z]")
_SAMPLE = 200


def without_encoded(text: str) -> str:
    """Put `LEFT_OUT` in the place of encoded data: one long run, as in ``data:`` URIs, or many lines of one width.

    What has hardly a digit (``xxxx``, a sequence of bases) or hardly a letter is taken for text. Linear time.
    """
    if len(text) < _SHORTEST or not _LONG_LINE.search(text):
        return text
    return _LINES.sub(_replaced, _RUN.sub(_replaced, text))


def _replaced(match: re.Match[str]) -> str:
    sample = match[0][:_SAMPLE]
    encoded = len(_DIGIT.findall(sample)) > 4 and len(_LETTER.findall(sample)) > 4
    return LEFT_OUT + "\n" * match[0].endswith("\n") if encoded else match[0]
