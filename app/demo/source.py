"""The demo company's repository as real git objects: the same world gives the same hashes, whoever serves it."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from app.demo.git_objects import EXECUTABLE, FILE, CommitObject, Entry, Objects, heads_of, set_head
from app.demo.world import Artefact

if TYPE_CHECKING:
    from app.demo.company import Company

MAIN = "main"
PROSE = frozenset({".md", ".txt", ".rst"})
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Story:
    """A repository's history as the world tells it. `commits` are the default branch's, oldest first, each with the
    artefact that it is of ("" for the first); `heads` are the branches, the default one first, and `tips` the pull
    requests' own commits."""

    objects: Objects
    commits: tuple[tuple[str, str], ...]
    heads: Mapping[str, str]
    tips: Mapping[str, str]

    @property
    def shas(self) -> dict[str, str]:
        """The commit by which each pull request and each file is known: where it was merged or added, else its head."""
        return {**self.tips, **{artefact: sha for sha, artefact in self.commits if artefact}}


def story_of(company: Company) -> Story:
    """What happened in the repository by now: files being added, pull requests merged, others open or closed."""
    objects = Objects()
    files = _first_files(company, objects)
    events = sorted(_events(company), key=lambda event: (event[0], event[1].id))
    start = (events[0][0] if events else company.now) - timedelta(days=1)
    name, email = _author(company, None)
    commits = [(objects.commit(objects.tree(files), (), name, email, start, f"Begin {company.facts.name}"), "")]
    times = [start]
    trees = [files]
    for at, artefact in events:
        files = _after(company, objects, files, artefact)
        name, email = _author(company, artefact["author"])
        made = objects.commit(objects.tree(files), (commits[-1][0],), name, email, at, message_of(company, artefact))
        commits.append((made, artefact.id))
        times.append(at)
        trees.append(files)
    heads, tips = {MAIN: commits[-1][0]}, {}
    for pull in company.of_kind("pull_request"):
        assert pull.at is not None
        began = max((n for n, at in enumerate(times) if at <= pull.at), default=0)
        name, email = _author(company, pull["author"])
        tree = objects.tree(_after(company, objects, trees[began], pull))
        title = company.words(pull["title"])
        tips[pull.id] = objects.commit(tree, (commits[began][0],), name, email, pull.at, title)
        heads[branch_of(company, pull)] = tips[pull.id]
    return Story(objects, tuple(commits), heads, tips)


def branch_of(company: Company, pull: Artefact) -> str:
    """The branch that a pull request of the world was opened from."""
    return str(pull["branch"] or f"change-{company.ref(pull.id).number}")


def message_of(company: Company, artefact: Artefact) -> str:
    """The message of the commit by which a file was added or a pull request merged."""
    if artefact.kind == "document":
        return f"Add {artefact['path']}"
    title, body = company.words(artefact["title"]), company.words(artefact["body"])
    return f"{title} (#{company.ref(artefact.id).number})\n\n{body}".strip()


def text_of(company: Company, document: Artefact) -> str:
    """A document as its file: prose begins with its title as a heading, source is as it was written."""
    text = str(document["text"] or "")
    if PurePosixPath(str(document["path"])).suffix in PROSE:
        return f"# {document['title']}\n\n{company.words(text)}\n"
    return text


