"""Small parts of a picture: elements, paths and marks, as SVG inside HTML.

Coordinates are pixels with y downwards. There are no ids and no `<defs>`, so that several
pictures can share a page; colours and dashes are classes that `report.css` defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import escape

Point = tuple[float, float]

LETTER_WIDTH = 6.8
"""Mean width in pixels of a letter at the size of the pictures' labels."""


def coordinate(x: float) -> str:
    """`x` with one decimal, without a trailing zero."""
    text = f"{x:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, content: str = "", /, **attributes: str | float) -> str:
    """One element; `content` is markup, attributes are escaped, `class_` gives class."""
    parts = [name]
    for key, value in attributes.items():
        text = value if isinstance(value, str) else coordinate(value)
        if text:
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return f"<{' '.join(parts)}>{content}</{name}>"


def picture(content: str, *, width: float, height: float, label: str, class_: str) -> str:
    """A whole picture, with a label for those who cannot see it."""
    return element(
        "svg",
        content,
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        class_=class_,
        role="img",
        aria_label=label,
    )


def standalone(
    content: str, style: str, *, width: float, height: float, label: str, class_: str
) -> str:
    """A picture that is a file of its own, with its style in it."""
    return element(
        "svg",
        element("style", style) + content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        width=width,
        height=height,
        class_=class_,
        role="img",
        aria_label=label,
    )


def label(
    x: float, y: float, text: str, *, anchor: str = "", class_: str = "", title: str = ""
) -> str:
    """A line of text with its baseline at `y`; anchored at its start unless said otherwise."""
    hover = element("title", str(escape(title))) if title else ""
    content = str(escape(text)) + hover
    return element("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def line(start: Point, end: Point, *, class_: str) -> str:
    """A straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def rectangle(left: float, top: float, right: float, bottom: float, *, class_: str) -> str:
    """A rectangle between two corners."""
    return element(
        "rect",
        x=left,
        y=top,
        width=max(right - left, 0.0),
        height=max(bottom - top, 0.0),
        class_=class_,
    )


def path(d: str, *, class_: str) -> str:
    """A path with the drawing commands `d`, or nothing if there are none."""
    return element("path", d=d, class_=class_) if d else ""


def polyline(points: Iterable[Point | None]) -> str:
    """The commands of a line through `points`, broken where a point is None."""
    commands: list[str] = []
    is_new = True
    for point in points:
        if point is None:
            is_new = True
            continue
        x, y = point
        commands.append(f"{'M' if is_new else 'L'}{coordinate(x)} {coordinate(y)}")
        is_new = False
    return "".join(commands)


def area(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """The commands of the closed area between two lines with the same x."""
    return f"{polyline([*upper, *reversed(lower)])}Z" if upper else ""


def circles(points: Iterable[Point], *, radius: float) -> str:
    """The commands of a circle around each point."""
    r = coordinate(radius)
    d = coordinate(2 * radius)
    return "".join(
        f"M{coordinate(x - radius)} {coordinate(y)}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0"
        for x, y in points
    )


def diamonds(points: Iterable[Point], *, radius: float) -> str:
    """The commands of a diamond around each point."""
    r = coordinate(radius)
    return "".join(
        f"M{coordinate(x - radius)} {coordinate(y)}l{r} -{r}l{r} {r}l-{r} {r}Z" for x, y in points
    )


def crosses(points: Iterable[Point], *, radius: float) -> str:
    """The commands of a cross at each point."""
    d = coordinate(2 * radius)
    return "".join(
        f"M{coordinate(x - radius)} {coordinate(y - radius)}l{d} {d}m0 -{d}l-{d} {d}"
        for x, y in points
    )


def shortened(text: str, *, width: float) -> str:
    """`text` cut in its middle so that it fits `width` pixels as a label."""
    room = max(int(width / LETTER_WIDTH), 3)
    if len(text) <= room:
        return text
    tail = (room - 1) * 2 // 3
    return f"{text[: room - 1 - tail]}…{text[len(text) - tail :]}"
