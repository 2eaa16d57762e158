"""The figure of a chart as a picture, for channels that show pictures and draw nothing themselves."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Slack shows a picture of a thread some 480 pixels wide: words of 13 points are then still 12 pixels high.
WIDTH, HEIGHT, DENSITY = 7.2, 3.9, 200  # inches, and pixels an inch
WORDS, SMALL = 13, 12  # points

_INK, _SOFT, _GRID, _ONSET, _GOOD = "#1d2330", "#5b6474", "#e4e7ec", "#b5610a", "#1f7a55"
_Dash = Literal["-", "--"]
_LINES: Mapping[str, tuple[str, float, _Dash]] = {
    "total": (_INK, 2.4, "-"),
    "segment": ("#c2410c", 2.4, "-"),
    "rest": ("#3349d1", 1.9, "-"),
    "expected": ("#7c8596", 1.6, "--"),
}
_MOST_WORDS = 60


async def png(figure: Mapping[str, Any], title: str) -> bytes:
    """The PNG of a figure (`app.channels.chart`), drawn in a thread. The same figure gives the same bytes."""
    return await asyncio.to_thread(drawn, figure, title)


def drawn(figure: Mapping[str, Any], title: str) -> bytes:
    """The PNG, drawn here and now, which takes some tenths of a second."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not by pyplot: it keeps what it has drawn, and is for one thread.
    sheet = Figure(figsize=(WIDTH, HEIGHT), dpi=DENSITY, facecolor="white")
    canvas = FigureCanvasAgg(sheet)
    axes = sheet.add_axes((0.085, 0.19, 0.885, 0.6))
    _frame(axes, figure)
    _bands(axes, figure)
    _lines(axes, figure)
    _marks(axes, figure)
    _said(sheet.text, 0.03, 0.935, _short(title), size=WORDS + 1, color=_INK, weight="bold")
    about = " · ".join(filter(None, (str(figure.get("unit") or ""), str(figure.get("zone") or "").replace("_", " "))))
    _said(sheet.text, 0.97, 0.935, about, size=SMALL, color=_SOFT, ha="right")
    _legend(axes, figure)
    out = io.BytesIO()
    print_png: Any = canvas.print_png
    print_png(out, metadata={"Software": None})
    return out.getvalue()


def _frame(axes: Axes, figure: Mapping[str, Any]) -> None:
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(0, 1.02)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=_SOFT, pad=6)
    axes.grid(axis="y", color=_GRID, linewidth=1)
    axes.set_axisbelow(True)
    rows, days = list(figure.get("y") or ()), list(figure.get("x") or ())
    axes.set_yticks([tick["at"] for tick in rows], [_short(tick["label"]) for tick in rows])
    axes.set_xticks([tick["at"] for tick in days], [_short(tick["label"]) for tick in days])
    for tick, label in zip(days, axes.get_xticklabels(), strict=True):
        label.set_horizontalalignment("right" if tick["at"] > 0.97 else "left" if tick["at"] < 0.03 else "center")
    if not figure.get("lines"):
        _said(axes.text, 0.5, 0.5, "There is nothing to draw: the series is empty.", color=_SOFT, ha="center")


def _bands(axes: Axes, figure: Mapping[str, Any]) -> None:
    for band in figure.get("bands") or ():
        colour = _ONSET if band["kind"] == "interval" else "#98a2b3"
        end = max(band["to"], band["from"] + 0.004)
        axes.axvspan(band["from"], end, color=colour, alpha=0.15, linewidth=0)


def _lines(axes: Axes, figure: Mapping[str, Any]) -> None:
    """What is not over yet is drawn as unsure, from where its band begins."""
    open_from = next((one["from"] for one in figure.get("bands") or () if one["kind"] == "incomplete"), 2.0)
    # The segment lies on top of the rest, and both on the whole.
    for line in sorted(figure.get("lines") or (), key=lambda one: one["role"] == "segment"):
        colour, width, dash = _LINES.get(line["role"], _LINES["rest"])
        points = [(point[0], point[1]) for point in line["points"]]
        sure, unsure = [p for p in points if p[0] <= open_from], [p for p in points if p[0] >= open_from]
        rounded: dict[str, Any] = {"color": colour, "linewidth": width, "solid_joinstyle": "round"}
        axes.plot([p[0] for p in sure], [p[1] for p in sure], linestyle=dash, **rounded)
        axes.plot([p[0] for p in unsure], [p[1] for p in unsure], linestyle=":", alpha=0.7, **rounded)


def _marks(axes: Axes, figure: Mapping[str, Any]) -> None:
    marks = list(figure.get("marks") or ())
    for place, mark in enumerate(marks):
        colour = _GOOD if mark["kind"] == "recovered" else _ONSET
        axes.axvline(mark["x"], color=colour, linewidth=1.8, linestyle=(0, (3, 2)))
        left = mark["x"] > 0.5
        # Two labels that lie near to each other stand one above the other.
        near = any(abs(mark["x"] - other["x"]) < 0.4 and (other["x"] > 0.5) == left for other in marks[:place])
        _said(
            axes.text,
            mark["x"] + (-0.01 if left else 0.01),
            1.13 if near else 1.04,
            _short(mark["label"]),
            size=SMALL,
            color=colour,
            weight="bold",
            ha="right" if left else "left",
        )


def _legend(axes: Axes, figure: Mapping[str, Any]) -> None:
    from matplotlib.lines import Line2D

    keys = []
    for line in list(figure.get("lines") or ())[:5]:
        colour, width, dash = _LINES.get(line["role"], _LINES["rest"])
        keys.append(Line2D([], [], color=colour, linewidth=width, linestyle=dash, label=_short(line["name"])))
    if not keys:
        return
    legend = axes.legend(
        handles=keys, loc="upper left", bbox_to_anchor=(-0.02, -0.14), ncols=len(keys), frameon=False,
        fontsize=SMALL, labelcolor=_INK, handlelength=1.4, columnspacing=1.4, handletextpad=0.5, borderaxespad=0,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _said(place: Any, x: float, y: float, words: str, *, size: int = WORDS, **how: Any) -> None:
    place(x, y, words, fontsize=size, parse_math=False, **how)


def _short(words: object) -> str:
    """Words that the font has letters for, on one line; others would be drawn as boxes, with a warning each."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    text = " ".join(str(words).split())
    text = "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)
    return text if len(text) <= _MOST_WORDS else text[: _MOST_WORDS - 1] + "…"
