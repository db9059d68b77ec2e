"""The page's own files: sent without a token, under a policy that lets nothing else run or load."""

from __future__ import annotations

import re

import pytest

from pipelines.server.guard import Access
from pipelines.server.page import STATIC

from .conftest import Serve

TOKEN = "a-token-of-some-length"


def test_the_page_is_sent_without_a_token_and_its_data_are_not(serve: Serve) -> None:
    client = serve(access=Access(TOKEN))
    status, heads, data = client.send("GET", "/")
    assert (status, heads["content-type"]) == (200, "text/html; charset=utf-8")
    for path in re.findall(rb'(?:href|src)="(/[^"]+)"', data):
        assert client.send("GET", path.decode())[0] == 200
    assert {client.send("GET", path)[0] for path in ("/v1/page", "/v1/status", "/v1/documents/x/boxes")} == {401}
    client.headers = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/v1/page") == (200, {"uploads": [], "review": [], "reports": False})


def test_the_policy_lets_nothing_in_or_out(serve: Serve) -> None:
    client = serve()
    for path in ("/", "/static/app.js", "/static/style.css", "/static/icon.svg"):
        _, heads, _ = client.send("GET", path)
        policy = dict(each.strip().partition(" ")[::2] for each in heads["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["frame-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["trusted-types"] == "'none'"
        assert heads["referrer-policy"] == "no-referrer"
        assert heads["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["../page.py", "..%2fpage.py", "%2e%2e/page.py", "nothing.js", "index.html%00", ".", ""]
)
def test_no_other_file_is_sent(serve: Serve, name: str) -> None:
    status, _, data = serve().send("GET", f"/static/{name}")
    assert status in {404, 405}
    assert b"def " not in data


def test_no_module_makes_markup_of_text_or_loads_from_elsewhere() -> None:
    """What the policy forbids at run time is not even tried."""
    bad = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|eval\(|new Function|\.setHTML|DOMParser"
        r"|createContextualFragment|javascript:|style=|https?://(?!www\.w3\.org/2000/svg)"
    )
    for file in STATIC.iterdir():
        found = bad.findall(file.read_text(encoding="utf-8"))
        assert found == [], file.name
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon[a-z]+=", page)
