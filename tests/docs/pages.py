"""The documentation as data: its pages, their fenced blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (?P<kind>file|scene): (?P<what>.+?) -->\n\n?\Z")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<words>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a page shows, and the lines it says that come of it."""

    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `file` is where its text belongs, `scene` what has happened before its commands.

    Both stand in a comment before the block, which readers of the page don't see: `<!-- file: stores.yaml -->`, or
    `<!-- scene: wrong-token, exit 1 -->` with the exit code of the last command if that isn't 0.
    """

    page: Path
    line: int
    kind: str
    text: str = field(repr=False)
    file: str | None = None
    scene: str | None = None
    exit_code: int = 0

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The commands of a `console` block."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif found and found[-1][0].endswith("\\"):
                command, shown = found[-1]
                found[-1] = (f"{command}\n{line}", shown)
            else:
                found[-1][1].append(line)
        return tuple(Step(command, tuple(shown)) for command, shown in found)


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        file, scene, code = None, None, "0"
        if mark := MARK.search(text[: found.start()]):
            if mark["kind"] == "file":
                file = mark["what"]
            else:
                scene, _, code = mark["what"].partition(", exit ")
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["kind"], dedent(found["text"]), file=file, scene=scene, exit_code=int(code or 0))


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What links into the page can name after `#`: its headings as forges write them."""
    return {_anchor(found["words"]) for found in HEADING.finditer(prose(page))}


def _anchor(words: str) -> str:
    plain = "".join(sign for sign in words.lower() if sign.isalnum() or sign in " -_")
    return plain.replace(" ", "-")
