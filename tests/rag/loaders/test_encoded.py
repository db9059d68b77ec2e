"""Encoded data inside texts."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

from rag.documents.document import Document
from rag.loaders import load
from rag.loaders.encoded import LEFT_OUT, without_encoded

BYTES = random.Random(4).randbytes(3000)  # a picture
PICTURE = base64.b64encode(BYTES).decode()
WRAPPED = base64.encodebytes(BYTES).decode()


def _text(path: Path) -> str:
    (document,) = load(path)
    assert isinstance(document, Document)
    return document.text


def test_a_picture_in_markdown_leaves_the_text_around_it(tmp_path: Path):
    path = tmp_path / "a.md"
    path.write_text(f"# Otters\n\nOtters hold hands.\n\n![An otter](data:image/png;base64,{PICTURE})\n\nThey swim.\n")
    assert _text(path) == "# Otters\n\nOtters hold hands.\n\nAn otter\n\nThey swim."


def test_a_key_or_picture_in_other_texts_is_named_and_left_out(tmp_path: Path):
    key = tmp_path / "key.txt"
    key.write_text(f"The key of the otter house:\n-----BEGIN KEY-----\n{WRAPPED}-----END KEY-----\nKeep it.\n")
    assert _text(key).splitlines() == [
        "The key of the otter house:", "-----BEGIN KEY-----", LEFT_OUT, "-----END KEY-----", "Keep it.",
    ]  # fmt: skip
    record = tmp_path / "a.json"
    record.write_text(json.dumps({"name": "otter", "photo": PICTURE, "url": base64.urlsafe_b64encode(BYTES).decode()}))
    assert _text(record) == f"name: otter\nphoto: {LEFT_OUT}\nurl: {LEFT_OUT}"


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "ACGT" * 2000,
        "-" * 2000,
        "中国的学生" * 500,
        f"a digest {BYTES[:32].hex()} and a token {PICTURE[:300]} stay",
        "\n".join(["A line of prose, longer than sixty characters, with 12 numbers in 3 of its 14 words."] * 40),
        "\n".join(["0123456789" * 7] * 20),
        "\n".join(PICTURE[at : at + 64] for at in range(0, 320, 64)),
    ],
)
def test_text_stays(text: str):
    assert without_encoded(text) == text
