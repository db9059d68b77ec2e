"""PDF: pages, titles, bookmarks, line ends."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.pdf_lines import Hyphens, page_lines, rejoin


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_lies_on_its_side_keeps_the_order_of_its_lines(read, maker, turned):
    lines = ["First line of it.", "Second line.", "Third and last."]
    data = maker.pdf(lines).replace(b"/MediaBox", b"/Rotate %d /MediaBox" % turned)
    assert read(data, "a.pdf").text.split("\n") == lines


def test_a_blank_glyph_without_a_meaning_parts_words(read, maker):
    cmap = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange\n"
    cmap += b"2 beginbfchar <20> <0003> <79> <0004> endbfchar endcmap end"  # a space, and a letter that is drawn
    data = maker.pdf(["to the quay"]).replace(b"/BaseFont", b"/ToUnicode 9 0 R /BaseFont")
    data = data[: data.index(b"xref")] + b"9 0 obj\n<< /Length %d >>\nstream\n%b\nendstream\nendobj\n" % (
        len(cmap),
        cmap,
    )
    assert read(data + b"trailer << /Root 1 0 R /Size 10 >>\n%%EOF\n", "a.pdf").text == "to the qua"


def test_pages_and_title(read, maker):
    parsed = read(maker.pdf(["First page."], [], ["Third page."], title="Port results"), "a.pdf")
    assert parsed.text == "First page.\n\nThird page."
    assert [(s.page, parsed.text[s.start : s.end]) for s in parsed.sections] == [(1, "First page."), (3, "Third page.")]
    assert parsed.title == "Port results"
    assert parsed.metadata == {"pages": 3}


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - x.doc", "scan.pdf", ""])
def test_garbage_titles(read, maker, title):
    assert read(maker.pdf(["Text."], title=title), "annual-report.pdf").title == "annual report"


def test_bookmarks_become_headings(read, maker):
    # Objects 4 and 5 are the content and the page; 6 to 8 the outline's root and its two entries.
    data = maker.pdf(["Opening words.", "1 Methods", "We counted.", "2 Results", "Many."], extra="/Outlines 6 0 R")
    cut = data.index(b"xref")
    outline = (
        b"6 0 obj\n<< /First 7 0 R /Last 8 0 R /Count 2 >>\nendobj\n"
        b"7 0 obj\n<< /Title (Methods) /Parent 6 0 R /Next 8 0 R /Dest [5 0 R /Fit] >>\nendobj\n"
        b"8 0 obj\n<< /Title (Results) /Parent 6 0 R /Dest [5 0 R /Fit] >>\nendobj\n"
    )
    parsed = read(data[:cut] + outline + b"trailer << /Root 1 0 R /Size 9 >>\n%%EOF\n", "a.pdf")
    assert [(s.heading, parsed.text[s.start : s.end]) for s in parsed.sections] == [
        ((), "Opening words."),
        (("Methods",), "1 Methods\nWe counted."),
        (("Results",), "2 Results\nMany."),
    ]


def test_lines_of_a_paragraph_are_joined():
    page = "A long line that runs on to the very edge of the pa\ufffe\r\nper and then goes\r\non.\r\nNext."
    joined = Hyphens([page]).mend(rejoin(page_lines(page)))
    assert joined == "A long line that runs on to the very edge of the paper and then goes on.\nNext."


def test_list_items_begin_a_line():
    page = "• item one that is a rather long line of this page here\n• item two\nend"
    assert rejoin(page_lines(page)) == page


def test_tables_keep_their_rows():
    page = "Zone one 12553 2713 2632 337 88\nZone two 12553 2713 2632 337 88\nZone three 1255 271 263 33 8"
    assert rejoin(page_lines(page)) == page


def test_without_text_and_broken_and_encrypted(read, maker):
    with pytest.raises(LoadError, match="no text on its 1 pages") as empty:
        read(maker.pdf([]), "a.pdf")
    with pytest.raises(LoadError, match="not a readable PDF") as broken:
        read(b"%PDF-1.4 garbage", "a.pdf")
    locked = maker.pdf(["x"]).replace(
        b"trailer <<", b"trailer << /ID [(a) (b)] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4"
        b" /O (01234567890123456789012345678901) /U (01234567890123456789012345678901) >>"
    )  # fmt: skip
    with pytest.raises(LoadError, match="password") as encrypted:
        read(locked, "a.pdf")
    assert [e.value.reason for e in (empty, broken, encrypted)] == ["empty", "parse", "encrypted"]


def test_dates_are_iso(read, maker):
    data = maker.pdf(["x"], title="T").replace(b"/Title (T)", b"/Title (T) /CreationDate (D:20190405060708-03'30')")
    assert read(data, "a.pdf").metadata["date"] == "2019-04-05T06:07:08-03:30"


@pytest.mark.slow
def test_pages_without_text_are_named(read, maker):
    drawn = maker.pdf(["One."], [], [], [], ["Five."], []).replace(
        b"BT /F1 12 Tf 14 TL 72 720 Td  ET", b"9 9 99 99 re f BT 0 0 Td   ET"
    )
    assert read(drawn, "a.pdf").account.remarks[0].startswith("pages 2-4 and 6 hold no text")
    blank = read(maker.pdf(["One."], []), "a.pdf")
    assert blank.account.remarks == ()  # nothing is drawn there


def running(count: int) -> list[list[str]]:
    """Pages of a book: a header, a sentence that runs over all of them, a number."""
    pages = []
    for n in range(1, count + 1):
        body = [f"word{n}{i} and then the keeper of the lamp went up the stairs again and" for i in range(7)]
        pages.append(["Rules of Pier BH-7731", *body, f"Page {n} of {count}"])
    pages[-1][-2] += " slept."
    return pages


def test_running_lines_stand_once_and_in_no_sentence(read, maker):
    parsed = read(maker.pdf(*running(5)), "a.pdf")
    first, body = parsed.text.split("\n\n")
    assert first == "Rules of Pier BH-7731"
    assert "\n" not in body
    assert "again and word20 and" in body
    assert parsed.account.left_out == {"header-footer": 4 * 5 + 5 * 4}
    assert parsed.account.unaccounted == 0
    for section in parsed.sections:
        assert f"word{section.page}3" in parsed.text[section.start : section.end]
        assert f"word{section.page}3" not in parsed.text[: section.start] + parsed.text[section.end :]


def test_records_of_a_page_each_are_no_running_lines(read, maker):
    pages = [[f"Berth {n}", "The gate is open."] for n in range(1, 6)]
    text = read(maker.pdf(*pages), "a.pdf").text
    assert [f"Berth {n}" in text for n in range(1, 6)] == [True] * 5


def test_a_word_runs_over_the_end_of_a_page(read, maker):
    end = "the keeper of the lamp had to go up all the stairs to see the clim-"
    parsed = read(maker.pdf([end], ["ate and the well-", "known sea."]), "a.pdf")
    assert parsed.text.endswith("see the climate and the well-known sea.")
    assert [parsed.text[s.start : s.end][-4:] for s in parsed.sections] == ["clim", "sea."]


FORM = """/AcroForm << /Fields [6 0 R 7 0 R 8 0 R] /DR << /Font << /F1 3 0 R >> >> >>"""


def test_form_values_and_notes_are_read(read, maker):
    data = maker.pdf(["Skipper", "Paid"], extra=FORM)
    cut = data.index(b"xref")
    widget = "<< /Type /Annot /Subtype /Widget /P 5 0 R"
    objects = (
        f"6 0 obj\n{widget} /FT /Tx /T (n) /V (Olga Lind) /Rect [150 716 300 732] >>\nendobj\n"
        f"7 0 obj\n{widget} /FT /Btn /T (p) /V /On /AS /On /AP << /N << /On 3 0 R /Off 3 0 R >> >>"
        " /Rect [150 702 160 718] >>\nendobj\n"
        f"8 0 obj\n{widget} /FT /Tx /T (Home port) /V (Visby) /Rect [150 10 160 20] >>\nendobj\n"
        "9 0 obj\n<< /Type /Annot /Subtype /FreeText /Contents (Shut at noon) /Rect [1 1 9 9] >>\nendobj\n"
    )
    page = data[:cut].replace(b"/MediaBox", b"/Annots [6 0 R 7 0 R 8 0 R 9 0 R] /MediaBox")
    parsed = read(page + objects.encode() + b"trailer << /Root 1 0 R /Size 10 >>\n%%EOF\n", "a.pdf")
    assert parsed.text == "Skipper\nPaid\n\nSkipper: Olga Lind\nPaid: Yes\nHome port: Visby\nShut at noon"


def test_lists_show_what_is_chosen_and_secrets_stay_out(read, maker):
    fields = (
        "/FT /Ch /Ff 131072 /T (Port) /V (v) /Opt [[(v) (Visby)] [(u) (Ulm)]]",
        "/FT /Ch /Ff 2097152 /T (Days) /V [(Mon) (Tue)] /Opt [(Mon) (Tue) (Wed)]",
        "/FT /Tx /F 2 /T (Unseen) /V (secret)",
        "/FT /Tx /Ff 8192 /T (Password) /V (eel42)",
    )
    references = " ".join(f"{i} 0 R" for i in range(6, 10))
    data = maker.pdf(["Form"], extra=f"/AcroForm << /Fields [{references}] >>")
    page = data[: data.index(b"xref")].replace(b"/MediaBox", f"/Annots [{references}] /MediaBox".encode())
    for i, field in enumerate(fields, 6):
        widget = f"<< /Type /Annot /Subtype /Widget /P 5 0 R {field} /Rect [150 {i}0 300 {i}8] >>"
        page += f"{i} 0 obj\n{widget}\nendobj\n".encode()
    assert (
        read(page + b"trailer << /Root 1 0 R /Size 10 >>\n%%EOF\n", "a.pdf").text
        == "Form\n\nPort: Visby\nDays: Mon, Tue"
    )


@pytest.mark.parametrize(
    ("left", "right", "word"),
    [
        ("wind", "driven", "wind-driven"),
        ("har", "bour", "harbour"),
        ("MP", "3", "MP-3"),
        ("Baden", "Baden", "Baden-Baden"),
        ("Schiff", "fahrt", "Schifffahrt"),
        ("semi", "dry", "semi-dry"),
        ("mother-in", "law", "mother-in-law"),
    ],
)
def test_hyphens_at_line_ends(left, right, word):
    assert Hyphens(["A semi-dry dock"]).mend(f"the {left}\ufffe{right}.") == f"the {word}."


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Die Schleuse und der Damm sind zu, die Boots\ufffegeb\u00fchr ist f\u00e4llig.", "Bootsgeb\u00fchr"),
        ("Das Amt in der Nordrhein\ufffeWestf\u00e4lischen Stadt ist zu.", "Nordrhein-Westf\u00e4lischen"),
        ("Le port est dans les mains des cama\ufffearades, et le rendez\ufffevous est une f\u00eate.", "rendez-vous"),
        ("Het schip is niet van de haven\ufffemeester, dat is een feit.", "havenmeester"),
        ("Ключ лежит в кори\ufffeдоре.", "коридоре"),
    ],
)
def test_hyphens_in_other_languages(text, joined):
    assert joined in Hyphens([text.replace("\ufffe", "\ufffe\n")]).mend(text)


def test_spans_of_numbers_stay_together():
    assert rejoin(page_lines("from 2019-\r\n2024 on")) == "from 2019-2024 on"
