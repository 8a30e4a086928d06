"""What the pages show is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.bench import Bench, Quick, agrees, bench, lacks
from docs.pages import PAGES, ROOT, Block, blocks
from docs.scenes import SCENES

WITH_COMMANDS = [page for page in PAGES if any(block.kind == "console" and not block.scene for block in blocks(page))]
README = ROOT / "README.md"  # its commands are started as a shell starts them, the other pages' more quickly
SCENE_BLOCKS = [block for page in PAGES for block in blocks(page) if block.scene]


def run(block: Block, at: Bench) -> None:
    """Runs the commands of a block, one after the other. Fails where a page shows something else."""
    for number, step in enumerate(block.steps, 1):
        if (program := lacks(step)) is not None:
            pytest.skip(f"{block}: there is no {program} on this machine")
        code, printed = at.run(step.command)
        expected = block.exit_code if number == len(block.steps) else 0
        assert code == expected, f"{block}: {step.command}: exit code {code}\n{printed}"
        shown = "\n".join(step.shown)
        assert agrees(shown, printed), f"{block}: {step.command}\nshown:\n{shown}\nprinted:\n{printed}"


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_it_shows(page: Path, tmp_path: Path, quick: Quick) -> None:
    with bench(tmp_path, None if page == README else quick) as at:
        for block in blocks(page):
            if block.file is not None:
                at.write(block.file, block.text)
            elif block.kind == "console" and not block.scene:
                run(block, at)


@pytest.mark.parametrize("block", SCENE_BLOCKS, ids=str)
def test_a_message_is_told_as_it_is(block: Block, tmp_path: Path, quick: Quick) -> None:
    assert block.scene is not None
    with bench(tmp_path, quick) as at:
        for other in blocks(block.page):
            if other.file is not None:
                at.write(other.file, other.text)
        with SCENES[block.scene](at):
            run(block, at)


def test_every_scene_is_played() -> None:
    assert {block.scene for block in SCENE_BLOCKS} == SCENES.keys()


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("acme: 26 imported", "acme: 26 imported, 1 updated"),
        ("acme: 26 imported", "beta: 26 imported"),
        ("first\n…\nlast", "first\nmiddle"),
        ("", "a warning"),
        ("refused … because", "refused"),
    ],
)
def test_another_output_than_the_shown_one_is_noticed(shown: str, printed: str) -> None:
    assert not agrees(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("26 imported in 0 s", "1,027 imported in 12.5 s"),
        ("first\n…\nlast", "first\nlast"),
        ("first\n…", "first\nsecond\nthird"),
        ("…\nlast", "first\nlast"),
        ("STORE   STATE", "STORE\tSTATE"),
        ("refused … because", "refused it (403) because"),
    ],
)
def test_numbers_spaces_and_dots_stand_for_others(shown: str, printed: str) -> None:
    assert agrees(shown, printed)
