"""Whether a question is about files: those that came with it, or those that were looked into just before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.ports import Past, Situation
from agents.programs.table_question import mentions
from agents.programs.table_values import Column

PLAYBOOK = "analyse_file"
_FILE = re.compile(
    r"\b(?:files?|csvs?|tsv|spreadsheets?|tables?|columns?|rows?|dataset|upload(?:ed)?|attachment|datei|tabelle|spalten?|"
    r"zeilen?|archivo|hoja|tabla|columnas?|filas?)\b",
    re.IGNORECASE,
)


def goes_on(situation: Situation) -> bool:
    """Whether a question without files goes on about those of the run before: it names one of their columns, or says
    that a file is meant."""
    if situation.turn.files or not situation.files or not situation.answered:
        return False
    last = situation.answered[-1]
    if last.plan.playbook != PLAYBOOK:
        return False
    text = situation.turn.text
    words = re.findall(r"[^\W_]+", text.lower())
    return bool(_FILE.search(text) or mentions(words, list(_columns(last))))


def _columns(past: Past) -> Iterator[Column]:
    """The columns that the last run told of; a name of one or two letters may stand in any sentence."""
    for item in past.evidence:
        for record in item.content:
            if record.get("kind") == "table" and record.get("part") == "columns":
                for row in record.get("rows") or ():
                    if row and len(str(row[0])) > 2:
                        yield Column(str(row[0]), str(row[1]), ())
