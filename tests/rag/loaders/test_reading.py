"""Encodings, binary detection, limits, and what is refused to be opened."""

from __future__ import annotations

import os

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.reading import decode, file_sha256, looks_binary, open_regular, read_file, reason_of

TEXT = "Größe: 15 € – naïve “quotes” in the house of the fisherman, très chaud."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"])
def test_western_text_comes_through(encoding):
    assert decode(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний.", "cp1251"),
        ("私はその人を常に先生と呼んでいた。だからここでもただ先生と書くだけで本名は打ち明けない。", "shift_jis"),
        ("人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。", "gb18030"),
    ],
)
def test_other_scripts_come_through(text, encoding):
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        ("Klíč je u šatny, Žofie.", "cp1250", "iso-8859-2"),
        ("Ο χάρτης “εδώ” – κλειστό", "cp1253", "iso-8859-7"),
        ("Raktas yra čia – „durys“", "cp1257", "iso-8859-13"),
        ("受付は八時に開きます。", "euc_jp", ""),
        ("열쇠는 사무실에 있습니다. 여섯 시에 닫습니다.", "cp949", ""),
    ],
)
def test_what_programs_on_windows_and_in_the_east_write(text, encoding, declared):
    assert decode(text.encode(encoding), declared) == text


def test_halves_of_utf16_written_as_characters_are_joined_and_lone_ones_replaced():
    cesu = "an otter \ud83e\udda6, a lone \ud800 half".encode("utf-8", "surrogatepass")
    assert decode(cesu) == "an otter \N{OTTER}, a lone \N{REPLACEMENT CHARACTER} half"


def test_a_few_broken_bytes_do_not_change_the_encoding():
    data = bytearray((TEXT * 20).encode())
    data[data.index(b"fisherman")] = 0xFF
    text = decode(bytes(data))
    assert text.count("\ufffd") == 1
    assert "très chaud" in text


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"plain", False),
        (b"text\x00with a nul", False),
        ("wide".encode("utf-16-le") * 9, False),
        (b"\x00" * 50, True),
        (bytes(range(256)) * 4, True),
    ],
)
def test_binary(data, binary):
    assert looks_binary(data) is binary


def test_files_over_the_limit_are_not_read(tmp_path):
    big = tmp_path / "sparse.txt"
    with big.open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(LoadError, match="200 MB") as error:
        read_file(str(big), 64 << 20)
    assert error.value.reason == "limit"


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(LoadError, match="not a regular file"):
        open_regular(str(tmp_path / "pipe"))  # would block for ever if it opened it plainly
    with pytest.raises(OSError, match="symbolic"):
        open_regular(str(tmp_path / "link"))


def test_hashing_a_pipe_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        file_sha256(str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "no"), "permission"),
        (FileNotFoundError(2, "no"), "missing"),
        (OSError(5, "Input/output error"), "io"),
        (MemoryError(), "memory"),
        (RecursionError(), "limit"),
        (ModuleNotFoundError("x", name="pptx"), "extra"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), "encoding"),
        (KeyError("x"), "parse"),
    ],
)
def test_reasons(error, reason):
    assert reason_of(error).reason == reason


def test_missing_package_names_the_install_line():
    assert "pip install 'rag-workbench[documents]'" in reason_of(ModuleNotFoundError("x", name="pptx")).detail
