"""What a sentence is about, once question words, verbs of asking, times and refs are taken off: words to search for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.planners.glossary import bare

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
_LIGHT = frozenset(["new", "the", "my", "our"])
_WORD = re.compile(r"#?[^\W_]+(?:[-./'’][^\W_]+)*")
_TITLE = re.compile(r"^[^:]{3,60}:\s+(?P<rest>.{3,})$", re.DOTALL)


def find(text: str, taken: Iterable[str] = ()) -> str | None:
    """The remaining words in their order and spelling, or all that follows a colon; None where nothing remains."""
    titled = _TITLE.match(text.strip())
    if titled:
        return titled["rest"].strip().rstrip(".")
    rest = text
    for phrase in sorted(filter(None, taken), key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(phrase)}(?:['’]s)?(?!\w)", " ", rest, flags=re.IGNORECASE)
    kept = [word for word in _WORD.findall(rest) if not _is_stop(word)]
    while kept and kept[0].lower() in _LIGHT:
        kept.pop(0)
    return " ".join(kept) or None


def _is_stop(word: str) -> bool:
    folded = bare(word).replace("’", "'").removesuffix("'s")
    return folded in _STOP or (len(folded) == 1 and not folded.isdigit())
