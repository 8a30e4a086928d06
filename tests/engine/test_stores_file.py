"""stores.yaml is changed one store at a time: the rest of it stays as it is, and it's never half."""

from __future__ import annotations

import os
import stat
import textwrap
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import crossdock.config
import pytest
import yaml
from crossdock.errors import ConfigError, UsageError
from crossdock.stores_file import FileChangedError, StoreFile, secret_file
from crossdock.yaml_edit import ABSENT, Patch, tree_of
from crossdock_bigcommerce.connector import BigCommerce
from hypothesis import example, given
from hypothesis import strategies as st

TOKEN = "abcdefghijklmnopqrstuvwxyz01234"
SETTINGS: Mapping[str, Patch] = {
    "api_path": "https://api.bigcommerce.com/stores/abc123/v3/",
    "client_id": "someone",
    "access_token": "${file:secrets/acme.access_token}",
}
ACME: Mapping[str, Patch] = {"connector": "bigcommerce", "settings": SETTINGS}
SECRET = {"acme.access_token": TOKEN}


def file_of(text: str) -> StoreFile:
    return StoreFile(Path("stores.yaml"), textwrap.dedent(text))


def added(text: str, name: str = "new") -> str:
    return file_of(text).with_store(name, {"connector": "shop"}).text


def changed(text: str, **patch: Patch) -> str:
    return file_of(text).with_store("acme", patch).text


def meaning(text: str) -> Any:
    root = tree_of(text).root
    return None if root is None else root.data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stores.yaml"


# --- what it looks like ---


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "stores:", "stores:\n", "stores: ~\n", "{}\n"])
def test_a_first_store_is_written_into_any_empty_file(text: str) -> None:
    assert meaning(added(text)) == {"stores": {"new": {"connector": "shop"}}}


def test_a_first_store_stands_below_the_comments_about_stores() -> None:
    text = "engine: {keep_days: 5}\nstores:   # all of them\n  # one a name\n\n# the end"
    expected = (
        "engine: {keep_days: 5}\nstores:   # all of them\n  # one a name\n  new:\n    connector: shop\n\n# the end"
    )
    assert added(text) == expected


def test_a_file_without_stores_gets_them_at_its_end() -> None:
    text = "engine:\n    keep_days: 5\n# the end\n"
    assert added(text) == text + "stores:\n    new:\n        connector: shop\n"


def test_a_store_comes_after_the_others_and_is_indented_as_they_are() -> None:
    text = """\
    stores:
        acme:
            connector: shop   # ours
            # every: 1m

    # the end
    """
    after = """\
    stores:
        acme:
            connector: shop   # ours
            # every: 1m
        new:
            connector: shop

    # the end
    """
    assert added(text) == textwrap.dedent(after)


def test_a_store_among_brackets_is_written_in_brackets() -> None:
    assert added("stores: {a: {connector: shop}, }\n") == "stores: {a: {connector: shop}, new: {connector: shop}, }\n"
    assert added('{"stores": {"a": {}}}') == '{"stores": {"a": {}, new: {connector: shop}}}'


def test_line_ends_and_a_missing_last_one_stay_as_they_are() -> None:
    assert added("stores:\r\n  a:\r\n    x: 1\r\n") == (
        "stores:\r\n  a:\r\n    x: 1\r\n  new:\r\n    connector: shop\r\n"
    )
    assert added("stores:\n  a:\n    x: 1") == "stores:\n  a:\n    x: 1\n  new:\n    connector: shop"


def test_only_the_value_that_changes_is_touched() -> None:
    text = """\
    stores:
      acme:
        connector:   shop      # which\t
        "label": 'ACME'  # seen by people
        settings: {key: 022,other: [ 1,2 ] }   # tight
    """
    expected = textwrap.dedent(text).replace("'ACME'", "ACME Ltd").replace("022", "23")
    assert changed(text, label="ACME Ltd", settings={"key": 23}) == expected


def test_new_keys_come_after_the_others_and_gone_ones_take_their_lines_with_them() -> None:
    text = """\
    stores:
      acme:
        connector: shop
        every: 5m  # often
          # or seldom
        sender:
          city: Perth
        settings:
          key: 1
      other:
        connector: shop
    """
    after = """\
    stores:
      acme:
        connector: shop
        settings:
          key: 1
          new:
            of: [1, two]
        cron: "* * * * *"
      other:
        connector: shop
    """
    patch: dict[str, Patch] = {
        "cron": "* * * * *",
        "settings": {"new": {"of": [1, "two"]}},
        "every": ABSENT,
        "sender": {"city": ABSENT},
    }
    assert changed(text, **patch) == textwrap.dedent(after)


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("label: |\n      two\n      lines\n    # below", "one", "label: one\n    # below"),
        ("label: one\n      more # beside", "one", "label: one # beside"),
        ("label:", "one", "label: one"),
        ("label:  # none", "one", "label: one  # none"),
        ("label:\n      - a\n      # in\n      - b", ["c"], "label: [c]"),
        ("label: old  # beside", {"a": 1}, "label:  # beside\n      a: 1"),
        ("label: [a]", True, "label: true"),
    ],
)
def test_a_value_of_one_kind_takes_the_place_of_another(before: str, value: Patch, after: str) -> None:
    text = "stores:\n  acme:\n    {}\n    every: 5m\n"
    assert changed(text.format(before), label=value) == text.format(after)


