r"""Text that PostgreSQL refuses: U+0000.

It becomes U+0001 U+0001, and U+0001 becomes U+0001 U+0002; all else stays. Escaped texts are in the order of what they
stand for, are equal where those are, and one begins with another where those do: so filters compare them as they are.
"""

from __future__ import annotations


def escaped(text: str) -> str:
    """Return a text without U+0000."""
    if "\0" not in text and "\1" not in text:
        return text
    return text.replace("\1", "\1\2").replace("\0", "\1\1")


def unescaped(text: str) -> str:
    """Return the text that was escaped."""
    if "\1" not in text:
        return text
    return text.replace("\1\1", "\0").replace("\1\2", "\1")
