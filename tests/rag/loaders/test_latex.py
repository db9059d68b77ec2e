"""LaTeX: what a reader sees is text, commands and comments are accounted for."""

from __future__ import annotations

import pytest

PAPER = r"""
\documentclass[11pt]{article}
\usepackage{amsmath}
\newcommand{\eg}{e.g.\ }
\title{Tides of the \emph{Coast}}
\author{Zo\"e M\"uller \and Bj\o rn \AA s}
\date{May 2024}
\begin{document}
\maketitle
\begin{abstract}
We measure tides --- twice a day. % not for readers
\end{abstract}
\section{Introduction}\label{sec:intro}
The tide~\cite{smith2020} rises, \eg at noon, in the
caf\'e\footnote{Not on \textbf{Sundays}.} of \textsc{Emden}; 5\,\% \& \$3.

Second paragraph: $E=mc^2$, \href{https://example.org/a}{our page}, \verb|a % b|.
\subsection*{Methods}
\begin{itemize}
\item Boats are fast.
\item[Raft] Rafts are slow.
\end{itemize}
\begin{table}[ht]
\caption{Fees.}
\begin{tabular}{lr}
\hline
Boat & Fee \\ \hline
Canoe & 10 \\
Raft & 20 \\
\end{tabular}
\end{table}
\begin{lstlisting}[language=Python]
x = {1: 2}  % kept
\end{lstlisting}
\end{document}
"""


def test_a_paper(read):
    parsed = read(PAPER.encode(), "a.tex")
    assert parsed.text.split("\n\n") == [
        "Abstract",
        "We measure tides — twice a day.",
        "Introduction",
        "The tide rises, e.g. at noon, in the café of Emden; 5 % & $3.",
        "Second paragraph: E=mc^2, our page, a % b.",
        "Not on Sundays.",
        "Methods",
        "- Boats are fast.",
        "Raft: Rafts are slow.",
        "Fees.",
        "Boat: Canoe | Fee: 10\nBoat: Raft | Fee: 20",
        "x = {1: 2}  % kept",
    ]
    assert parsed.title == "Tides of the Coast"
    assert parsed.metadata == {"author": "Zoë Müller, Bjørn Ås", "date": "May 2024"}
    assert ("Introduction", "Methods") in {section.heading for section in parsed.sections}
    assert parsed.account.left_out["hidden"] == 3
    assert parsed.account.unaccounted <= 3


def test_files_that_are_taken_in_are_named(read):
    parsed = read(rb"One. \input{chapters/two} Three.", "a.tex")
    assert parsed.text == "One. Three."
    assert parsed.account.remarks == ("the file 'chapters/two' that it takes in is not read with it",)
    assert parsed.account.left_out == {"unread": 2}


@pytest.mark.parametrize("source", [
    r"\begin{tabular}{ll}a & b", r"\section", r"\item{x} text", "{" * 3000 + "deep", r"$x", r"\href{a}",
    r"\newcommand{\x}{\x} \x text", r"\verb", "\\", r"\footnote", r"\begin{longtable}[]{@{}l@{}} a \\ b",
])  # fmt: skip
def test_broken_ones_are_read_all_the_same(read, source):
    assert "Words." in read(f"Words. {source}".encode(), "a.tex").text


def test_a_lost_paragraph_is_counted(read, monkeypatch):
    monkeypatch.setattr("rag.loaders.latex._LatexReader._items", lambda *_: None)
    assert read(PAPER.encode(), "a.tex").account.unaccounted >= 4
