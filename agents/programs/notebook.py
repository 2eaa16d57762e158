"""Runs a program as a notebook does: the last expression is shown, figures are saved, a traceback is the program's own.

Called as `notebook.py PROGRAM OUT`: PROGRAM is the file to run, OUT the folder for what it makes.
"""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from pathlib import Path
from typing import Any

SHOWN = "program.py"


def run(text: str, out: Path) -> int:
    """Runs a program's text; its exit status."""
    linecache.cache[SHOWN] = (len(text), None, text.splitlines(keepends=True), SHOWN)
    space: dict[str, Any] = {"__name__": "__main__", "__file__": SHOWN}
    try:
        tree = ast.parse(text, SHOWN)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, SHOWN, "exec"), space)  # noqa: S102
        if isinstance(last, ast.Expr):
            show(eval(compile(ast.Expression(last.value), SHOWN, "eval"), space), out)  # noqa: S307
        save_figures(out)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001
        told(error)
        return 1
    return 0


def show(value: object, out: Path) -> None:
    """Prints a value; a data frame is kept as a table, too."""
    if value is None:
        return
    keep = getattr(value, "to_csv", None)
    if callable(keep) and not (out / "result.csv").exists():
        keep(out / "result.csv", index=getattr(getattr(value, "index", None), "name", None) is not None)
    print(value)  # noqa: T201


def save_figures(out: Path) -> None:
    """Saves matplotlib's open figures, each with its own words."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if figure.get_axes():
            figure.savefig(out / f"figure_{number}.png", dpi=110, bbox_inches="tight")
            (out / f"figure_{number}.alt").write_text(words(figure), encoding="utf-8")


def words(figure: Any) -> str:
    """A figure's titles and what its axes say."""
    said: list[str] = [figure.get_suptitle()] if hasattr(figure, "get_suptitle") else []
    for axes in figure.get_axes():
        labels = [one for one in (axes.get_ylabel(), axes.get_xlabel()) if one]
        said += [axes.get_title(), " by ".join(labels)]
    return ". ".join(one for one in said if one)


def told(error: BaseException) -> None:
    """Prints the traceback from the program's own first frame on."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename != SHOWN:
        step = step.tb_next
    traceback.print_exception(type(error), error, step)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2])))
