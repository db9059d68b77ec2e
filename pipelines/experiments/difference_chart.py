"""The difference of two rows question by question, as an inline SVG: where a change helps, and where it hurts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..reports.pages import Html, element, text

WIDTH, HEIGHT, _LEFT = 760, 180, 54
_EVEN = 1e-9


def differences(values: Mapping[str, float], *, better: str = "more", caption: str = "") -> Html:
    """Return one bar a question, the greatest difference first; questions that do not differ are counted.

    Parameters
    ----------
    values
        Difference by question, as it is to be named in its tooltip.
    better
        ``more`` or ``less``: which side is drawn as a gain.
    """
    shown = sorted(((own, name) for name, own in values.items() if abs(own) > _EVEN), reverse=True)
    even = len(values) - len(shown)
    said = f"{caption} {even} of {len(values)} questions do not differ.".strip()
    if not shown:
        return element("figure", element("figcaption", said))
    drawing = _drawing(shown, better)
    return element("figure", Html(drawing), element("figcaption", said))


def _drawing(shown: Sequence[tuple[float, str]], better: str) -> str:
    top, bottom = max(0.0, shown[0][0]), min(0.0, shown[-1][0])
    span = top - bottom

    def y(value: float) -> float:
        return 10 + (top - value) / span * (HEIGHT - 20)

    wide = (WIDTH - _LEFT - 4) / len(shown)
    marks = []
    for number, (value, name) in enumerate(shown):
        gain = (value > 0) == (better == "more")
        high, low = min(y(value), y(0)), max(y(value), y(0))
        marks.append(
            f'<rect x="{_LEFT + number * wide:.2f}" y="{high:.1f}" width="{max(wide * 0.9, 0.5):.2f}" '
            f'height="{max(low - high, 0.5):.1f}" fill="var({"--one" if gain else "--two"})" fill-opacity=".75">'
            f"<title>{text(name)}: {value:+.3f}</title></rect>"
        )
    ends = dict.fromkeys((top, 0.0, bottom))
    labels = [
        f'<text class="soft" x="{_LEFT - 6}" y="{y(end) + 4:.1f}" text-anchor="end">{end:+.2f}</text>' for end in ends
    ]
    axis = f'<path d="M{_LEFT},{y(0):.1f}H{WIDTH}" stroke="var(--soft)"/>'
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" style="width:100%;max-width:{WIDTH}px"'
    return f'<svg {size} role="img">{axis}{"".join(labels)}{"".join(marks)}</svg>'
