"""The promises of this toolkit, and the check of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised, by which module of this package it is checked, and its number in the list of promises."""

    number: str
    check: str
    text: str


PROMISES = (
    Promise("P1", "kills", "After any kill, what was acknowledged is there, whole, and a second run ends as the first"),
    Promise("P2", "damage", "A damaged file is refused by name: no wrong answer, no crash"),
    Promise("P3", "bad_files", "One bad document never stops the others, and each is listed"),
    Promise("P4", "reports", "What an ingest reports is in every index; verify proves it, repair mends it"),
    Promise("P5", "disk", "A full disk and missing rights are an error with the path; the old state stays"),
    Promise("P6", "engines", "Every engine answers or refuses, whatever it is given"),
    Promise("P7", "metrics", "Metrics equal trec_eval's, and no failure improves a figure"),
    Promise("P8", "code", "No code is run from data"),
    Promise("P9", "terminal", "Documents and names cannot command the terminal"),
    Promise("P11", "endpoints", "A misbehaving language model costs bounded time, and quotes stand in for it"),
    Promise("P12", "concurrency", "Readers see whole commits only; a second writer is told; threads and forks agree"),
    Promise("P13", "identity", "A knowledge base opened with another model, metric or chunker is refused"),
    Promise("P14", "paths", "Loaders stay within their folder"),
    Promise("P15", "text", "Any Unicode goes in, and offsets stay exact"),
    Promise("P16", "isolation", "Filters hold inside the search"),
    Promise("P17", "citations", "Every citation is verbatim in a passage that was found"),
    Promise("P18", "deleting", "Deleted means gone, also if the command was cut short"),
    Promise("P19", "repeating", "The same input gives the same result"),
    Promise("P20", "keys", "Keys are printed nowhere"),
    Promise("P21", "injection", "Instructions in documents give no power"),
    Promise("P22", "linear_time", "No text makes cutting or analysing slow beyond its length"),
    Promise("P23", "leaks", "Hours of use leak nothing"),
)
NOT_BUILT = {"P10": "a server that is closed by default: there is no server yet"}
