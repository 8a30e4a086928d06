"""A reader of ZPL II, written from Zebra's Programming Guide and from nothing of crossdock's.

It knows the few commands that a plain label needs and refuses all others, so that a text that becomes a command fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from PIL import Image

INVOCATIONS = {"><": "^", ">0": ">", ">=": "~"}  # subset B of ^BC; the others change the subset or mean no character


@dataclass(frozen=True)
class Field:
    """What one field prints: where it begins, and what, by `kind`: `text`, `code128`, `qr`, `box` or `picture`.

    `width` and `height` are those of boxes, pictures and bar codes; a text has its font's `height`, and a `width` where
    it is justified (`side`: C or R) within one.
    """

    x: int
    y: int
    kind: str
    data: str = ""
    width: int = 0
    height: int = 0
    side: str = "L"
    module: int = 0
    reversed: bool = False
    picture: Image.Image | None = None


@dataclass
class Label:
    """One label, as a printer understood it."""

    width: int = 0
    height: int = 0
    fields: list[Field] = field(default_factory=list)

    def of(self, kind: str) -> list[Field]:
        return [one for one in self.fields if one.kind == kind]

    @property
    def texts(self) -> list[str]:
        return [one.data for one in self.of("text")]

    def graphics(self) -> Image.Image:
        """The label with its pictures and boxes alone, in grey: no text, no bar code."""
        page = Image.new("L", (self.width, self.height), 255)
        for one in self.fields:
            if one.kind == "box":
                page.paste(0, (one.x, one.y, one.x + one.width, one.y + one.height))
            elif one.picture is not None:
                page.paste(0, (one.x, one.y), one.picture)
        return page


def labels(document: bytes) -> list[Label]:
    """All labels of a document. Raises AssertionError for whatever isn't plain ZPL."""
    text = document.decode("ascii")  # everything else is to be escaped
    assert "~" not in text, "a control command"
    start, *commands = text.split("^")
    assert not start.strip()
    found: list[Label] = []
    reader: _Reader | None = None
    for command in (one.rstrip("\n") for one in commands):
        if command == "XA":
            assert reader is None, "a label within a label"
            reader = _Reader()
        elif command == "XZ":
            assert reader is not None, "an end without a label"
            assert reader.is_between_fields, "a field without an end"
            found.append(reader.label)
            reader = None
        else:
            assert reader is not None, f"^{command} outside a label"
            reader.read(command)
    assert reader is None, "a label without an end"
    return found


