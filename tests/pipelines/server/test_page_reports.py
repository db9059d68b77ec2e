"""Stored reports: found, made from results, opened by an address that holds for a minute, and harmless."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.reports.pages import page, write_page
from pipelines.server import page_reports
from pipelines.server.page_reports import reports_in

from .conftest import Client, Serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_page(tmp_path / "evaluation.html", page("Evaluation <of> May"))
    (tmp_path / "notes.txt").write_text("not a report")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.jsonl").write_text("")
    (tmp_path / "trial.results").mkdir()
    (tmp_path / "trial.results" / "experiment.json").write_text("{}")
    (tmp_path / "trial.results" / "results.jsonl").write_text("")
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "x.html").write_text("<title>Too deep</title>")
    (tmp_path / "link.html").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    os.utime(tmp_path / "evaluation.html", (1, 1))
    return tmp_path


def test_reports_and_results_are_found_and_links_are_not_followed(folder: Path) -> None:
    found = reports_in(folder)
    assert {(each.title, each.kind) for each in found} == {
        ("Evaluation <of> May", "page"), ("run", "benchmark"), ("trial.results", "experiment"),
    }  # fmt: skip
    assert found[-1].title == "Evaluation <of> May", "the oldest is last"
    assert len({each.id for each in found}) == 3


def listed(client: Client) -> dict[str, dict]:
    return {each["title"]: each for each in client.get("/v1/reports")[1]["reports"]}


def test_a_report_is_opened_by_an_address_of_its_own(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(reports=folder)
    told = listed(client)
    assert str(folder) not in str(told)
    status, ticket = client.post(f"/v1/reports/{told['Evaluation <of> May']['id']}", {})
    assert status == 200
    status, heads, data = client.send("GET", ticket["url"])
    assert status == 200
    assert "Evaluation &lt;of&gt; May" in data.decode()
    policy = heads["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "script-src 'sha256-" in policy
    monkeypatch.setattr(page_reports, "_OPEN_S", -1.0)
    _, late = client.post(f"/v1/reports/{told['Evaluation <of> May']['id']}", {})
    assert client.get(late["url"])[0] == 404
    assert client.get("/reports/guessed")[0] == 404


def test_results_that_cannot_be_read_and_ids_that_are_none_are_not_found(serve: Serve, folder: Path) -> None:
    client = serve(reports=folder)
    told = listed(client)
    for own in (told["run"]["id"], told["trial.results"]["id"], "0" * 24, "..%2f..%2fetc%2fpasswd"):
        status, error = client.post(f"/v1/reports/{own}", {})
        assert status == 404
        assert str(folder) not in str(error)


def test_without_a_folder_there_are_no_such_routes(serve: Serve) -> None:
    assert serve().get("/v1/reports")[0] == 404


@pytest.mark.slow
def test_real_results_of_a_benchmark_and_an_experiment_are_shown(serve: Serve, base: Path, tmp_path: Path) -> None:
    made = ["bench", "--data", str(base), "--index", "flat", "-k", "1", "--out", str(tmp_path / "bench")]
    assert run(made) == 0
    question = '{"id": "1", "question": "How many eggs does a queen lay?", "relevant": ["bees.md"]}'
    (tmp_path / "q.jsonl").write_text(f"{question}\n")
    (tmp_path / "trial.toml").write_text(
        f'name = "trial"\ncorpus = "{base.with_name("secret-folder")}"\nquestions = "{tmp_path}/q.jsonl"\n'
        '[measure]\nmetrics = ["R@1"]\n[vary]\nembedder = ["hashing-64", "hashing-32"]\n'
    )
    experiment = run(["experiment", str(tmp_path / "trial.toml"), "--out", str(tmp_path / "trial")]) == 0
    client = serve(reports=tmp_path)
    shown = {}
    for own in client.get("/v1/reports")[1]["reports"]:
        status, ticket = client.post(f"/v1/reports/{own['id']}", {})
        assert status == 200
        shown[own["kind"]] = client.send("GET", ticket["url"])[2].decode()
    assert "flat" in shown["benchmark"]
    assert experiment
    assert "trial" in shown["experiment"]


def test_time_is_told_in_utc(folder: Path) -> None:
    assert reports_in(folder)[-1].told()["modified"] == time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(1))
