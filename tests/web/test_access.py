"""The file with the password and the tokens, sessions, and how guessing is slowed down."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crossdock.errors import CrossdockError, UsageError
from crossdock.web import access
from crossdock.web.access import (
    FREE_GUESSES,
    FREE_GUESSES_OF_ALL,
    IDLE_S,
    LONGEST_S,
    LONGEST_WAIT_S,
    Keys,
    Sessions,
    Throttle,
    alone_with,
    read_keys,
    write_keys,
)
from support.clock import WoundClock
from support.programs import BECOME_NOBODY, child, folder_for_anybody, program

WORDS = "correct horse battery"
AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a password and a token in it."""
    path = tmp_path / "crossdock.password"
    write_keys(path, Keys().with_password(WORDS).with_token("till", AT)[0])
    return path


# --- the file -------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone_and_tells_neither_password_nor_token(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys, token = Keys().with_password(WORDS).with_token("till", AT)
    before = os.umask(0)
    try:
        write_keys(path, keys)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert WORDS not in path.read_text()
    assert token not in path.read_text()
    assert read_keys(path) == keys
    assert [found.name for found in tmp_path.iterdir()] == ["keys"]


def test_what_is_not_there_yet_opens_nothing(tmp_path: Path) -> None:
    keys = read_keys(tmp_path / "none")
    assert keys == Keys()
    assert not keys.is_password("")
    assert not keys.is_token("")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o610])
def test_a_file_that_others_could_open_is_refused_with_what_to_do(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(UsageError) as refused:
        read_keys(file)
    assert str(refused.value) == f"{file} is open to other users (mode 0{mode:o}): run  chmod 600 {file}"


def test_a_file_of_somebody_else_is_refused(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(file, 12345, -1)
    with pytest.raises(UsageError, match=r"belongs to another user \(id 12345\)"):
        read_keys(file)


def test_a_file_that_this_user_may_not_read_says_whose_it_should_be() -> None:
    with folder_for_anybody() as folder:
        path = folder / "keys"
        write_keys(path, Keys().with_password(WORDS))
        if os.geteuid() != 0:
            path.chmod(0)
        asking = """
            import sys
            from pathlib import Path
            from crossdock.web.access import read_keys
        """
        ended = child(program(asking, BECOME_NOBODY, "read_keys(Path(sys.argv[1]))"), str(path))
    assert "can't be read by this user: run this as the user who runs the daemon" in ended.stderr


def test_a_link_is_not_followed(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    with pytest.raises(UsageError, match="is a link: name the file itself"):
        read_keys(link)


def test_what_lies_in_its_place_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "keys"
    link.symlink_to(precious)
    write_keys(link, Keys().with_password(WORDS))
    assert precious.read_text() == "mine"
    assert not link.is_symlink()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "keys")
    with pytest.raises(UsageError, match=r"is not a file|can't be read"):
        read_keys(tmp_path / "keys")


GOOD = {"scrypt": "00" * 32, "salt": "00" * 16, "cost": 2}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"password": "hunter2hunter2"}',
        b'{"tokens": [{"name": "\xff"}]}',
        json.dumps({"password": {**GOOD, "scrypt": "zz"}}).encode(),
        json.dumps({"password": {**GOOD, "scrypt": ""}}).encode(),
        json.dumps({"password": {**GOOD, "salt": ""}}).encode(),
        json.dumps({"password": {**GOOD, "cost": 3}}).encode(),
        json.dumps({"password": {**GOOD, "cost": 0}}).encode(),
        json.dumps({"password": {**GOOD, "cost": 2**40}}).encode(),
        json.dumps({"tokens": [{"name": 1}]}).encode(),
    ],
)
def test_what_is_no_such_file_is_named_with_what_to_do_and_not_shown(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_keys(file)
    assert str(refused.value) == (
        f"{file} holds no password that crossdock can understand. Remove it: `crossdock web password` makes it anew, "
        "and tokens have to be made again."
    )


def test_a_write_that_fails_leaves_the_former_keys_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CrossdockError, match=r"can't be written: No space left on device\."):
        write_keys(file, Keys())
    assert file.read_bytes() == before
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "keys"
    with pytest.raises(CrossdockError, match="No such file or directory"):
        write_keys(path, Keys())
    with pytest.raises(CrossdockError, match=f"the folder {path.parent}"), alone_with(path):
        pass


