"""Files of keys: what they say, and what they may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE
from pipelines.server.errors import Forbidden
from pipelines.server.guard import Access
from pipelines.server.principals import EVERYBODY, KeysFile, Principal, digest_of, read_keys
from rag.errors import InvalidInput

KEY, OTHER = "correct-horse-battery", "other-horse-battery"
FILE = f"""
[ann]
key = "{KEY}"
groups = ["sales", "all"]

[root]
key_sha256 = "{digest_of(OTHER)}"
groups = ["*"]
scopes = ["read", "upload"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def test_keys_are_read_with_groups_and_scopes(file: Path) -> None:
    file.write_text(FILE)
    found = read_keys(file)
    assert found[digest_of(KEY)] == Principal("ann", frozenset({"sales", "all"}), frozenset({"read"}))
    assert found[digest_of(OTHER)] == Principal("root", None, frozenset({"read", "upload"}))
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("given", "name"),
    [(f"Bearer {KEY}", "ann"), (f"Bearer {OTHER}", "root")]
    + [(each, None) for each in ("", "Bearer", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x", f"Bearer {KEY} ")]
    + [(f"Bearer {digest_of(KEY)}", None), (f"bearer {KEY}", "ann")],
)
def test_a_key_is_known_or_nobody_asks(file: Path, given: str, name: str | None) -> None:
    file.write_text(FILE)
    found = Access(keys=read_keys(file)).principal(given)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nobody"),
        ("[ann", "cannot read the keys"),
        ("ann = 1", "a reader is a table"),
        (f'[ann]\nkey = "{KEY}"\ngroup = ["x"]', "a reader is a table"),
        (f'[ann]\nkey = "{KEY}"', "give groups"),
        (f'[ann]\nkey = "{KEY}"\ngroups = "sales"', "groups is a list"),
        (f'[ann]\nkey = "{KEY}"\ngroups = [1]', "groups is a list"),
        (f'[ann]\nkey = "{KEY}"\ngroups = ["x"]\nscopes = ["write"]', "scopes are feedback, metrics, read"),
        ('[ann]\ngroups = ["x"]', "give key or key_sha256"),
        (f'[ann]\nkey = "{KEY}"\nkey_sha256 = "{digest_of(KEY)}"\ngroups = ["x"]', "give key or key_sha256"),
        (f'[ann]\nkey = "{"x" * 15}"\ngroups = ["x"]', "at least 16 letters"),
        ('[ann]\nkey_sha256 = "abc"\ngroups = ["x"]', "64 small hexadecimal digits"),
        (
            f'[ann]\nkey = "{KEY}"\ngroups = ["x"]\n[bob]\nkey = "{KEY}"\ngroups = ["y"]',
            "ann and bob have the same key",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidInput, match=words) as told:
        read_keys(file)
    assert KEY not in str(told.value)


def test_a_scope_that_is_lacking_is_named() -> None:
    Principal("ann", None, frozenset({"read"})).check("read")
    with pytest.raises(Forbidden, match="'upload'"):
        Principal("ann", None, frozenset({"read"})).check("upload")


def test_a_name_for_files_tells_readers_apart_and_no_name() -> None:
    ann, bob = (Principal(name, None, frozenset()) for name in ("ann", "bob"))
    assert ann.digest != bob.digest
    assert ann.digest == Principal("ann", frozenset(), frozenset({"read"})).digest
    assert "ann" not in ann.digest
    assert EVERYBODY.where is None


def test_a_token_and_keys_are_one_too_many(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE)
    given = ["serve", str(tmp_path), "--keys", str(file), "--token-file", str(file), "--port", "0"]
    assert run(given) == BAD_USAGE
    assert "give --token-file, one for all, or --keys" in capsys.readouterr().err


def test_a_changed_file_holds_from_the_next_request_on(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(FILE)
    access = Access(keys=KeysFile(file))
    assert access.principal(f"Bearer {KEY}") is not None
    file.write_text(FILE.replace(KEY, "a-new-key-for-ann-only"))
    assert access.principal(f"Bearer {KEY}") is None
    changed = access.principal("Bearer a-new-key-for-ann-only")
    assert changed is not None
    assert changed.name == "ann"
    for wrong in ("[ann", ""):
        file.write_text(wrong)
        assert access.principal("Bearer a-new-key-for-ann-only") == changed
        assert caplog.records[-1].getMessage().endswith("the keys that were read before it still hold")
        assert "a-new-key" not in caplog.text
    file.unlink()
    assert access.principal(f"Bearer {OTHER}") is not None
    file.write_text(FILE)
    assert access.principal(f"Bearer {KEY}") is not None