@pytest.mark.parametrize(
    "value",
    ["no", "~", "", " x ", "5", "022", "1:30", "a: b", "a #b", "#", "*a", "&a", "- a", "[", "'", '"', "\\", "a\nb\t",
     "Łódź 👗", "\u2028", "\x85", "\x07", "${file:secrets/a.b}", "5m", "https://a.b/c", "null", "trailing:", "{a}"],
)  # fmt: skip
def test_any_text_is_read_as_it_was_meant(value: str) -> None:
    for text in ("stores: {acme: {label: x}}\n", "stores:\n  acme:\n    label: x\n"):
        after = changed(text, label=value, **{value: [value]})
        assert meaning(after)["stores"]["acme"] == {"label": value, value: [value]}
        assert yaml.safe_load(after)["stores"]["acme"] == {"label": value, value: [value]}, "other readers agree"


def test_an_alias_is_written_out_where_it_is_changed() -> None:
    text = "stores:\n  a:\n    settings: &s {key: 1, more: 2}\n  acme:\n    settings: *s  # the same\n"
    after = "stores:\n  a:\n    settings: &s {key: 1, more: 2}\n  acme:\n    settings:  # the same\n      SET\n"
    assert changed(text, settings={"key": 5}) == after.replace("SET", "more: 2\n      key: 5")
    assert changed(text, settings={"key": ABSENT}) == after.replace("SET", "more: 2")


def test_what_others_refer_to_is_not_changed_here() -> None:
    text = "stores:\n  acme:\n    settings: &s {key: 1}\n  b:\n    settings: *s\n"
    with pytest.raises(UsageError, match="Change it there by hand"):
        changed(text, settings={"key": 5})
    with pytest.raises(UsageError, match="Change it there by hand"):
        file_of(text).without_store("acme")


def test_what_another_section_refers_to_is_not_changed_here_either() -> None:
    with pytest.raises(UsageError, match="Change it there by hand"):
        changed("stores:\n  acme:\n    every: &e 5m\ndefaults:\n  every: *e\n", every="7m")


def test_a_block_of_text_whose_last_line_break_would_come_or_go_is_not_touched() -> None:
    with pytest.raises(UsageError, match="Change it there by hand"):
        added("stores:\n  a:\n    label: |\n      text")
    with pytest.raises(UsageError, match="Change it there by hand"):
        file_of("stores:\n  a:\n    label: |\n      text\n  b:\n    x: 1").without_store("b")


def test_a_store_goes_with_what_stands_in_it_and_nothing_else() -> None:
    text = "stores:\n  # ours\n  acme:\n    connector: shop\n    # every: 1m\n  # theirs\n  b: {connector: shop}\n"
    after = "stores:\n  # ours\n  # theirs\n  b: {connector: shop}\n"
    assert file_of(text).without_store("acme").text == after
    assert file_of("stores: {acme: {a: 1}, b: {}}").without_store("acme").text == "stores: {b: {}}"
    assert file_of("stores: {b: {}, acme: {a: 1},}").without_store("acme").text == "stores: {b: {},}"
    assert file_of("stores: {acme: {a: 1} , }").without_store("acme").text == "stores: { }"


# --- for any file ---

names = st.sampled_from(("a", "b-2", "new", "x.y", "123", "true"))
comments = st.sampled_from(("# plain", "#", "# acme-us:", "#\ttab\t", "# Łódź 👗", "# - [ { :", "# stores:"))
scalars = st.sampled_from(("x", '"y: #"', "'it''s'", "5", "022", "~", "", "no", "5m", "[1, 2]", "{a: 1,b: }", "${A}"))
blocks = st.sampled_from(("|\n{0}text\n\n{0}more", ">-\n{0}folded\n", "\n{0}- 1\n{0}# in\n{0}- 2", "plain\n{0}goes on"))


