"""WebVTT and SubRip: what is said, and when."""

from __future__ import annotations

import pytest
from timing import grows_less

from rag.loaders.errors import LoadError
from rag.loaders.formats import ParseContext
from rag.loaders.transcripts import parse

VTT = """WEBVTT - Harbour talk

NOTE checked by Ida

STYLE
::cue { color: red }

intro
00:01.500 --> 00:04.000 align:start
<v Olga Lind>The <i>sill</i> is dry &amp; safe

00:04.000 --> 00:06.000
until noon.

01:00:09.250 --> 01:00:12.000
<v Per>We <00:01:10.000><c>leave</c> now.
"""

SRT = """1
00:00:01,000 --> 00:00:03,000
{\\an8}One tide
a day.

2
00:00:30,000 --> 00:00:33,500
It comes at six.
"""


def spoken(parsed):
    return [(s.time, parsed.text[s.start : s.end]) for s in parsed.sections]


def test_webvtt(read):
    parsed = read(VTT.encode(), "harbour-talk.vtt")
    assert parsed.title == "harbour talk"
    assert spoken(parsed) == [(1.5, "Olga Lind: The sill is dry & safe until noon."), (3609.25, "Per: We leave now.")]


def test_subrip(read):
    parsed = read(SRT.replace("\n", "\r\n").encode("cp1252"), "a.srt")
    assert spoken(parsed) == [(1.0, "One tide a day."), (30.0, "It comes at six.")]


def test_rolling_captions_are_said_once(read):
    cues = "".join(f"00:0{i}.000 --> 00:0{i}.900\nline {i}\nline {i + 1}\n\n" for i in range(1, 5))
    assert read(f"WEBVTT\n\n{cues}".encode(), "a.vtt").text == "line 1 line 2 line 3 line 4 line 5"


def test_long_talks_have_many_times(read):
    cues = "".join(f"{i // 60:02}:{i % 60:02}.000 --> 59:59.000\nSentence {i} about the sea.\n\n" for i in range(200))
    parsed = read(f"WEBVTT\n\n{cues}".encode(), "a.vtt")
    for section in parsed.sections:
        assert parsed.text[section.start :].startswith(f"Sentence {section.time:.0f} ")
    assert 10 < len(parsed.sections) < 40


def test_no_transcript(read):
    with pytest.raises(LoadError, match="not a transcript"):
        read(b"words", "a.vtt")


@pytest.mark.parametrize("pattern", ["00:01.000 --> 00:02.000\n<v ", "<v a", "{\\", "0:", "00:00.0 --> 0:0\na\n\n"])
def test_time_grows_linearly(pattern):
    def read_in(n: int) -> None:
        list(
            parse((f"00:01.000 --> 00:02.000\nx\n\n{pattern * (n // len(pattern))}").encode(), ParseContext("a", "vtt"))
        )

    grows_less(read_in, 20_000, 200_000, than=30)
