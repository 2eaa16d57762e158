"""What a sentence is about, once question words, verbs of asking, times and refs are taken off: words to search for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.planners.glossary import bare, language, meaning

_STOP_WORDS = (
    "a an the and or but of to in on at for by with from into about around after before since until between over "
    "under through during is are was were be been being am do does did done has have had having can could should "
    "would will shall may might must what whats what's why who whom whose which how hows where wheres when i we "
    "you he she it they me us him her them my our your his its their this that these those there here some any "
    "all every each no not none yet still already just now right currently anymore again so as than then too also "
    "please pls plz tell show give list find search look get got let need want know see check explain send link "
    "if whether up out off down going gone go went come came comes happen happens happened happening affected "
    "affect affects affecting impacted impact hit hits touch touches suffer suffering suffers concern complained "
    "complain complaining reported report customers customer clients client accounts account users user people "
    "companies company anyone anybody someone somebody everyone paying enterprise big many much document "
    "documents doc docs documentation runbook guide decision decisions decide decided notes note spec written "
    "wrote write read policy process wait waits waiting waited blocked block blocks blocking blocker blockers "
    "hold holding holds stuck milestone finish finishing left missing remaining remain remains status state "
    "progress stand stands update news latest wrong matter broken working works work fix fixed fixes fixing "
    "repair solve resolve resolved escalate escalated escalating raise notify alert team create created file open "
    "opens add log make made put ticket tickets issue issues task tasks new-ish because bring brought introduced "
    "introduce which-bug code patch pull request pr prs implement handle debug agent last next week weeks month "
    "months today yesterday tomorrow day days hour hours night morning der die das den dem des ein eine einen "
    "einem einer und oder aber von vom zu zum zur im auf aus bei beim mit nach seit fur uber um durch ist sind "
    "war waren wird wurde wurden hat haben kann kannst konnen soll sollen muss wer wen wem wie wo wann warum "
    "wieso welche welcher welches welchen ich du wir uns mir mich unser unsere unserem mein es gibt man bitte "
    "nicht noch schon kunden kunde nutzer betroffen betrifft trifft zeig finde such suche dokumente entscheidung "
    "entscheidungen entschieden anleitung doku los stimmt behoben behebe repariere reparieren fixe erstelle leg "
    "lege anlegen neues eskaliere eskalieren worauf woran wartet fehlgeschlagen el la las un una unos unas y o "
    "pero de del al en con por para desde hasta entre sobre son esta estan fue ha han hay que quien quienes cual "
    "cuales como donde cuando cuantos cuantas yo mi nos nuestro nuestra tu te se lo le su ya mas clientes cliente "
    "usuarios usuario afecta afectan afectados busca encuentra muestra documentos documentacion decidimos decidio "
    "decisiones guia estado arregla corrige repara crea abre tarea escala pasa paso "
)
_STOP = frozenset(_STOP_WORDS.split())
# What stays without sense even where a sentence says "about …": there the words of the trade are what it is about.
_EMPTY_TEXT = (
    "a an the and or but of to in on at for by with from about is are was were be been do does did has have had "
    "what who which how where when i we you he she it they me us him her them my our your his its their this that "
    "these those there here some any all please last next week weeks month months today yesterday tomorrow der die "
    "das den dem des ein eine einen einem einer und oder von vom zu zum zur im unser unsere unserem el la las los "
    "un una unos unas y o de del al en con nuestro nuestra"
)
_EMPTY = frozenset(_EMPTY_TEXT.split())
_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|über|sobre|acerca de|respecto a|a respeito d[eao]s?|à propos d(?:es?|u)|"
    r"au sujet d(?:es?|u))\s+(?P<rest>(?!(?:an?|half|\d+)\b[^?]*\b(?:hours?|days?|weeks?|percent|ago)\b|\d).+)",
    re.IGNORECASE | re.DOTALL,
)
_LIGHT = frozenset(["new", "the", "my", "our"])
_WORD = re.compile(r"#?[^\W_]+(?:[-./'’][^\W_]+)*")
_TITLE = re.compile(r"^[^:]{3,60}:\s+(?P<rest>.{3,})$", re.DOTALL)


def find(text: str, taken: Iterable[str] = ()) -> str | None:
    """The remaining words in their order and spelling, or all that follows a colon; None where nothing remains.

    After "about" the words of the trade remain too: a document "about escalating bugs" is about just that.
    """
    titled = _TITLE.match(text.strip())
    if titled:
        return titled["rest"].strip().rstrip(".")
    rest = text
    for phrase in sorted(filter(None, taken), key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(phrase)}(?:['’]s)?(?!\w)", " ", rest, flags=re.IGNORECASE)
    tongue = language(text)
    about = _ABOUT.search(rest)
    kept = [word for word in _WORD.findall(about["rest"]) if not _is_in(_EMPTY, word, tongue)] if about else []
    if not any(not _is_in(_STOP, word, tongue) for word in kept) and len(kept) < 2:
        kept = [word for word in _WORD.findall(rest) if not _is_in(_STOP, word, tongue)]
    while kept and kept[0].lower() in _LIGHT:
        kept.pop(0)
    return " ".join(kept) or None


def _is_in(words: frozenset[str], word: str, tongue: str) -> bool:
    """Whether a word is one of those, by itself or by what it means."""
    folded = bare(word).replace("’", "'").removesuffix("'s")
    if folded in words or (len(folded) == 1 and not folded.isdigit()):
        return True
    english = meaning(word, tongue).lower().split() if tongue in ("pt", "fr") else []
    return bool(english) and all(part in words for part in english)
