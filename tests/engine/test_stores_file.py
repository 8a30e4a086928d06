"""Changing `stores.yaml` from the page: what was meant changes, and not a letter beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from crossdock.errors import CrossdockError, UsageError
from crossdock.stores_file import StoreFile
from crossdock.yaml_source import Data
from hypothesis import given
from hypothesis import strategies as st

FILE = """\
# our shops
defaults: {every: 5m}   # often enough

stores:
  # the first one
  acme:                 # in Perth
    connector: corner
    label: "ACME"       # as people say
    settings:
      key: ${KEY}  # kept elsewhere
      statuses: [9, 11]
      # the end of acme

  other:
    connector: corner
    settings: {key: x}
# the end
"""


def of(text: str) -> StoreFile:
    return StoreFile(Path("stores.yaml"), text)


def test_a_value_is_changed_and_its_comment_stays() -> None:
    changed = of(FILE).with_value(("stores", "acme", "label"), "ACME: Perth")
    assert changed.text == FILE.replace('"ACME" ', '"ACME: Perth" ')
    changed = of(FILE).with_value(("stores", "acme", "settings", "statuses"), [9])
    assert changed.text == FILE.replace("[9, 11]", "[9]")


def test_a_new_key_comes_after_the_last_one_of_its_store() -> None:
    changed = of(FILE).with_value(("stores", "acme", "settings", "days"), 30).text
    assert changed == FILE.replace("[9, 11]\n", "[9, 11]\n      days: 30\n")


def test_a_new_store_comes_after_the_last_one_and_can_be_taken_out_again() -> None:
    added = of(FILE).with_value(("stores", "new"), {"connector": "corner", "settings": {"key": "a b"}})
    block = '  new:\n    connector: corner\n    settings:\n      key: "a b"\n'
    assert added.text == FILE.replace("# the end\n", f"{block}# the end\n")
    assert added.without(("stores", "new")).text == FILE


OLD = "stores:\r\n    old:\r\n        a: 2\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "stores:\n  new:\n    a: 1\n"),
        ("# nothing yet", "# nothing yet\nstores:\n  new:\n    a: 1\n"),
        ("stores:\n", "stores:\n  new:\n    a: 1\n"),
        ("stores: {}  # none\n", "stores:  # none\n  new:\n    a: 1\n"),
        ("engine: {database: x.db}\n", "engine: {database: x.db}\nstores:\n  new:\n    a: 1\n"),
        (OLD, f"{OLD}    new:\r\n      a: 1\r\n"),
    ],
)
def test_a_first_store_finds_its_place_in_whatever_file(before: str, after: str) -> None:
    assert of(before).with_value(("stores", "new"), {"a": 1}).text == after


def test_what_stands_in_braces_on_one_line_is_left_to_its_author() -> None:
    with pytest.raises(UsageError, match="by hand"):
        of(FILE).with_value(("stores", "other", "settings", "day"), 1)
    with pytest.raises(UsageError, match="by hand"):
        of("stores: {a: {b: 1}}\n").without(("stores", "a"))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
values = st.one_of(texts, st.integers(-999, 999), st.lists(texts, max_size=3), st.none())


@given(name=st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), value=values, inner=values)
def test_whatever_is_written_is_read_back_as_it_was_meant(name: str, value: Data, inner: Data) -> None:
    entry: dict[str, Data] = {"connector": "corner", "label": value, "settings": {"one": inner, "two": "x"}}
    added = of(FILE).with_value(("stores", f"new-{name}"), entry)
    assert added.entry(f"new-{name}") == entry
    assert added.entry("acme") == of(FILE).entry("acme")
    assert added.without(("stores", f"new-{name}")).text == FILE


def test_the_file_and_its_secrets_are_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "stores.yaml"
    entry: dict[str, Data] = {"settings": {"key": "${file:secrets/a.key}"}}
    StoreFile.read(path).with_value(("stores", "a"), entry).save({"a.key": "k"})
    assert (tmp_path / "secrets/a.key").read_text() == "k\n"
    modes = [os.stat(one).st_mode & 0o777 for one in (path, tmp_path / "secrets", tmp_path / "secrets/a.key")]
    assert modes == [0o600, 0o700, 0o600]
    path.chmod(0o640)
    StoreFile.read(path).without(("stores", "a")).save({})
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_leads_to_the_file_that_is_changed(tmp_path: Path) -> None:
    (tmp_path / "true.yaml").write_text(FILE)
    (tmp_path / "stores.yaml").symlink_to("true.yaml")
    StoreFile.read(tmp_path / "stores.yaml").without(("stores", "acme")).save({})
    assert (tmp_path / "stores.yaml").is_symlink()
    assert "acme:" not in (tmp_path / "true.yaml").read_text()


def test_a_file_that_cant_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(CrossdockError, match="be written"):
        StoreFile(tmp_path / "stores.yaml", "").save({"a": "b"})
