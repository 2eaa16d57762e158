"""PDF → title and text, page by page, within bounds of pages and time."""

from __future__ import annotations

import io
import logging
import time

from app.ingest.document import MOST_CHARACTERS, CannotRead
from app.ingest.plain import tidy

MOST_PAGES = 1000
MOST_SECONDS = 60.0


def pdf_text(content: bytes) -> tuple[str, str]:
    """The title and the text of a document. Raises CannotRead for one that is encrypted, broken or only pictures."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    # It warns of every oddity of a file, of which there are many, and none that the reader could mend.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    until = time.monotonic() + MOST_SECONDS
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise CannotRead("it is encrypted")
        pages: list[str] = []
        size = 0
        for page in reader.pages[:MOST_PAGES]:
            if time.monotonic() > until or size > MOST_CHARACTERS:
                break
            pages.append(page.extract_text() or "")
            size += len(pages[-1])
        title = str((reader.metadata or {}).get("/Title") or "")
    except CannotRead:
        raise
    except RecursionError as error:
        raise CannotRead("its structure is broken") from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        # Broken files surface as whatever pypdf tripped over.
        raise CannotRead(f"it is no PDF that can be read ({type(error).__name__})") from error
    text = tidy("\n\n".join(page.strip() for page in pages))
    if not text.strip():
        raise CannotRead("it has no text, perhaps only pictures of pages")
    return " ".join(title.split())[:200], text
