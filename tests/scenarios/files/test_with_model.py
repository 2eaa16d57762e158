"""A model writes a program for what no verb computes; what the program did not compute is not shown."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxes import needs_bubblewrap
from tests.scenarios.files.sales import artifacts, ask, sales, upload
from tests.scenarios.model.scripted import Say, serving
from tests.scenarios.playbooks.company import company_of

pytestmark = [
    needs_bubblewrap,
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    # It keeps its connections for as long as the process lives, beyond the loop of one test.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

WRONG = "import csv\nprint(undefined_name)"
RIGHT = """
import csv, json
index = json.load(open("/evidence/index.json"))
rows = list(csv.DictReader(open(index["steps"][0]["csv"])))
limit = 1000
over = [row for row in rows if float(row["mrr"] or 0) > limit]
print("customers in all:", len(rows))
print("customers over the limit of 1000:", len(over))
with open("/home/user/out/over.csv", "w") as out:
    writer = csv.writer(out)
    writer.writerow(["customer", "mrr"])
    writer.writerows([[row["name"], row["mrr"]] for row in over])
"""


def lines(*objects: dict[str, Any]) -> Say:
    return Say(["\n".join(json.dumps(one) for one in objects)])


async def test_how_many_customers_would_the_new_limit_hit(acme: Path) -> None:
    plan = lines(
        {"id": "s1", "verb": "customers.find", "args": {"limit": 500}, "why": "who pays what"},
        {"id": "s2", "verb": "code.run", "args": {"code": WRONG, "records": ["$s1"]}, "why": "who is over the limit"},
    )
    again = lines({"id": "s3", "verb": "code.run", "args": {"code": RIGHT, "records": ["$s1"]}, "why": "mended"})
    enough = lines({"enough": True})

    # What is right can only be known when the company has been read: the model's words are made from its evidence.
    async with serving([plan, again, enough]) as model:
        environment = {"DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": model.url}

        def answer_from(prompt: str) -> list[dict[str, Any]]:
            printed = prompt.split("customers over the limit of 1000: ")[1]
            over = int(printed.split("\\n")[0])
            named = next(line for line in prompt.splitlines() if line.startswith("e") and "code.run" in line).split()[0]
            return [
                {"text": f"{over} customers are over the new limit.", "kind": "computed", "evidence": [named]},
                {"text": f"{over + 1} customers are over the new limit.", "kind": "computed", "evidence": [named]},
                {"text": "12345 customers were counted.", "kind": "computed", "evidence": [named]},
            ]

        scripted = model.next

        def after_the_program() -> Say:
            return lines(*answer_from(model.asked[-1]["messages"][0]["content"])) if not model.script else scripted()

        model.next = after_the_program  # type: ignore[method-assign]

        def run() -> Any:
            with company_of(acme, environment) as company:
                document = ask(company, "how many customers would the new limit of $1000 hit?")
                return document, artifacts(company, document["run"]), company.events(document["run"])

        document, shown, events = await asyncio.to_thread(run)
    assert document["status"] == "answered", document
    assert [(step["verb"], step["state"]) for step in document["plan"]] == [
        ("customers.find", "done"), ("code.run", "failed"), ("code.run", "done"),
    ]  # fmt: skip
    assert [claim["text"].split(" ", 1)[1] for claim in document["claims"]] == ["customers are over the new limit."]
    assert "12345" not in document["answer"]
    assert [one["kind"] for one in shown] == ["code", "code", "table"]
    assert "undefined_name" in json.dumps(model.asked[1]["messages"])
    ended = [event.data for event in events if event.kind == "call.finished" and event.data["service"] == "sandbox"]
    assert [one["ok"] for one in ended] == [False, True]
    assert "NameError" in ended[0]["error"]


async def test_a_program_reads_a_file_and_its_chart_comes_back(acme: Path) -> None:
    pixel = (
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
        "0000000049454e44ae426082"
    )
    code = f"""
import csv, json
path = json.load(open("/evidence/index.json"))["files"][0]["path"]
rows = list(csv.DictReader(open(path)))
print("total of amount:", sum(float(row["amount"]) for row in rows))
open("/home/user/out/amounts.png", "wb").write(bytes.fromhex("{pixel}"))
open("/home/user/out/page.html", "w").write("<script>alert(1)</script>")
"""
    async with serving([]) as model:
        environment = {"DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": model.url}

        def run() -> Any:
            with company_of(acme, environment) as company:
                file = upload(company, "sales.csv", sales())
                model.script += [
                    lines({"id": "s1", "verb": "code.run", "args": {"code": code, "files": [file]}, "why": "add up"}),
                    lines({"enough": True}),
                    lines(
                        {"text": "The total of amount is 1,170.", "kind": "computed", "evidence": ["e1"]},
                        {"text": "The total of amount is 1,171.", "kind": "computed", "evidence": ["e1"]},
                    ),
                ]
                document = ask(company, "add up the amounts, please", [file])
                shown = artifacts(company, document["run"])
                got = [
                    company.http.get(url) for one in shown if (url := one["data"].get("png") or one["data"].get("url"))
                ]
                return document, shown, got, model.asked[0]["messages"][0]["content"], file

        document, shown, got, prompt, file = await asyncio.to_thread(run)
    assert [claim["text"] for claim in document["claims"]] == ["The total of amount is 1,170."]
    assert sorted(one["kind"] for one in shown) == ["chart", "code", "file"]
    assert file in prompt
    assert "sales.csv" in prompt
    for answered in got:
        assert answered.status_code == 200
        assert answered.headers["content-disposition"].startswith("attachment")
        assert answered.headers["x-content-type-options"] == "nosniff"
    assert {answered.headers["content-type"] for answered in got} == {"image/png", "application/octet-stream"}
