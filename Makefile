# Needs Python 3.11 or newer with venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
BENCHES := startup overhead critical_path retrieval intents changepoints attribution petshop drops causes worlds \
	agentdojo injections approvals channels sandbox

# Where the shell forbids caches of compiled modules, each process would compile its libraries anew: seconds a start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup bubblewrap run check test chaos bench clean

help: ## show what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/code ## make the environment in .venv, and the one of sandboxes, from uv.lock

.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Deus needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo "Python lacks venv. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making the environment in .venv (once)…"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/ready: .venv/uv uv.lock pyproject.toml
	@$(BIN)/uv sync --frozen --no-dev --inexact --quiet
	@touch $@

.venv/dev: .venv/ready
	@$(BIN)/uv sync --frozen --inexact --quiet
	@touch $@

# What code in sandboxes works with. `make run` does not wait for it: Deus makes it once it is up.
.venv/code: .venv/ready
	@$(BIN)/deus sandbox prepare && touch $@ || echo "Deus runs without it; code tasks will be refused."

# Code runs in sandboxes or not at all. Deus itself says what to do where this cannot install them.
bubblewrap:
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0; \
		echo "Installing bubblewrap, for sandboxes (once)…"; apt-get update -qq >/dev/null 2>&1; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap >/dev/null 2>&1 || \
		echo "bubblewrap could not be installed; Deus runs, code tasks will be refused."; }

run: .venv/ready bubblewrap ## start Deus on http://127.0.0.1:8000 with the demo company
	@$(BIN)/deus demo

check: .venv/dev ## lint, format, types and import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/mypy

test: .venv/dev .venv/code ## run all tests
	@$(BIN)/pytest -q -n 3 --dist loadfile

chaos: .venv/dev ## kill and freeze workers under 400 runs, and print what came of it
	@$(BIN)/python -m tests.chaos

bench: .venv/dev ## print every measured figure beside its bound
	@missed=""; for name in $(BENCHES); do echo "== $$name"; $(BIN)/python -m bench.$$name || missed="$$missed $$name"; done; \
		[ -z "$$missed" ] || { echo "Bounds missed in:$$missed"; exit 1; }

clean: ## remove the environment and caches; keeps data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