def test_two_who_change_the_keys_at_once_lose_nothing(file: Path) -> None:
    def add(number: int) -> None:
        with alone_with(file):
            write_keys(file, read_keys(file).with_token(f"till {number}", AT)[0])

    with ThreadPoolExecutor(8) as together:
        list(together.map(add, range(40)))
    assert len(read_keys(file).tokens) == 41


# --- passwords and tokens -------------------------------------------------------------------------------------------


def test_only_the_password_is_the_password(file: Path) -> None:
    keys = read_keys(file)
    assert keys.is_password(WORDS)
    assert not any(keys.is_password(typed) for typed in ("", f"{WORDS} ", WORDS.upper(), "\udcff", "x" * 2000))


def test_two_with_the_same_password_keep_different_secrets() -> None:
    one, other = (Keys().with_password(WORDS).password for _ in range(2))
    assert one is not None
    assert other is not None
    assert (one.salt, one.scrypt) != (other.salt, other.scrypt)


def test_a_password_kept_at_another_cost_is_still_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "COST", 2**10)
    keys = Keys().with_password(WORDS)
    monkeypatch.undo()
    assert keys.is_password(WORDS)


def test_an_accent_is_the_same_however_a_keyboard_writes_it() -> None:
    assert (
        Keys().with_password("café au lait, s'il vous plaît").is_password("cafe\u0301 au lait, s'il vous plai\u0302t")
    )


@pytest.mark.parametrize("typed", ["", "elevenchars", "x" * 1025])
def test_a_password_that_is_too_short_or_absurdly_long_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="A password has 12 to 1,024 characters"):
        Keys().with_password(typed)


def test_a_token_counts_until_it_is_revoked_and_a_new_password_leaves_it(file: Path) -> None:
    keys, token = read_keys(file).with_token("dock", AT)
    assert token.startswith("cdk_")
    assert len(token) == len("cdk_") + 43  # 32 random bytes
    assert keys.is_token(token)
    assert keys.with_password("quite another one").is_token(token)
    assert not keys.without_token("dock").is_token(token)
    assert not any(keys.is_token(shown) for shown in ("", "cdk_", token[:-1], f"{token}x", "\udcff"))


@pytest.mark.parametrize("name", ["", "x" * 61, "two\nlines", "till"])
def test_a_token_has_a_name_of_its_own(file: Path, name: str) -> None:
    with pytest.raises(UsageError, match="token"):
        read_keys(file).with_token(name, AT)