class _Reader:
    """Reads the commands of one label."""

    def __init__(self) -> None:
        self.label = Label()
        self.is_between_fields = True
        self._utf8 = False
        self._field = Field(0, 0, "")
        self._hex = False
        self._wrapped = 0  # lines that ^FB allows
        self._made: Field | None = None
        self._module = 2

    def read(self, command: str) -> None:
        commands: dict[str, Callable[[str], None]] = {
            "CI": self._encoding,
            "PW": self._print_width,
            "LL": self._length,
            "LH": self._home,
            "FW": self._orientation,
            "FO": self._origin,
            "BY": self._bar_width,
            "A0": self._font,
            "FB": self._block,
            "FR": self._reverse,
            "FH": self._hexadecimal,
            "FD": self._data,
            "BC": self._code128,
            "BQ": self._qr,
            "GB": self._box,
            "GF": self._graphic,
            "FS": self._end,
        }
        name, rest = command[:2], command[2:]
        assert name in commands, f"an unknown command: ^{command}"
        commands[name](rest)

    def _encoding(self, rest: str) -> None:
        assert rest == "28"
        self._utf8 = True

    def _print_width(self, rest: str) -> None:
        self.label.width = int(rest)

    def _length(self, rest: str) -> None:
        self.label.height = int(rest)

    def _home(self, rest: str) -> None:
        assert rest == "0,0"

    def _orientation(self, rest: str) -> None:
        assert rest == "N"

    def _origin(self, rest: str) -> None:
        assert self.is_between_fields, "a field within a field"
        x, y = _numbers(rest, 2)
        self.is_between_fields = False
        self._field = Field(x, y, "")
        self._hex, self._wrapped, self._made = False, 0, None

    def _bar_width(self, rest: str) -> None:
        (self._module,) = _numbers(rest, 1)
        assert 1 <= self._module <= 10

    def _font(self, rest: str) -> None:
        orientation, height, width = rest.split(",") if rest.count(",") == 2 else ("", "0", "0")
        assert orientation == "N"
        assert height == width
        assert 10 <= int(height) <= 32000
        self._field = replace(self._field, kind="text", height=int(height))

    def _block(self, rest: str) -> None:
        width, lines, spacing, side, indent = rest.split(",")
        assert (spacing, indent) == ("0", "0")
        assert side in "LCR"
        self._wrapped = int(lines)
        self._field = replace(self._field, width=int(width), side=side)

    def _reverse(self, rest: str) -> None:
        assert not rest
        self._field = replace(self._field, reversed=True)

    def _hexadecimal(self, rest: str) -> None:
        assert rest == "_"
        self._hex = True

    def _code128(self, rest: str) -> None:
        orientation, height, line, above, check, mode = rest.split(",")
        assert (orientation, line, above, check, mode) == ("N", "N", "N", "N", "N")
        self._field = replace(self._field, kind="code128", height=int(height), module=self._module)

    def _qr(self, rest: str) -> None:
        orientation, model, magnification = rest.split(",")
        assert (orientation, model) == ("N", "2")
        assert 1 <= int(magnification) <= 10
        self._field = replace(self._field, kind="qr", module=int(magnification))

    def _data(self, rest: str) -> None:
        assert not self.is_between_fields, "data outside a field"
        assert self._made is None, "a field that says two things"
        assert self._field.kind in ("text", "code128", "qr")
        assert len(rest) <= 3072, "more than a field takes"
        data = self._unescaped(rest)
        if self._field.kind == "code128":
            data, symbols = _code128_said(data)
            modules = (symbols + 3) * 11 + 2
            self._field = replace(self._field, width=modules * self._field.module)
        elif self._field.kind == "qr":
            correction, mode, comma, data = data[0], data[1], data[2], data[3:]
            assert correction in "HQML"
            assert (mode, comma) == ("A", ",")
            assert all(sign.isascii() for sign in data), "not sayable in automatic mode"
        elif self._wrapped:
            assert self._wrapped == 1
            assert "\\" not in data, "^FB would make something of that"
        self._made = replace(self._field, data=data)

    def _unescaped(self, text: str) -> str:
        assert self._hex
        assert self._utf8
        assert re.fullmatch(r"([ -^`-~]|_[0-9A-F]{2})*", text), "an underscore that escapes nothing"
        said = re.sub(rb"_([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()), text.encode("ascii"))
        return said.decode("utf-8")

    def _box(self, rest: str) -> None:
        width, height, thickness = _numbers(rest, 3)
        assert thickness == height, "a box that isn't filled"
        self._made = replace(self._field, kind="box", width=width, height=height)

    def _graphic(self, rest: str) -> None:
        form, count, total, across, data = rest.split(",", 4)
        assert form == "A"
        assert count == total
        assert int(total) <= 99_999, "more than the guide allows"
        bits = _unpacked(data, int(across))
        assert len(bits) == int(total), "not as many bytes as it says"
        size = (int(across) * 8, int(total) // int(across))
        picture = Image.frombytes("1", size, bits)
        self._made = replace(self._field, kind="picture", width=size[0], height=size[1], picture=picture)

    def _end(self, rest: str) -> None:
        assert not rest, f"something between fields: {rest!r}"
        assert not self.is_between_fields, "an end without a field"
        assert self._made is not None, "a field that prints nothing"
        self.label.fields.append(self._made)
        self.is_between_fields = True


def _numbers(text: str, count: int) -> tuple[int, ...]:
    assert re.fullmatch(r"\d+(,\d+)*", text), f"no numbers: {text!r}"
    found = tuple(int(one) for one in text.split(","))
    assert len(found) == count
    assert max(found) <= 32000
    return found


def _code128_said(data: str) -> tuple[str, int]:
    """What a ^BC field without a mode says, and in how many symbols."""
    subset, rest = data[:2], data[2:]
    if subset == ">;":
        assert re.fullmatch(r"(\d\d)+", rest), "subset C has pairs of digits alone"
        return rest, len(rest) // 2
    assert subset == ">:", "no subset to start with"
    parts = re.findall(r">.|[^>]", rest)
    assert "".join(parts) == rest
    assert rest.isprintable()
    assert rest.isascii()
    assert not {"^", "~"} & set(parts), "what has to be invoked"
    said = [INVOCATIONS[part] if part[0] == ">" else part for part in parts]
    return "".join(said), len(said)


def _unpacked(data: str, across: int) -> bytes:
    """The bytes of a graphic whose hexadecimal digits may be counted, filled up, and repeated row by row."""
    rows: list[str] = []
    row, count = "", 0
    for sign in data:
        if sign in "0123456789ABCDEF":
            row, count = row + sign * (count or 1), 0
        elif "G" <= sign <= "Y":
            count += ord(sign) - ord("F")
        elif "g" <= sign <= "z":
            count += 20 * (ord(sign) - ord("f"))
        elif sign in ",!":
            assert not count
            assert len(row) % 2 == 0, "half a byte before what fills a row"
            assert len(row) < 2 * across
            row = row.ljust(2 * across, "0" if sign == "," else "F")
        else:
            assert sign == ":", f"no digit of a graphic: {sign!r}"
            assert not row, "a repeated row within a row"
            assert not count
            row = rows[-1]
        assert len(row) <= 2 * across, "a row that is too long"
        if len(row) == 2 * across:
            rows.append(row)
            row = ""
    assert not row, "a row that is too short"
    assert not count
    return bytes.fromhex("".join(rows))
