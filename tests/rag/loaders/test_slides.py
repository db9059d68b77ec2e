"""PPTX: a slide is a page, its title a heading."""

from __future__ import annotations


def test_slides(read, maker):
    parsed = read(maker.pptx(), "deck.pptx")
    assert parsed.title == "Harbour report"
    assert parsed.text == (
        "Harbour report\n\nThird quarter\n\nShips\n\nPort: Emden | Ships: 41\n\nNotes: Say this slowly."
    )
    assert [(s.heading, s.page) for s in parsed.sections] == [(("Harbour report",), 1)] + 3 * [(("Ships",), 2)]
    assert parsed.metadata["slides"] == 2


def test_hidden_slides_footers_groups_charts_and_pictures(read):
    import io

    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = pptx.Presentation()
    for number in (1, 2, 3):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number} of tides"
        for source in slide.slide_layout.placeholders:
            if "Footer" in source.name or "Number" in source.name:  # python-pptx does not copy these by itself
                element = slide.shapes._spTree
                import copy

                element.append(copy.deepcopy(source._element))
                box = element[-1]
                box.txBody.p_lst[0].append_text("Harbour office" if "Footer" in source.name else str(number))
    low, high = (slide.shapes.add_textbox(Inches(1), Inches(top), Inches(2), Inches(1)) for top in (5, 2))
    low.text_frame.text, high.text_frame.text = "second", "first"
    group = slide.shapes.add_group_shape([low])
    group.name = "a group"
    data = CategoryChartData()
    data.categories = ["May", "June"]
    data.add_series("Ships", (4, 7))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(6), Inches(4), Inches(1), data)
    deck.slides[1]._element.set("show", "0")
    buffer = io.BytesIO()
    deck.save(buffer)
    parsed = read(buffer.getvalue(), "a.pptx")
    assert parsed.text.split("\n\n") == [
        "Slide 1 of tides", "Harbour office", "Slide 3 of tides", "first", "second", "May | Ships: 4\nJune | Ships: 7",
    ]  # fmt: skip
    assert [s.page for s in parsed.sections] == [1, 3, 3]
    assert parsed.account.remarks == ("slide 2 is hidden and left out",)
    assert parsed.account.unaccounted == 0
