"""Numbers as cells show them."""

from __future__ import annotations

import pytest

from rag.loaders.number_formats import shown


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0.125, "0.0%", "12.5%"),
        (0.125, "0%", "13%"),  # halves go up
        (1234.5, '"$"#,##0.00', "$1,234.50"),
        (-1234.5, '"$"#,##0.00_);\\("$"#,##0.00\\)', "($1,234.50)"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"),
        (0, '#,##0;-#,##0;"none"', "none"),
        (-3, "[Blue]0.0;[Red]-0.0", "-3.0"),
        (7, "000", "007"),
        (2.5, "0.###", "2.5"),
        (5, '0" kg"', "5 kg"),
        (1500000, '#,##0.0,,"M"', "1.5M"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.5, "# ?/?", "0.5"),
        (1 / 3, "General", "0.333333333333333"),
        (45413, "dd/mm/yyyy", "2024-05-01"),
        (45413.25, "m/d/yy h:mm", "2024-05-01 06:00"),
        (45413, "d mmmm yyyy", "1 May 2024"),
        (45413, "mmm-yy", "May 2024"),
        (45413, "yyyy", "2024"),
        (0.604166667, "h:mm", "14:30"),
        (1.1, "[h]:mm", "26:24"),
        (1e300, "yyyy-mm-dd", "1e+300"),
    ],
)
def test_shown(value, code, expected):
    assert shown(value, code) == expected


def test_a_workbook_may_count_its_days_from_1904():
    assert shown(43951, "yyyy-mm-dd", since_1904=True) == "2024-05-01"
