"""`stores.yaml` as the page changes it: what is to change and nothing else, and never half.

Whether a change came out as it was meant is read back from the new text before that takes the file's place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec
import yaml

from crossdock import yaml_edit
from crossdock.errors import CrossdockError, UsageError
from crossdock.yaml_edit import Absent, CannotEditError, Patch, Tree
from crossdock.yaml_source import Data, document_of, read_text

SECRETS = "secrets"  # the folder beside the file in which they lie, each in a file of its own
BOM = b"\xef\xbb\xbf"


class FileChangedError(CrossdockError):
    """Somebody else has changed the file since it was read; nothing was written."""


@dataclass(frozen=True)
class StoreFile:
    """The file as it was read: its text, and `was`, its content at that time; None where there was none."""

    path: Path
    text: str
    was: bytes | None = None

    @classmethod
    def read(cls, path: Path) -> StoreFile:
        """The file as it is now; an empty one where there is none yet. Raises ConfigError where it can't be read."""
        if not path.exists():
            return cls(path, "")
        document_of(read_text(path), str(path))
        content = path.read_bytes()
        return cls(path, content.removeprefix(BOM).decode(errors="replace"), content)

    @property
    def stores(self) -> Mapping[str, Data]:
        """What stands there of each store, with references as they are written."""
        found = self._data.get("stores")
        return found if isinstance(found, dict) else {}

    def entry(self, name: str) -> dict[str, Data]:
        """A store's entry, or an empty one."""
        found = self.stores.get(name)
        return found if isinstance(found, dict) else {}

    def fingerprint(self, name: str) -> str:
        """Stands for a store's entry as it is now."""
        return hashlib.sha256(msgspec.json.encode(self.stores.get(name, {"": None}))).hexdigest()[:20]

    def with_store(self, name: str, patch: Mapping[str, Patch]) -> StoreFile:
        """With a new store, or with these keys of a store changed; ABSENT takes one away. Raises UsageError."""
        held = self.stores.get(name)
        wanted = yaml_edit.patched(held, patch)
        place = self._tree.place(("stores", name), self.text) if isinstance(held, dict) else None
        with self._explained():
            if place is None:
                text = yaml_edit.with_value(self.text, ("stores", name), wanted)
            else:  # its own text alone, which is short
                own = self._changed(self.text[slice(*place)], name, patch)
                text = self.text[: place[0]] + own + self.text[place[1] :]
            return self._proved(text, {**self.stores, name: yaml_edit.as_read(wanted)})

    def without_store(self, name: str) -> StoreFile:
        """Without a store. Raises UsageError."""
        with self._explained():
            text = yaml_edit.without(self.text, ("stores", name))
            return self._proved(text, {other: entry for other, entry in self.stores.items() if other != name})

    def save(self, secrets: Mapping[str, str]) -> None:
        """The file has this text, its owner and mode as before, and the secrets stand beside it; or nothing changed.

        `secrets` are texts by the names of their files in the folder `secrets`. Raises FileChangedError, and
        UsageError where it can't be written.
        """
        target = Path(os.path.realpath(self.path))
        try:
            about = target.stat() if target.exists() else None
            bom = BOM if (self.was or b"").startswith(BOM) else b""
            with (
                _beside(target, bom + self.text.encode(), like=about) as staged,
                _alone_in(target.parent) as folder,
            ):
                self._refuse_change()
                _put(self.path.absolute().parent / SECRETS, secrets, like=about)
                os.replace(staged, target)
                os.fsync(folder)  # what was renamed outlives a power cut
        except OSError as error:
            raise UsageError(
                f"{self.path.name} can't be changed from here ({error.strerror}): let the user who runs crossdock write"
                f" to it and to its folder, {target.parent}, or change the file by hand."
            ) from error

    def forget_secrets(self, name: str) -> None:
        """The files of a store's secrets that were made here are gone, unless the text still refers to them."""
        with suppress(OSError):
            for file in (self.path.absolute().parent / SECRETS).iterdir():
                if file.name.rpartition(".")[0] == name and f"file:{SECRETS}/{file.name}" not in self.text:
                    file.unlink()

    @cached_property
    def _tree(self) -> Tree:
        return yaml_edit.tree_of(self.text)

    @cached_property
    def _data(self) -> Mapping[str, Data]:
        with self._explained():
            return _mapping(self._tree)

    def _changed(self, own: str, name: str, patch: Mapping[str, Patch]) -> str:
        leaves = sorted(_leaves(patch, (name,)), key=lambda leaf: isinstance(leaf[1], Absent))
        for path, value in leaves:
            if isinstance(value, Absent):
                own = yaml_edit.without(own, path, self._tree.anchors)
            else:
                own = yaml_edit.with_value(own, path, value, self._tree.anchors)
        return own

    def _proved(self, text: str, stores: Mapping[str, Data]) -> StoreFile:
        """The file with this text, if that says of the stores what was wanted, and everything else as before."""
        with suppress(yaml.YAMLError):
            now = _mapping(yaml_edit.tree_of(text))
            if (now.get("stores") or {}) == stores and {**now, "stores": None} == {**self._data, "stores": None}:
                return replace(self, text=text)
        raise CannotEditError(
            "something else would change with it, such as an entry that refers to the same anchor (&)"
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (CannotEditError, yaml.YAMLError) as error:
            why = str(error) if isinstance(error, CannotEditError) else "it would no longer be valid"
            raise UsageError(
                f"This can't be changed from here, because of how {self.path.name} is written: {why}. Change it there"
                " by hand."
            ) from error

    def _refuse_change(self) -> None:
        now = self.path.read_bytes() if self.path.exists() else None
        if now != self.was:
            raise FileChangedError(
                f"{self.path.name} was changed by somebody else at this moment, so nothing was saved: try again."
            )


def secret_file(store: str, key: str) -> str:
    """The file that a secret of a store is kept in.

    Its key has no dot: what comes before the last one is the store, and no two secrets share a file.
    """
    return f"{store}.{re.sub('[^A-Za-z0-9_-]', '-', key)}"


def _mapping(tree: Tree) -> Mapping[str, Data]:
    data = None if tree.root is None else tree.root.data
    if data is not None and not isinstance(data, dict):
        raise CannotEditError("it should be a mapping of keys to values")
    return data or {}


def _leaves(patch: Mapping[str, Patch], path: yaml_edit.Path) -> Iterator[tuple[yaml_edit.Path, yaml_edit.Leaf]]:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _put(folder: Path, secrets: Mapping[str, str], *, like: os.stat_result | None) -> None:
    if not secrets:
        return
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        _give(folder, like)
    for name, value in secrets.items():
        with _beside(folder / name, f"{value}\n".encode()) as staged:
            _give(staged, like)
            os.replace(staged, folder / name)


@contextmanager
def _beside(path: Path, content: bytes, *, like: os.stat_result | None = None) -> Iterator[Path]:
    """A file in the same folder, for its owner alone or as `like` is; it's gone at the end if nobody has moved it."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    staged = Path(name)
    try:
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _give(staged, like)
        if like is not None:
            staged.chmod(like.st_mode & 0o7777)
        yield staged
    finally:
        staged.unlink(missing_ok=True)


def _give(path: Path, like: os.stat_result | None) -> None:
    """The file belongs to whom `like` belongs to."""
    about = path.stat()
    if like is not None and (about.st_uid, about.st_gid) != (like.st_uid, like.st_gid):
        os.chown(path, like.st_uid, like.st_gid)


@contextmanager
def _alone_in(folder: Path) -> Iterator[int]:
    """No other crossdock changes a file of this folder at the same time; gives the open folder."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield number
    finally:
        os.close(number)
