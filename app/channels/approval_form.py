"""A write's arguments as a form: one field each with its description, and what was filled in back as arguments. Pure.

The form only words what the verb says of itself; whether the arguments are right the verb judges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tools.kit.errors import BadArgument
from tools.kit.tool import Write, verbs

LONG = 60


def fields(verb: str, args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The verb's fields: {name, label, help, kind, choices, value, required}; empty for a verb that is not known.

    `kind` is line, text, choice, flag, number, list (one a line) or json; `value` is what stands in the form.
    """
    known = verbs(Write).get(verb)
    if known is None:
        return []
    schema = _schema(known)
    needed = set(schema.get("required", ()))
    found = []
    for name, said in schema.get("properties", {}).items():
        shape, optional = _shape(said, schema.get("$defs", {}))
        value, kind = args.get(name), _kind(shape, args.get(name), name in known.body)
        choices = [str(one) for one in shape.get("enum", ())]
        if kind == "flag":
            choices = ["yes", "no"]
        found.append(
            {
                "name": name,
                "label": name.replace("_", " "),
                "help": str(said.get("description") or ""),
                "kind": kind,
                "choices": choices if name in needed or not optional else ["", *choices] if choices else [],
                "value": _shown(value, kind),
                "required": name in needed,
            }
        )
    return found


def arguments(verb: str, filled: Mapping[str, Any]) -> dict[str, Any]:
    """What was filled in, as arguments of the verb; empty fields are left out. Raises BadArgument for what is no value
    of its kind."""
    given: dict[str, Any] = {}
    known = {field["name"]: field for field in fields(verb, {})}
    for name, raw in filled.items():
        field = known.get(name)
        if field is None:
            raise BadArgument(f"{verb} takes no {name}.")
        # Browsers end lines of a form with a carriage return as well.
        said = str(raw).replace("\r\n", "\n")
        if not said.strip():
            continue
        given[name] = _parsed(field["kind"], name, said)
    return given


@cache
def _schema(verb: type[Write]) -> dict[str, Any]:
    return verb.model_json_schema()


def _shape(said: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What a field takes besides nothing, and whether nothing is fine."""
    options = [one for one in said.get("anyOf", (said,)) if one.get("type") != "null"]
    optional = len(options) < len(said.get("anyOf", (said,)))
    shape = options[0] if len(options) == 1 else {}
    if "$ref" in shape:
        shape = defs.get(str(shape["$ref"]).rpartition("/")[2], {})
    return shape, optional


def _kind(shape: Mapping[str, Any], value: Any, content: bool) -> str:
    if "enum" in shape:
        return "choice"
    kind = shape.get("type")
    if kind == "boolean":
        return "flag"
    if kind in ("number", "integer"):
        return "number"
    if kind == "array" and shape.get("items", {}).get("type") == "string":
        return "list"
    if kind == "string":
        long = isinstance(value, str) and ("\n" in value or len(value) > LONG)
        return "text" if long or (content and "maxLength" not in shape) or shape.get("maxLength", 0) > 999 else "line"
    return "json"


def _shown(value: Any, kind: str) -> str:
    if value is None:
        return ""
    if kind == "flag":
        return "yes" if value else "no"
    if kind == "list":
        return "\n".join(str(one) for one in value)
    if kind == "json":
        return json.dumps(value, ensure_ascii=False) if value not in ({}, [], ()) else ""
    return str(value)


def _parsed(kind: str, name: str, said: str) -> Any:
    if kind == "list":
        return [line.strip() for line in said.splitlines() if line.strip()]
    if kind == "flag":
        return {"yes": True, "no": False, "true": True, "false": False}.get(said.strip().lower(), said)
    if kind in ("number", "json"):
        try:
            return json.loads(said)
        except ValueError:
            shape = "a number" if kind == "number" else 'JSON, such as {"country": "DE"}'
            raise BadArgument(f"{name.replace('_', ' ')} has to be {shape}.") from None
    return said if kind == "text" else said.strip()
