"""The fonts that come along are whole: with their licences, told of, and in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from crossdock.papers.fonts import VENDORED, Fonts
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[2]
PAPERS = ROOT / "engine" / "crossdock" / "papers"
FOLDERS = sorted(path for path in VENDORED.iterdir() if path.is_dir())
FONTS = sorted(VENDORED.rglob("*.ttf"))
FAMILY, VERSION, LICENCE = 1, 5, 13  # numbers of names in a font
LICENCES = {  # what a font says of itself → how README.md calls it, and words that stand in the whole text alone
    "SIL Open Font License": ("SIL OFL 1.1", "PERMISSION & CONDITIONS"),
    "Apache License": ("Apache 2.0", "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"),
}


def says(font: Path, number: int) -> str:
    with TTFont(font, lazy=True) as opened:
        return str(opened["name"].getDebugName(number))


def row_of(folder: Path) -> str:
    (row,) = [
        line
        for line in (VENDORED.parent / "README.md").read_text(encoding="utf-8").splitlines()
        if f"`{folder.name}`" in line
    ]
    return row


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_folder_of_fonts_holds_their_licence_in_full(folder: Path) -> None:
    fonts = [font for font in FONTS if font.is_relative_to(folder)]
    assert fonts
    texts = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.txt"))
    for font in fonts:
        (name,) = [name for name in LICENCES if name in says(font, LICENCE)]
        called, words = LICENCES[name]
        assert f"| {called} |" in row_of(folder)
        assert words in texts


@pytest.mark.parametrize("font", FONTS, ids=lambda font: font.stem)
def test_each_font_is_told_of_with_its_version_and_at_hand(font: Path) -> None:
    assert font.parent in FOLDERS
    assert f"{says(font, FAMILY)} {says(font, VERSION).removeprefix('Version ')}" in row_of(font.parent)
    assert says(font, FAMILY) in Fonts(with_system=False).loaded.families()


def test_the_wheel_holds_fonts_licences_and_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("engine", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *alone, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        inside = {name: built.getinfo(name).file_size for name in built.namelist()}
    files = [file for file in PAPERS.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {file.suffix for file in files} >= {".ttf", ".txt", ".typ"}
    for file in files:
        assert inside.get(file.relative_to(ROOT / "engine").as_posix()) == file.stat().st_size, file