@st.composite
def stores_files(draw: st.DrawFn) -> str:
    """A file with stores in many manners, with comments and blank lines anywhere."""
    step = draw(st.sampled_from((1, 2, 3, 4)))
    lines: list[str] = draw(st.lists(st.sampled_from(("# top", "", "engine: {keep_days:  5}", "---")), max_size=1))
    lines.append(draw(st.sampled_from(("stores:", "stores: ", "stores:  # here", '"stores":'))))

    def loose(most: int) -> None:
        for _ in range(draw(st.integers(0, most))):
            lines.append(
                draw(st.sampled_from(("", " " * step, None))) or " " * draw(st.integers(0, 9)) + draw(comments)
            )

    for name in draw(st.lists(names, unique=True, max_size=3)):
        loose(2)
        quoted = f'"{name}"' if draw(st.booleans()) else name
        head = f"{' ' * step}{quoted}:"
        if draw(st.booleans()):
            lines.append(f"{head} {{connector: shop,settings:  {{a: 1}} }}{draw(st.sampled_from(('', ' # beside')))}")
            continue
        lines.append(f"{head}{draw(st.sampled_from(('', '  # this one')))}")
        lines.append(f"{' ' * (step * 2)}connector: shop")
        for key in draw(st.lists(st.sampled_from(("label", "every", "k")), unique=True)):
            loose(1)
            value = draw(scalars | blocks).replace("{0}", " " * (step * 3))
            lines.append(f"{' ' * (step * 2)}{key}: {value}".rstrip(" "))
    loose(2)
    lines += draw(st.lists(st.sampled_from(("papers: {label: 4x6}", "# the end", "")), max_size=1))
    text = "\n".join(lines) + draw(st.sampled_from(("", "\n", "\n\n")))
    return text.replace("\n", draw(st.sampled_from(("\n", "\r\n"))))


def is_sound(text: str) -> bool:
    """Whether it's YAML. A block of text that ends with the file, without a line break, is a case of its own."""
    if "|" in text and not text.endswith("\n"):
        return False
    try:
        tree_of(text)
    except yaml.YAMLError:
        return False
    return True


sound_files = stores_files().filter(is_sound)
values = st.recursive(
    st.booleans() | st.integers(-9, 999) | st.text(max_size=8) | st.sampled_from(("no", "a: b", "${file:secrets/a.b}")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, min_size=1, max_size=2),
    max_leaves=4,
)
entries = st.dictionaries(st.sampled_from(("connector", "label", "settings", "sender")), values, min_size=1)


@given(sound_files, entries)
@example("stores:\n  a:\n    connector: shop\n    k: |+\n      text\n\n", {"label": "x"})
@example("stores:  # here\n      # deeper\n\n", {"label": "x"})
def test_a_store_that_is_added_and_removed_leaves_the_text_as_it_was(text: str, entry: dict[str, Patch]) -> None:
    after = StoreFile(Path("stores.yaml"), text).with_store("zeta", entry)
    assert after.without_store("zeta").text == text
    assert all(line in after.text for line in text.splitlines())


@given(sound_files, st.data())
def test_a_store_that_is_changed_or_removed_leaves_every_other_line_as_it_was(text: str, data: st.DataObject) -> None:
    file = StoreFile(Path("stores.yaml"), text)
    if not file.stores:
        return
    name = data.draw(st.sampled_from(sorted(file.stores)))
    others = {other: entry for other, entry in file.stores.items() if other != name}
    patch = data.draw(st.dictionaries(st.sampled_from(("label", "every", "k", "new")), values | st.just(ABSENT)))
    after = file.with_store(name, patch).text
    held = file.stores[name]
    assert isinstance(held, dict)
    wanted = {key for key in {*held, *patch} if patch.get(key) is not ABSENT}
    assert set(meaning(after)["stores"][name]) == wanted
    assert {other: entry for other, entry in meaning(after)["stores"].items() if other != name} == others
    removed = file.without_store(name).text
    assert (meaning(removed)["stores"] or {}) == others
    places = [file._tree.place(("stores", other), text) for other in others]
    for place in places:
        assert place is not None
        own = text[slice(*place)].rstrip("\r\n")
        assert own in after
        assert own in removed


# --- saving ---


def save_acme(path: Path, entry: Mapping[str, Patch] = ACME, secrets: Mapping[str, str] = SECRET) -> None:
    StoreFile.read(path).with_store("acme", entry).save(secrets)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_its_secrets_are_for_their_owner_alone(path: Path) -> None:
    save_acme(path)
    assert TOKEN not in path.read_text()
    secret = path.parent / "secrets" / "acme.access_token"
    assert secret.read_text() == f"{TOKEN}\n"
    assert (mode(path), mode(secret), mode(secret.parent)) == (0o600, 0o600, 0o700)
    assert sorted(os.listdir(path.parent)) == ["secrets", "stores.yaml"]
    config = crossdock.config.load(path, {"bigcommerce": BigCommerce})
    assert config.stores["acme"].settings.access_token.get_secret_value() == TOKEN  # type: ignore[attr-defined]


