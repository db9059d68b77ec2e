"""The page, the picture and the table: everything is there, nothing is loaded, nothing is believed to be markup."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from PIL import Image

from pipelines.benchmark.findings import (
    build_spec,
    builds,
    colour_numbers,
    fastest,
    lead,
    line_colours,
    mixed,
    smallest,
)
from pipelines.benchmark.pareto import front, memory_front, speed_front
from pipelines.benchmark.pictures import pareto_picture
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import good, read
from rag.errors import ExtraMissing, InvalidInput


@pytest.fixture(scope="module")
def rows(planted_run):
    return read(planted_run)


class Tags(HTMLParser):
    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.titles, self._in_title = [], [], [], False
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._in_title = tag == "title"

    def handle_data(self, data):
        if self._in_title:
            self.titles.append(data)
            self._in_title = False


def test_the_page_shows_every_configuration_and_what_failed(rows):
    page = report_page(rows)
    for row in rows:
        assert row["spec"] in page
    assert "crashed with SIGSEGV while building" in page
    found = Tags(page)
    assert found.tags.count("svg") >= 3
    tips = [title for title in found.titles if "queries/s" in title]
    assert len(tips) == 2 * len(good(rows))  # a point in each of the two fronts
    assert any("p99" in tip and "built in" in tip for tip in tips)


def test_an_engine_has_the_same_colour_in_every_chart(rows):
    honest = next(row for row in rows if row["spec"] == "honest")
    page = report_page([{**honest, "engine": name, "spec": f"{name} it is"} for name in ("hnsw", "sptag")])
    pairs = [set(re.findall(rf'<span style="color:var\(--(\w+)\)"><b>{name}(?: it is)?</b>', page)) for name in
             ("hnsw", "sptag")]  # fmt: skip
    assert [len(pair) for pair in pairs] == [1, 1]
    assert pairs[0] != pairs[1]


def test_lines_have_their_engines_colours_unless_these_are_one():
    apart = [{"engine": name} for name in ("hnsw", "flat")]
    assert line_colours(apart) == list(colour_numbers(["hnsw", "flat"]).values())
    assert line_colours([*apart, {"engine": "hnsw"}]) == [0, 1, 2]
    assert len(line_colours([{}])) == 1


def test_the_page_loads_nothing(rows):
    found = Tags(report_page(rows))
    assert not {"link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert not [value for _, name, value in found.attributes if name in {"src", "href", "action"}]
    assert found.tags.count("script") == 1  # its hash stands in the page's policy
    assert "url(" not in report_page(rows)


def test_what_engines_and_files_say_is_no_markup(rows):
    hostile = copy.deepcopy(rows)
    for row in hostile:
        row["data"]["name"] = "<script>alert(1)</script>"
        row["data"]["notes"] = ["<img src=x onerror=alert(1)>"]
        if row["error"]:
            row["error"] = "</td><script>alert(2)</script>\x1b[31m"
        else:
            row["note"] = "<b onclick=alert(3)>"
    page = report_page(hostile)
    found = Tags(page)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert "\x1b" not in page


def test_a_page_of_failures_alone(rows):
    failed = [row for row in rows if row["error"]]
    page = report_page(failed)
    assert "Nothing could be measured" in page
    assert "What failed" in page


def test_pareto_fronts_by_hand():
    points = [(0.5, 9), (0.9, 5), (0.9, 6), (0.8, 5), (1.0, 1), (0.4, 9)]
    made = [{"recall": r, "qps": q, "memory_bytes": 10 - q} for r, q in points]
    assert [(row["recall"], row["qps"]) for row in speed_front(made)] == [(0.5, 9), (0.9, 6), (1.0, 1)]
    assert [(row["recall"], row["memory_bytes"]) for row in memory_front(made)] == [(0.5, 1), (0.9, 4), (1.0, 9)]
    assert front([], lambda row: 0.0) == []


def test_findings_by_hand():
    rows = [
        {"spec": "a", "k": 10, "recall": 0.97, "qps": 100.0, "memory_bytes": 9e6, "note": None},
        {"spec": "b", "k": 10, "recall": 0.99, "qps": 50.0, "memory_bytes": 2e6, "note": None},
        {"spec": "c", "k": 10, "recall": 0.6, "qps": 900.0, "memory_bytes": 1e6, "note": None},
        {"spec": "d", "k": 10, "recall": 1.0, "qps": 900.0, "memory_bytes": 1e6, "note": "untrained"},
    ]
    assert fastest(rows, 0.95)["spec"] == "a"
    assert smallest(rows, 0.95)["spec"] == "b"
    assert fastest(rows, 1.01) is None
    assert lead(rows) == (
        "At recall@10 of 0.95 or more, a is the fastest (100 queries/s, 9.0 MB) "
        "and b the smallest (2.0 MB, 50 queries/s)."
    )
    assert lead(rows[2:3]) == "No configuration reaches recall@10 of 0.9; the best is c with 0.600."
    assert lead([]).startswith("Nothing")


def test_rows_of_several_runs_that_do_not_go_together_are_noticed(rows):
    assert mixed(rows) == []
    other = copy.deepcopy(rows)
    other[0]["machine"]["cpu"] = "abacus"
    other[0]["versions"]["numpy"] = "9.9"
    assert mixed(other)[0].startswith("made on different machines")
    assert re.fullmatch(r"made with different versions: numpy 9\.9 and \S+", mixed(other)[1])
    assert "made on different machines" in report_page(other)


def test_builds_are_told_apart_by_their_parameters(rows):
    real = {"engine": "hnsw", "spec": "hnsw:ef=3", "build": {"M": 16, "ef_construction": 100, "storage": "float"}}
    assert build_spec(real) == "hnsw:M=16"
    picky = [row for row in rows if row["engine"] == "picky"]
    assert len(builds(picky)) == 1


@pytest.mark.slow
def test_pictures_are_files_that_others_can_read(rows, tmp_path):
    pareto_picture(good(rows), tmp_path / "pareto.png")
    with Image.open(tmp_path / "pareto.png") as image:
        assert image.size[0] > 1000
        assert len(image.convert("RGB").getcolors(1 << 24)) > 20
    pareto_picture(good(rows), tmp_path / "pareto.svg")
    tree = ET.parse(tmp_path / "pareto.svg")  # our own file
    assert tree.getroot().tag.endswith("svg")


def test_pictures_that_cannot_be_made(rows, tmp_path, monkeypatch):
    with pytest.raises(InvalidInput, match=r"ends in \.png or \.svg"):
        pareto_picture(good(rows), tmp_path / "pareto.gif")
    with pytest.raises(InvalidInput, match="every configuration has an error"):
        pareto_picture([], tmp_path / "pareto.png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[benchmark\]"):
        pareto_picture(good(rows), tmp_path / "pareto.png")
