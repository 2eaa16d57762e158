"""Event names of other languages than English, held against English and against sentences as they were written."""

from __future__ import annotations

from agents.planners.glossary import bare, meaning

# How far a step has come, as event names of other languages say it, without accents.
_STAGES = {
    word: english
    for english, foreign in (
        ("started", "begonnen gestartet angefangen iniciado iniciada comenzado comenzada empezado empezada comecado"),
        ("sent", "gesendet verschickt abgeschickt enviado enviada envoye envoyee"),
        ("completed", "abgeschlossen fertig completado completada terminado terminada finalizado finalizada concluido"),
        ("created", "erstellt angelegt creado creada criado criada hecho hecha"),
        ("sold", "verkauft vendido vendida vendu vendue"),
        ("opened", "geoeffnet geoffnet aberto aberta abierto abierta"),
    )
    for word in foreign.split()
}
_TONGUES = ("de", "es", "pt", "fr")


def in_english(word: str) -> str:
    """A word of an event's name in English where it is one of the other languages; itself otherwise."""
    plain = bare(word)
    if plain in _STAGES:
        return _STAGES[plain]
    return next((said for tongue in _TONGUES if bare(said := meaning(word, tongue)) != plain), word)


def inflected(noun: str, word: str) -> bool:
    """Whether a word is the noun with a short ending of its own, as "anfragen" is of "anfrage"."""
    root = noun.rstrip("aeo")
    return len(root) > 4 and word.startswith(root) and len(word) - len(root) <= 3
