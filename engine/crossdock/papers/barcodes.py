"""Bar codes as drawings."""

from __future__ import annotations

from itertools import groupby

from barcode.codex import Code128


def code128(text: str) -> str | None:
    """`text` in Code 128 as an SVG drawing with a module a unit; None where it can't be said in that code."""
    if not text.isascii() or not text.isprintable():
        return None
    (modules,) = Code128(text).build()
    path, x = [], 0
    for bit, run in groupby(modules):
        width = len(list(run))
        if bit == "1":
            path.append(f"M{x} 0h{width}v1h-{width}z")
        x += width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x} 1" preserveAspectRatio="none"'
        f' width="{x}" height="20"><path d="{"".join(path)}"/></svg>'
    )
