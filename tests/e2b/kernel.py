"""A kernel as the code interpreter of E2B has one: cells come as lines of JSON, what they make goes out as such."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
import time
import traceback
from typing import Any

REPRESENTATIONS = {"html": "_repr_html_", "png": "_repr_png_", "data": "_repr_data_"}
OUT = sys.stdout
space: dict[str, Any] = {"__name__": "__main__"}


class Stream(io.TextIOBase):
    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        say(type=self.name, text=text, timestamp=time.time_ns())
        return len(text)


def say(**told: Any) -> None:
    OUT.write(json.dumps(told) + "\n")
    OUT.flush()


def display(value: Any, main: bool = False) -> None:
    told: dict[str, Any] = {"text": repr(value)}
    for name, method in REPRESENTATIONS.items():
        if hasattr(value, method):
            made = getattr(value, method)()
            told[name] = base64.b64encode(made).decode() if isinstance(made, bytes) else made
    say(type="result", is_main_result=main, **told)


def run(code: str) -> None:
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)  # noqa: S102
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)  # noqa: S307
        if value is not None:
            display(value, main=True)


space["display"] = display
for number, line in enumerate(sys.stdin, 1):
    try:
        with contextlib.redirect_stdout(Stream("stdout")), contextlib.redirect_stderr(Stream("stderr")):
            run(json.loads(line)["code"])
    except Exception as error:  # noqa: BLE001 - whatever a cell raises is told
        say(type="error", name=type(error).__name__, value=str(error), traceback=traceback.format_exc())
    say(type="number_of_executions", execution_count=number)
    say(type="end_of_execution")