def test_revoking_what_is_not_there_names_what_is(file: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no token named 'tills'; the tokens are: till\."):
        read_keys(file).without_token("tills")


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_nobody_comes_for_a_shift(clock: WoundClock) -> None:
    sessions = Sessions(clock)
    session = sessions.begin(signed_in=True)
    clock.wind(IDLE_S)
    assert sessions.find(session.id) is session
    clock.wind(IDLE_S + 1)
    assert sessions.find(session.id) is None


def test_a_session_ends_after_a_week_however_often_somebody_comes(clock: WoundClock) -> None:
    sessions = Sessions(clock)
    session = sessions.begin(signed_in=True)
    for _ in range(int(LONGEST_S / IDLE_S)):
        clock.wind(IDLE_S)
        assert sessions.find(session.id) is session
    clock.wind(1)
    assert sessions.find(session.id) is None


def test_those_who_only_look_in_push_nobody_out_who_is_signed_in(
    clock: WoundClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MOST_SESSIONS", 3)
    sessions = Sessions(clock)
    packer = sessions.begin(signed_in=True)
    guests = [sessions.begin() for _ in range(4)]
    assert sessions.find(packer.id) is packer
    assert [sessions.find(guest.id) is guest for guest in guests] == [False, True, True, True]
    sessions.find(guests[1].id)
    sessions.begin()
    assert sessions.find(guests[1].id) is not None, "who was here of late stays longest"
    assert sessions.find(guests[2].id) is None


def test_sessions_end_one_by_one_or_all_at_once(clock: WoundClock) -> None:
    sessions = Sessions(clock)
    first, second, guest = sessions.begin(signed_in=True), sessions.begin(signed_in=True), sessions.begin()
    sessions.end(first.id)
    assert [sessions.find(one.id) for one in (first, second, guest)] == [None, second, guest]
    sessions.end_all()
    assert [sessions.find(one.id) for one in (first, second, guest)] == [None, None, None]


def test_no_two_sessions_share_an_id_or_a_csrf_token(clock: WoundClock) -> None:
    sessions = Sessions(clock)
    begun = [sessions.begin() for _ in range(100)]
    assert len({word for one in begun for word in (one.id, one.csrf)}) == 200


# --- guessing -------------------------------------------------------------------------------------------------------


def test_each_wrong_guess_from_the_fifth_on_doubles_the_wait_up_to_a_minute(clock: WoundClock) -> None:
    throttle, waits = Throttle(clock), []
    for _ in range(FREE_GUESSES + 7):
        throttle.wrong(HERE)
        waits.append(throttle.wait_s(HERE))
        clock.wind(waits[-1])
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert throttle.wait_s(HERE) == 0


def test_who_guesses_makes_no_other_address_wait(clock: WoundClock) -> None:
    throttle = Throttle(clock)
    for _ in range(FREE_GUESSES + 3):
        throttle.wrong(HERE)
    assert throttle.wait_s(HERE) > 0
    assert throttle.wait_s(THERE) == 0


def test_one_with_very_many_addresses_is_slowed_down_too(clock: WoundClock) -> None:
    throttle = Throttle(clock)
    for number in range(FREE_GUESSES_OF_ALL - 1):
        throttle.wrong(f"198.51.100.{number}")
        assert throttle.wait_s(THERE) == 0
    throttle.wrong(HERE)
    assert throttle.wait_s(THERE) == 1


def test_addresses_of_version_6_are_counted_by_their_network(clock: WoundClock) -> None:
    throttle = Throttle(clock)
    for number in range(FREE_GUESSES):
        throttle.wrong(f"2001:db8::{number:x}")
    assert throttle.wait_s("2001:db8::ffff") > 0
    assert throttle.wait_s("2001:db8:0:1::1") == 0
    for number in range(FREE_GUESSES):
        throttle.wrong(f"::ffff:192.0.2.{number}")
    assert throttle.wait_s("::ffff:192.0.2.1") == 0, "they are of version 4"


def test_wrong_guesses_are_forgotten_when_the_password_is_known_at_last_or_nobody_guesses_for_an_hour(
    clock: WoundClock,
) -> None:
    throttle = Throttle(clock)
    for _ in range(FREE_GUESSES - 1):
        throttle.wrong(HERE)
    throttle.right(HERE)
    throttle.wrong(HERE)
    assert throttle.wait_s(HERE) == 0
    for _ in range(FREE_GUESSES - 2):
        throttle.wrong(HERE)
    clock.wind(3601)
    throttle.wrong(HERE)
    assert throttle.wait_s(HERE) == 0


def test_guessers_are_kept_in_bounds(clock: WoundClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST_GUESSERS", 10)
    throttle = Throttle(clock)
    for number in range(FREE_GUESSES * 20):
        throttle.wrong(f"198.51.{number}.1")
    assert len(throttle._guesses) == 10
