"""The public documents as visitors' runs see them: those that answer, each with the passage that does."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from agents.ports import Clock
from app.stores.context import Context
from app.stores.context_text import Piece
from app.stores.fusion import Found
from app.stores.question_words import coverage, question_words
from tools.kit.errors import UserMustMend
from tools.nouns import Document

# A page answers if it is this near to the question in meaning, or if that and the share of the question's words that
# it has come to this together. Where the index of meanings cannot be used, words alone decide.
LEAST_LIKENESS = 0.5
LEAST_TOGETHER = 0.8
LEAST_COVERAGE = 0.5
LONGEST_PASSAGE = 900
_HEADING = re.compile(r"^#+\s+")
_MARKUP = re.compile(r"(\*\*|__|`)(.+?)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
# “Exports (exports.md)”: people are shown the title alone.
_PLACE = re.compile(r"\s+\([^()]*\.\w{1,8}\)$")


class HelpPages:
    """Public documents alone, found in SQL as such. `address` is Deus' own, for pages that are published nowhere."""

    def __init__(self, context: Context, clock: Clock, address: str) -> None:
        self._context = context
        self._clock = clock
        self._address = address

    async def search(self, text: str, limit: int) -> Sequence[Document]:
        """Those that answer the text, best first, each once; none if none does."""
        words = question_words(text)
        documents: dict[str, Document] = {}
        ranked = await self._context.recall_public(text, limit * 2)
        by_meaning = any(found.likeness is not None for found, _ in ranked)
        for found, piece in ranked:
            if answers(words, found, by_meaning=by_meaning) and piece.document not in documents:
                documents[piece.document] = self._document(piece)
        return list(documents.values())[:limit]

    async def still(self, refs: Collection[str]) -> Collection[str]:
        """Those of some documents that visitors may still read."""
        return await self._context.still_public(refs)

    def _document(self, piece: Piece) -> Document:
        url = piece.url if piece.url and piece.url.startswith(("http://", "https://")) else None
        title, *below = piece.title.split(" › ")
        return Document(
            service="help",
            ref=piece.document,
            url=url or f"{self._address}/widget/documents/{piece.document}",
            at=self._clock.now(),
            title=" › ".join((_PLACE.sub("", title), *below)),
            content=passage(piece.text),
        )


class NoHelpPages:
    """Stands in where DEUS_MEMORY is off: says so rather than that nothing was found."""

    async def search(self, text: str, limit: int) -> Sequence[Document]:
        raise UserMustMend("There are no documents to look through.", remedy="Set DEUS_MEMORY=true.")

    async def still(self, refs: Collection[str]) -> Collection[str]:
        return ()


def answers(words: Sequence[str], found: Found, *, by_meaning: bool) -> bool:
    """Whether a piece is worth showing to somebody who asked with these words. Pure."""
    share, likeness = coverage(words, found.words), found.likeness or 0.0
    if not by_meaning:
        return share >= LEAST_COVERAGE
    return likeness >= LEAST_LIKENESS or share + likeness >= LEAST_TOGETHER


def passage(text: str) -> str:
    """A piece's own words without headings and markup, cut at the end of a line or sentence. Pure."""
    bare = _LINK.sub(r"\1", _MARKUP.sub(r"\2", text))
    lines = [line.rstrip() for line in bare.splitlines() if line.strip() and not _HEADING.match(line)]
    kept = "\n".join(lines)
    if len(kept) <= LONGEST_PASSAGE:
        return kept
    cut = kept[:LONGEST_PASSAGE]
    end = max(cut.rfind("\n"), cut.rfind(". ") + 1)
    return cut[: end if end > LONGEST_PASSAGE // 2 else LONGEST_PASSAGE].rstrip() + " …"