class Source:
    """One demo's own repository: the world's story, and whatever is pushed and merged after it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.objects = Objects(dict(story.objects.kept))
        self._heads = dict(story.heads)
        self._folder: Path | None = None

    @property
    def heads(self) -> dict[str, str]:
        """Every branch and where it stands."""
        return dict(self._heads) if self._folder is None else heads_of(self._folder)

    @property
    def main(self) -> str:
        """The head of the default branch."""
        return self.heads[MAIN]

    def folder(self) -> Path:
        """The bare repository for git itself, made when it is first asked for and removed at the end."""
        if self._folder is None:
            place = Path(tempfile.mkdtemp(prefix="deus-demo-"))
            weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
            folder = place / "repository.git"
            self.objects.write(folder, self._heads)
            self._folder = folder
        return self._folder

    def find(self, name: str) -> str | None:
        """The commit that a branch, HEAD or the beginning of a hash names; None if there is none."""
        if name in ("HEAD", ""):
            return self.main
        if found := self.heads.get(name.removeprefix("refs/heads/")):
            return found
        if not re.fullmatch(r"[0-9a-f]{7,40}", name):
            return None
        known = [sha for sha, _ in self.story.commits if sha.startswith(name)]
        if known:
            return known[0]
        try:
            return self.objects.read_commit(name).sha
        except KeyError:
            return None

    def log(self, sha: str) -> list[CommitObject]:
        """A commit and what came before it on its first line of parents, newest first."""
        found = [self.objects.read_commit(sha)]
        while found[-1].parents:
            found.append(self.objects.read_commit(found[-1].parents[0]))
        return found

    def files(self, commit: str) -> dict[str, Entry]:
        """The files of a commit by path."""
        return self.objects.files(self.objects.read_commit(commit).tree)

    def base(self, head: str) -> str:
        """Where a branch left the default one."""
        main = {one.sha for one in self.log(self.main)}
        return next(one.sha for one in self.log(head) if one.sha in main)

    def ahead(self, head: str) -> list[CommitObject]:
        """The commits of a branch that are not on the default one, oldest first."""
        main = {one.sha for one in self.log(self.main)}
        return [one for one in self.log(head) if one.sha not in main][::-1]

    def merge(self, head: str, name: str, email: str, at: datetime, message: str) -> str:
        """Puts what a branch changed on the default one, as one commit."""
        base, tip, files = self.files(self.base(head)), self.files(head), self.files(self.main)
        for path in {*base, *tip}:
            if base.get(path) != tip.get(path):
                files.pop(path, None)
                files |= {path: tip[path]} if path in tip else {}
        made = self.objects.commit(self.objects.tree(files), (self.main,), name, email, at, message)
        self._heads[MAIN] = made
        if self._folder is not None:
            set_head(self._folder, MAIN, made)
        return made


def applied(lines: Sequence[str], patch: str) -> list[str] | None:
    """The lines after a patch as code hosts show one; None if it is cut short, or is not of these lines."""
    found, drift, read = list(lines), 0, False
    parts = patch.split("\n")
    while parts:
        head = _HUNK.match(parts.pop(0))
        if head is None:
            return None
        start, old, new = int(head[1]), int(head[2] or 1), int(head[4] or 1)
        body: list[str] = []
        while parts and not _HUNK.match(parts[0]):
            body.append(parts.pop(0))
        was = [line[1:] for line in body if not line.startswith("+")]
        will = [line[1:] for line in body if not line.startswith("-")]
        at = max(start - 1, 0) + drift
        if len(was) != old or len(will) != new or found[at : at + old] != was:
            return None
        found[at : at + old] = will
        drift += new - old
        read = True
    return found if read else None


def _events(company: Company) -> list[tuple[datetime, Artefact]]:
    documents = [one for one in company.of_kind("document") if one["path"] and one.at]
    merged = ((one.time("merged"), one) for one in company.of_kind("pull_request"))
    found = [(at, one) for at, one in merged if at is not None and at <= company.now]
    return found + [(one.at, one) for one in documents if one.at is not None]


def _after(company: Company, objects: Objects, files: Mapping[str, Entry], artefact: Artefact) -> dict[str, Entry]:
    """The files after a document was added, or after a pull request as far as the world gives it in full."""
    found = dict(files)
    if artefact.kind == "document":
        path = str(artefact["path"])
        return found | {path: Entry(FILE, objects.put("blob", text_of(company, artefact).encode()))}
    for file in artefact["files"] or ():
        path, patch = str(file["path"]), str(file.get("patch") or "")
        there = objects.read(found[path].sha)[1].decode() if path in found else ""
        lines = applied(there.removesuffix("\n").split("\n") if there else [], patch)
        if lines is not None:
            found[path] = Entry(FILE, objects.put("blob", ("\n".join(lines) + "\n").encode()))
    return found


def _first_files(company: Company, objects: Objects) -> dict[str, Entry]:
    """What the repository holds beside the world's own files, where one comes with the product."""
    folder = Path(str(resources.files("app.demo").joinpath("worlds", company.world)))
    if not re.fullmatch(r"[\w-]+", company.world) or not folder.is_dir():
        return {}
    own = {str(document["path"]) for document in company.of_kind("document")}
    found: dict[str, Entry] = {}
    for place in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = place.relative_to(folder).as_posix()
        if path not in own:
            mode = EXECUTABLE if path.endswith(".sh") else FILE
            found[path] = Entry(mode, objects.put("blob", place.read_bytes()))
    return found


def _author(company: Company, person: str | None) -> tuple[str, str]:
    """Whose name stands on a commit: the person's, or the first one's where nobody is named."""
    member = company.member(person) if person else next(iter(company.people), None)
    if member is None:
        login = person or "ghost"
        return login, f"{login}@users.noreply.github.com"
    return member.name, member.email