def test_a_file_keeps_its_mode_its_mark_and_the_link_that_leads_to_it(path: Path) -> None:
    target = path.parent / "elsewhere" / "real.yaml"
    target.parent.mkdir()
    target.write_bytes(b"\xef\xbb\xbfstores:\n")
    target.chmod(0o640)
    path.symlink_to(target)
    save_acme(path)
    assert path.is_symlink()
    assert mode(target) == 0o640
    assert target.read_bytes().startswith(b"\xef\xbb\xbfstores:\n  acme:\n")
    assert (path.parent / "secrets" / "acme.access_token").is_file(), "references begin where the link lies"
    crossdock.config.load(path, {"bigcommerce": BigCommerce})
    assert os.listdir(target.parent) == ["real.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_another_user_stays_theirs_and_so_do_its_secrets(path: Path) -> None:
    path.write_text("stores:\n")
    os.chown(path, 65534, 65534)
    save_acme(path)
    for made in (path, path.parent / "secrets", path.parent / "secrets" / "acme.access_token"):
        assert (made.stat().st_uid, made.stat().st_gid) == (65534, 65534)


@pytest.mark.parametrize(("before", "after"), [("stores:\n", "# mine\n"), (None, ""), ("", None)])
def test_a_change_in_between_is_not_lost(path: Path, before: str | None, after: str | None) -> None:
    if before is not None:
        path.write_text(before)
    changed = StoreFile.read(path).with_store("acme", ACME)
    path.unlink(missing_ok=True)
    if after is not None:
        path.write_text(after)
    with pytest.raises(FileChangedError, match=r"stores\.yaml was changed by somebody else"):
        changed.save(SECRET)
    assert (path.read_text() if path.exists() else None) == after
    assert os.listdir(path.parent) == ([] if after is None else ["stores.yaml"]), "no secret of what wasn't saved"


def test_of_many_that_save_at_once_nobody_overwrites_another(path: Path) -> None:
    path.write_text("stores:\n")

    def add(name: str) -> bool:
        changed = StoreFile.read(path).with_store(name, {"connector": "shop"})
        begun.wait()
        try:
            changed.save({})
        except FileChangedError:
            return False
        return True

    names = [f"s{number}" for number in range(8)]
    begun = threading.Barrier(len(names))
    with ThreadPoolExecutor(len(names)) as pool:
        saved = [name for name, done in zip(names, pool.map(add, names), strict=True) if done]
    assert sorted(StoreFile.read(path).stores) == saved
    assert os.listdir(path.parent) == ["stores.yaml"]


def test_a_folder_that_is_not_there_is_told(path: Path) -> None:
    changed = StoreFile.read(path.parent / "gone" / "stores.yaml").with_store("acme", ACME)
    with pytest.raises(UsageError, match="or change the file by hand"):
        changed.save(SECRET)


def test_a_secrets_folder_that_is_a_file_leaves_everything_as_it_was(path: Path) -> None:
    path.write_text("stores:\n")
    (path.parent / "secrets").write_text("")
    with pytest.raises(UsageError, match=r"stores\.yaml can't be changed"):
        save_acme(path)
    assert path.read_text() == "stores:\n"
    assert sorted(os.listdir(path.parent)) == ["secrets", "stores.yaml"]


def test_a_file_that_cannot_be_read_is_told_with_its_mistake(path: Path) -> None:
    path.write_text("stores: [a\n")
    with pytest.raises(ConfigError, match=r"stores\.yaml:"):
        StoreFile.read(path)


def test_secrets_go_with_their_store_unless_something_still_refers_to_them(path: Path) -> None:
    save_acme(path)
    folder = path.parent / "secrets"
    for other in ("acme.old", "acme.eu.access_token", "acme"):
        (folder / other).write_text("x")
    file = StoreFile.read(path).with_store("other", {"label": "${file:secrets/acme.old}"}).without_store("acme")
    file.forget_secrets("acme")
    assert sorted(os.listdir(folder)) == ["acme", "acme.eu.access_token", "acme.old"]


def test_no_two_secrets_share_a_file() -> None:
    assert secret_file("a", "token") == "a.token"
    assert secret_file("a", "b.token") == "a.b-token"
    assert secret_file("a.b", "token") != secret_file("a", "b.token")
    assert "/" not in secret_file("a", "../../etc/passwd")
