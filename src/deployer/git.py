"""A revision or the work tree as a tree of files, and the paths in which they differ.

Paths are relative to the fleet's folder, which may be any folder of the repository.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deployer.errors import CommandError, FleetError, Place
from deployer.fleet.tree import AbsentError, Differing, follow

if TYPE_CHECKING:  # most plans by files need no git at all, and none of what runs it
    from deployer.process import Result


@dataclass(frozen=True)
class WorkTree:
    """The files as they are on disk, committed or not.

    ``ignoring`` gives the paths that git ignores, folders with a slash at their end; it is asked once, if at all.
    """

    root: Path
    ignoring: Callable[[], Collection[str]] = frozenset

    def read(self, path: str) -> bytes:
        try:
            file = Path(f"{self.root}/{path}")  # a path that starts with "/" is below the root too
            if not stat.S_ISREG(mode := file.stat().st_mode) and not stat.S_ISDIR(mode):
                raise FleetError("no regular file: reading it could wait forever", Place(path), "Put a file there.")
            return file.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(path) from None
        except OSError as error:
            raise FleetError(f"cannot be read: {error.strerror}", Place(path)) from None

    def is_file(self, path: str) -> bool:
        return os.path.isfile(f"{self.root}/{path}")  # noqa: PTH113 - ten times as fast, and asked for each cluster

    def children(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(f"{self.root}/{folder}"))  # noqa: PTH208 - as above
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link to itself leads nowhere
                return []
            raise

    def trail(self, path: str) -> tuple[str, ...]:
        return follow(path, self.link)

    @cached_property
    def _ignored(self) -> frozenset[str]:
        return frozenset(self.ignoring())

    def ignored(self, path: str) -> bool:
        return path in self._ignored or f"{path}/" in self._ignored

    def indirect(self, path: str) -> bool:
        """Whether a path that git lists is or leads through a symbolic link, or is a repository of its own."""
        return self.trail(path) != (path,) or (Path(f"{self.root}/{path}").is_dir())

    def link(self, path: str) -> str | None:
        """Where a symbolic link leads; None for anything else."""
        try:
            return os.readlink(f"{self.root}/{path}")  # noqa: PTH115 - as above
        except OSError:
            return None


# Set where git calls us from a hook: they would make it look at another repository than the folder's own.
_REDIRECTS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"})
_HEAD = b"# branch.oid "  # of `git status`
_FETCH = "Fetch it: git submodule update --init, with the submodule's whole history."
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", "LANGUAGE": "C"}


@dataclass(frozen=True)
class Repository:
    """The git repository that a folder is part of. ``env`` is what git is run with."""

    folder: Path
    env: Mapping[str, str]
    _resolved: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def git(self, *words: str, check: bool = True, stdin: bytes | None = None) -> Result:
        """Run git in the folder, with nothing that a user's settings or terminal could change.

        :raises CommandError: git is missing or fails.
        """
        from deployer.process import run

        env = {name: value for name, value in self.env.items() if name not in _REDIRECTS} | _QUIET
        return run(["git", "--literal-pathspecs", *words], env=env, cwd=self.folder, check=check, stdin=stdin)

    @cached_property
    def prefix(self) -> str:
        """The folder's own path below the repository's top, "" or with a slash at its end.

        :raises FleetError: the folder is in no repository.
        """
        result = self.git("rev-parse", "--show-prefix", check=False)
        if result.ok:
            return _text(result.raw).removesuffix("\n")
        if "not a git repository" not in result.stderr:
            raise FleetError(f"git cannot read {self.folder}", hint=result.stderr.strip())
        raise FleetError(
            f"{self.folder} is not in a git repository",
            hint="Only git knows what changed: use --all, name the files, or run git init and commit.",
        )

    def resolve(self, revision: str) -> str:
        """The commit's full id.

        :raises FleetError: there is no such commit here.
        """
        if revision not in self._resolved:
            self._resolved[revision] = self._resolve(revision)
        return self._resolved[revision]

    def _resolve(self, revision: str) -> str:
        self.prefix  # noqa: B018 - raises where there is no repository
        result = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
        if result.ok:
            return result.stdout.strip()
        raise FleetError(f"revision {revision!r} is not in this repository", hint=self._why_missing())

    def _why_missing(self) -> str:
        if self.git("rev-parse", "--is-shallow-repository", check=False).stdout.strip() == "true":
            return "This is a shallow clone: fetch the whole history (in GitHub Actions: fetch-depth: 0)."
        return "See `git log` for those there are."

    def head(self) -> str:
        """The commit that the folder holds, or "" where it holds anything else than a commit."""
        words = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--", "."]
        try:
            found = self.git(*words, check=False)
        except CommandError:
            return ""
        said = [line for line in found.raw.split(b"\0") if line] if found.ok else []
        commits = [line.removeprefix(_HEAD) for line in said if line.startswith(_HEAD)]
        clean = all(line.startswith(b"# ") for line in said) and commits not in ([], [b"(initial)"])
        return commits[0].decode() if clean else ""

    def changed(self, since: str) -> list[str]:
        """The paths below the folder in which the work tree differs from ``since``, untracked files included.

        A rename is a deletion and an addition.

        :raises FleetError: no such revision.
        """
        commit = self.resolve(since)
        words = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--relative", "-z"]
        words += [commit, "--", "."]
        tracked = self.git(*words).raw
        untracked = self.git("ls-files", "--others", "--exclude-standard", "-z", "--", ".").raw
        return sorted({_text(name) for name in (tracked + untracked).split(b"\0") if name})

    def contains(self, head: str, base: str) -> bool:
        """Whether one commit is another, or has it in its history."""
        return self.git("merge-base", "--is-ancestor", self.resolve(base), self.resolve(head), check=False).ok

    def differing(self, base: str, head: str) -> list[Differing]:
        """Every path of the whole repository in which two commits differ; a rename is a deletion and an addition.

        :raises FleetError: no such revision.
        """
        words = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"]
        parts = self.git(*words, self.resolve(base), self.resolve(head)).raw.split(b"\0")
        sides = zip(parts[::2], parts[1::2], strict=False)
        return [_differing(said.decode().removeprefix(":").split(), _text(name), self.prefix) for said, name in sides]

    def ignored(self) -> frozenset[str]:
        """The paths below the folder that git ignores, folders with a slash at their end; none without a repository."""
        words = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", "."]
        try:
            found = self.git(*words, check=False)
        except CommandError:
            return frozenset()
        own = frozenset(_text(name) for name in found.raw.split(b"\0") if name) if found.ok else frozenset()
        return own.union(*(self._ignored_in(module) for module in self._modules())) if found.ok else own

    def _modules(self) -> list[str]:
        """The submodules below the folder that are here; git is asked only where something says that there are any."""
        top = next((one for one in (self.folder, *self.folder.parents) if (one / ".git").exists()), self.folder)
        if not (top / ".gitmodules").exists():
            return []
        listed = self.git("ls-files", "--stage", "-z", "--", ".", check=False).raw.split(b"\0")
        paths = [_text(entry.partition(b"\t")[2]) for entry in listed if entry.startswith(b"160000 ")]
        return [path for path in paths if (self.folder / path / ".git").exists()]

    def _ignored_in(self, module: str) -> frozenset[str]:
        return frozenset(f"{module}/{name}" for name in Repository(self.folder / module, self.env).ignored())

    def at(self, revision: str, changed: Collection[str] | None = None) -> GitTree:
        """The files below the folder as they were.

        :param changed: what :meth:`changed` gave, where it was asked: all else is read from disk, which is faster, and
            the same on both sides where git converts files on their way (line ends, large files).
        :raises FleetError: no such revision.
        """
        beside = None if changed is None else WorkTree(self.folder)
        return GitTree(self, self.resolve(revision), beside, frozenset(changed or ()))


def _differing(modes: list[str], path: str, prefix: str) -> Differing:
    inside = path.startswith(prefix)
    return Differing(path.removeprefix(prefix) if inside else path, inside, *modes[:2])


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class Entry(NamedTuple):
    """A file of a commit: its object, whether it is a symbolic link, and the submodule that it is of ("" for none)."""

    blob: str
    link: bool
    module: str = ""


@dataclass(frozen=True)
class GitTree:
    """The files of one commit, straight from git's object store; nothing is checked out.

    ``beside`` holds the same files but for those that ``changed``.
    """

    repository: Repository
    commit: str
    beside: WorkTree | None = None
    changed: frozenset[str] = frozenset()
    _contents: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _modules: dict[str, GitTree | None] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        """All below the folder; of submodules what their commit holds, where they are fetched."""
        prefix = self.repository.prefix
        raw = self.repository.git("ls-tree", "-r", "-z", "--full-tree", self.commit, "--", prefix or ".").raw
        found: dict[str, Entry] = {}
        for entry in raw.split(b"\0"):
            head, tab, name = entry.partition(b"\t")
            if not tab:
                continue
            mode, kind, blob = head.split()
            path = _text(name).removeprefix(prefix)
            if kind == b"blob":
                found[path] = Entry(blob.decode(), mode == b"120000")
            elif kind == b"commit":
                found |= self._of_module(path, blob.decode())
        return found

    def _of_module(self, path: str, commit: str) -> dict[str, Entry]:
        """The files of a submodule; none where that commit is not here."""
        repository = Repository(self.repository.folder / path, self.repository.env)
        here = (repository.folder / ".git").exists()  # else git would take the repository around it
        if not here or not repository.git("cat-file", "-e", f"{commit}^{{commit}}", check=False).ok:
            self._modules[path] = None
            return {}
        inner = self._modules[path] = GitTree(repository, commit)
        return {f"{path}/{name}": Entry(one.blob, one.link, path) for name, one in inner._entries.items()}

    @property
    def indirect(self) -> bool:
        """Whether a file may be read by a name that is not among ``changed``: there are links or submodules."""
        known = any(entry.link for entry in self._entries.values()) or bool(self._modules)
        beside = self.beside
        return known or (beside is not None and any(map(beside.indirect, self.changed)))

    @cached_property
    def _folders(self) -> dict[str, set[str]]:
        folders: dict[str, set[str]] = {"": set()}
        for path in self._entries:
            parts = path.split("/")
            for depth, name in enumerate(parts):
                folders.setdefault("/".join(parts[:depth]), set()).add(name)
        return folders

    def trail(self, path: str) -> tuple[str, ...]:
        return follow(path, self._link)

    def _link(self, path: str) -> str | None:
        entry = self._entries.get(path)
        if entry is None or not entry.link:
            return None
        return self._content(path).decode("utf-8", "surrogateescape")

    def ignored(self, path: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def _end(self, path: str) -> str:
        return self.trail(path)[-1]

    def read(self, path: str) -> bytes:
        end = self._end(path)
        if not self._holds(end):
            if module := self._absent(end):
                raise AbsentError("in a submodule whose commit is not in this clone", Place(module), _FETCH)
            raise FileNotFoundError(path)
        return self._content(end)

    def _content(self, path: str) -> bytes:
        if path not in self._contents and not self._found_beside(path):
            module = self._entries[path].module
            if module and (inner := self._modules[module]) is not None:
                return inner._content(path[len(module) + 1 :])  # noqa: SLF001 - one of our own
            self._fetch([path, *self._worth_reading(path)])
        return self._contents[path]

    def _found_beside(self, path: str) -> bool:
        entry = self._entries[path]
        if self.beside is None or path in self.changed or entry.module in self.changed:
            return False
        try:
            target = self.beside.link(path) if entry.link else None
            self._contents[path] = self.beside.read(path) if target is None else os.fsencode(target)
        except FileNotFoundError:  # git was told not to have it on disk
            return False
        return True

    def _worth_reading(self, path: str) -> list[str]:
        """What else to read in one go: a process for each file would take a hundred times as long."""
        top = path.split("/", 1)[0]
        own = [other for other, entry in self._entries.items() if not entry.module]
        if self.beside is not None:
            return [other for other in own if other in self.changed]
        return [other for other in own if other.startswith(f"{top}/")]

    def _fetch(self, wanted: list[str]) -> None:
        paths = list(dict.fromkeys(wanted))
        asked = "".join(f"{self._entries[path].blob}\n" for path in paths).encode()
        raw = self.repository.git("cat-file", "--batch", stdin=asked).raw
        start = 0
        for path in paths:
            end = raw.index(b"\n", start)
            size = int(raw[start:end].split()[2])
            self._contents[path] = raw[end + 1 : end + 1 + size]
            start = end + size + 2

    def is_file(self, path: str) -> bool:
        end = self._end(path)
        return self._holds(end) or bool(self._absent(end))  # who reads it learns that it is not here

    def _holds(self, end: str) -> bool:
        """Whether a file stands where a trail ends: a link that leads to itself is none."""
        return end in self._entries and not self._entries[end].link

    def _absent(self, path: str) -> str:
        """The submodule that a path is in, where its commit is not in this clone; else ""."""
        lacking = (module for module, inner in self._modules.items() if inner is None)
        return next((module for module in lacking if path.startswith(f"{module}/")), "")

    def children(self, folder: str) -> list[str]:
        end = self._end(folder)
        return sorted(self._folders.get("" if end == "." else end, ()))
