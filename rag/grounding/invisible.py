r"""Remove what readers do not see, and read letters as readers see them.

Invisible characters hide a "not" from a check (``n\u200bot``) and carry text of their own: Unicode's tag characters,
and selectors of glyph variants, spell out bytes that copy and paste carry on. Letters of another script that look the
same do the first as well. Quotes of documents are never changed.
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What Unicode calls default-ignorable, and marks of annotations."""
_JOINED = "\u0600-\u08ff\u0900-\u0dff\u0e80-\u109f\u1780-\u18aa\ufb50-\ufdff\ufe70-\ufefc"
"""Scripts in which a joiner changes how a word is spelt: Arabic, Persian, those of India, Khmer, Mongolian."""
_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_PICTURES = "\u00a9\u00ae\u203c\u2049\u2100-\u214f\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_SPELT = rf"(?<=[{_JOINED}])[\u200c\u200d\u180b-\u180e](?![{_UNSEEN}])"
_SEEN = (
    rf"{_SPELT}"
    rf"|(?:(?<=[{_PICTURES}])|(?<=[{_PICTURES}]\ufe0f))\u200d(?=[{_PICTURES}])"
    rf"|(?<=[{_PICTURES}])[\ufe0e\ufe0f](?!(?!\u200d)[{_UNSEEN}])|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    r"|(?<=\U0001f3f4)\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    r"|\U000e0077\U000e006c\U000e0073)\U000e007f"
    rf"|(?<=[{_RIGHT_TO_LEFT}])[\u200e\u200f](?![{_UNSEEN}])"
)
"""One of these at its place: families of emoji, coloured hearts, the flags of England, Scotland and Wales."""
_TO_SHOW = re.compile(rf"({_SEEN})|[{_UNSEEN}]")
_TO_MATCH = re.compile(rf"({_SPELT})|[{_UNSEEN}\u0334-\u0338\u20d0-\u20f0\x00-\x08\x0e-\x1f\x7f-\x9f]")
_PENDING = re.compile(rf"[{_UNSEEN}]{{1,8}}\Z")

_ALIKE = str.maketrans(
    "авеікмнорсԁһјӏԛѕтԝхугпАВЕЅІЈКМНОРСТХУονικυρχτηαΑΒΕΖΗΙΚΜΝΟΡΤΥΧօոսցհռՕՏᎪᏴᏟᎬᎻᏦᏞᎷᏢᏚᎢᏙᏃᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡ",
    "abeikmhopcdhjlqstwxyrnABESIJKMHOPCTXYovikupxtnaABEZHIKMNOPTYXonughnOSABCEHKLMPSTVZabcdefghijklmnoprstuvwyzag",
)
"""Letters of Cyrillic, Greek, Armenian, Cherokee and phonetic writing that look like Latin ones in most fonts; of
Unicode's confusables (UTS 39) only those, since its whole list also makes an l of every 1."""
_LOOKS_LATIN = re.compile(
    "[авеікмнорсԁһјӏԛѕтԝхугпАВЕЅІЈКМНОРСТХУονικυρχτηαΑΒΕΖΗΙΚΜΝΟΡΤΥΧօոսցհռՕՏᎪᏴᏟᎬᎻᏦᏞᎷᏢᏚᎢᏙᏃᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡ]"
)
_SAME = re.compile("[аеорсухіјѕԁһӏԛԝАВЕЅІЈКМНОРСТХοΑΒΕΖΗΙΚΜΝΟΡΤΥΧ]{2,}|[ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ]{2,}")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z]")
_STYLED = re.compile("[\u2460-\u24ff\uff10-\uff5a\U0001d400-\U0001d7ff\U0001f100-\U0001f189]")
"""Letters and digits in circles, full width or mathematical type."""


def shown(text: str, *, more: bool = False) -> str:
    """Return a model's text without characters that are not seen; joiners that spelling or emoji need stay.

    Parameters
    ----------
    more
        Text follows: what its end needs is not known yet and stays.

    Examples
    --------
    >>> shown("80\U000e0073 degrees")
    '80 degrees'
    """
    if text.isascii():
        return text
    pending = _PENDING.search(text) if more else None
    end = pending.start() if pending else len(text)
    return _TO_SHOW.sub(lambda found: found[1] or "", text[:end]) + text[end:]


def seen(text: str) -> str:
    """Return the form of a text in which words are compared: composed, nothing unseen, no letters in disguise.

    In a text with Latin letters, those that look Latin are read so in words that have Latin ones too, and in words of
    letters that cannot be told from them.

    Examples
    --------
    >>> seen("cafe\u0301 hy\u00adphen n\u043et")
    'café hyphen not'
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", _TO_MATCH.sub(lambda found: found[1] or "", text))
    text = _STYLED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    if not _LOOKS_LATIN.search(text) or not _LATIN.search(text):
        return text
    return _WORD.sub(_latin, text)


def _latin(found: re.Match[str]) -> str:
    word = found[0]
    return word.translate(_ALIKE) if _LATIN.search(word) or _SAME.fullmatch(word) else word
