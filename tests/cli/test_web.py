"""`crossdock web`: the page's password, and tokens for programs."""

from __future__ import annotations

import os
import pty
import stat
import subprocess

import pytest
from crossdock.web.access import read_keys
from support.commandline import CROSSDOCK, TOO_LONG_S, Desk, Ran

WORDS = "correct horse battery"
NAMED = "engine: {web: {password_file: keys}}\n"


@pytest.fixture
def named(desk: Desk) -> Desk:
    """A folder whose `stores.yaml` names a file for the password."""
    desk.write(before=NAMED)
    return desk


def told(desk: Desk, typed: bytes, *arguments: str) -> Ran:
    """What `crossdock web password` came to that is told the password by a pipe."""
    done = subprocess.run(
        [*CROSSDOCK, *arguments, "web", "password"],
        cwd=desk.folder,
        env=desk.environ(),
        input=typed,
        capture_output=True,
        timeout=TOO_LONG_S,
        check=False,
    )
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in ran.err
    assert WORDS not in ran.out + ran.err
    return ran


def typed_in_a_terminal(desk: Desk, *lines: str) -> tuple[int, str]:
    """The exit code, and what the terminal shows, where somebody types these lines when asked."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*CROSSDOCK, "web", "password"],
        cwd=desk.folder,
        env=desk.environ(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, left = b"", list(lines)
    try:
        while True:
            try:
                shown += os.read(ours, 1024)
            except OSError:  # it has closed its end
                break
            if left and shown.count(b": ") > len(lines) - len(left):
                os.write(ours, f"{left.pop(0)}\n".encode())
        return running.wait(TOO_LONG_S), shown.decode()
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def test_a_password_is_taken_from_a_pipe_and_kept_where_stores_yaml_says(named: Desk) -> None:
    ran = told(named, f"{WORDS}\n".encode())
    assert ran == Ran(0, f"The password is set, in {named.folder / 'keys'}.\n", "")
    assert read_keys(named.folder / "keys").is_password(WORDS)
    assert stat.S_IMODE((named.folder / "keys").stat().st_mode) == 0o600


def test_a_new_password_takes_the_place_of_the_former_and_leaves_the_tokens(named: Desk) -> None:
    told(named, b"the first of them\n")
    assert named.call("web", "token").code == 0
    assert told(named, WORDS.encode()).code == 0
    keys = read_keys(named.folder / "keys")
    assert not keys.is_password("the first of them")
    assert [token.name for token in keys.tokens] == ["api"]


def test_in_a_terminal_it_is_asked_for_twice_and_never_shown(named: Desk) -> None:
    code, shown = typed_in_a_terminal(named, WORDS, WORDS)
    assert code == 0, shown
    assert "Repeat for confirmation" in shown
    assert WORDS not in shown
    assert read_keys(named.folder / "keys").is_password(WORDS)


@pytest.mark.parametrize("typed", [b"", b"\n", b"elevenchars\n", b"x" * 5000])
def test_a_password_that_is_too_short_or_absurdly_long_is_refused(named: Desk, typed: bytes) -> None:
    ran = told(named, typed)
    assert ran == Ran(2, "", "A password has 12 to 1,024 characters; several words do well.\n")
    assert not (named.folder / "keys").exists()


def test_what_is_no_text_is_refused(named: Desk) -> None:
    assert told(named, b"\xff" * 20) == Ran(2, "", "What stdin holds is not UTF-8 text.\n")


@pytest.mark.parametrize("arguments", [("password",), ("token",), ("token", "--list"), ("token", "--revoke", "x")])
def test_without_a_file_for_it_the_key_to_add_is_told(desk: Desk, arguments: tuple[str, ...]) -> None:
    ran = desk.call("web", *arguments)
    assert ran == Ran(
        2,
        "",
        "stores.yaml names no file to keep it in: add  web: {password_file: crossdock.password}  under 'engine', and "
        "try again.\n",
    )


def test_it_can_be_set_before_there_is_a_store(desk: Desk) -> None:
    desk.config.write_text(NAMED, encoding="utf-8")
    assert told(desk, WORDS.encode()).code == 0


def test_a_mistake_in_the_engines_keys_is_named(desk: Desk) -> None:
    desk.write(before="engine: {web: {passwort_file: keys}}\n")
    ran = desk.call("web", "token")
    assert ran.code == 2
    assert "unknown key 'passwort_file'; did you mean 'password_file'?" in ran.err


def test_a_token_stands_alone_on_stdout_and_is_kept_as_its_digest(named: Desk) -> None:
    ran = named.call("web", "token", "--name", "warehouse")
    assert (ran.code, ran.err) == (0, "This is the token 'warehouse'; it is shown this once.\n")
    token = ran.out.removesuffix("\n")
    assert token.startswith("cdk_")
    assert read_keys(named.folder / "keys").is_token(token)
    assert token not in (named.folder / "keys").read_text()


def test_tokens_are_listed_and_revoked_by_their_names(named: Desk) -> None:
    token = named.call("web", "token", "--name", "warehouse").out.strip()
    named.call("web", "token", "--name", "till")
    listed = named.call("web", "token", "--list", secrets=[token])
    assert [line.split("\t")[0] for line in listed.out.splitlines()] == ["NAME", "warehouse", "till"]
    ran = named.call("web", "token", "--revoke", "warehouse")
    assert ran == Ran(0, "The token 'warehouse' counts no more.\n", "")
    assert not read_keys(named.folder / "keys").is_token(token)
    again = named.call("web", "token", "--revoke", "warehouse")
    assert again == Ran(2, "", "There is no token named 'warehouse'; the tokens are: till.\n")


def test_a_name_is_given_once(named: Desk) -> None:
    named.call("web", "token")
    ran = named.call("web", "token")
    assert (ran.code, ran.out) == (2, "")
    assert "There is a token named 'api' already" in ran.err


def test_listing_and_revoking_at_once_is_a_misuse(named: Desk) -> None:
    ran = named.call("web", "token", "--list", "--revoke", "x")
    assert (ran.code, ran.out) == (2, "")
    assert "Give either --list or --revoke, not both." in ran.err


def test_a_file_that_others_can_read_is_refused_before_anybody_types(named: Desk) -> None:
    told(named, WORDS.encode())
    path = named.folder / "keys"
    path.chmod(0o644)
    code, shown = typed_in_a_terminal(named, WORDS, WORDS)
    assert (code, "Password" in shown) == (2, False)
    ran = told(named, b"")
    assert ran == Ran(2, "", f"{path} is open to other users (mode 0644): run  chmod 600 {path}\n")


def test_a_folder_that_cant_be_written_to_is_the_works_failure(desk: Desk) -> None:
    desk.write(before="engine: {web: {password_file: none/keys}}\n")
    ran = told(desk, WORDS.encode())
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"{desk.folder / 'none/keys'} can't be written: ")
