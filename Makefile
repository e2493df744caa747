# Everything a fresh machine needs is Python (3.10 or newer) and make.
PYTHON ?= python3
VENV   := .venv
ORACLE := .venv-oracle
PUBLISHED := .venv-published
PY     := $(VENV)/bin/python
# A worker per core; ARGS="-n 0" runs in one process, as a debugger needs it.
TESTS  := -m pytest -n auto --dist worksteal

.PHONY: demo test lint types unit slow e2e bench oracle published clean
.DELETE_ON_ERROR:

demo: $(VENV)/.run
	$(PY) examples/survey.py $(FOLDER)
	@echo
	$(PY) examples/agent.py $(FOLDER)

test: lint types unit

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

unit: $(VENV)/.dev oracle
	$(PY) $(TESTS) $(ARGS)

slow: $(VENV)/.dev oracle
	$(PY) $(TESTS) -m "slow and not e2e" $(ARGS)

# Real servers; what they need is built or installed once into ~/.cache/otgraph, or where OTGRAPH_CACHE says.
e2e: $(VENV)/.dev
	$(PY) tests/backends/build.py
	$(PY) -m pytest -m e2e $(ARGS)

bench: $(VENV)/.dev oracle
	$(PY) -m benchmarks

# Savers published for LangGraph bring its packages with them, so otgraph meets them in an environment of its own; those
# for PostgreSQL start a server there if one is installed.
published: $(PUBLISHED)/.done
	$(PUBLISHED)/bin/python $(TESTS) tests/published $(ARGS)

# LangGraph runs in an environment of its own: it is an oracle for tests and a peer for benchmarks.
oracle: $(ORACLE)/.done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit(f"otgraph needs Python 3.10 or newer, and {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet -e ".[langchain]"
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet -e ".[dev]"
	touch $@ $(VENV)/.run

$(ORACLE)/.done: tests/parity/requirements.txt
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet --upgrade pip
	$(ORACLE)/bin/python -m pip install --quiet -r tests/parity/requirements.txt
	touch $@

$(PUBLISHED)/.done: tests/published/requirements.txt pyproject.toml
	$(PYTHON) -m venv $(PUBLISHED)
	$(PUBLISHED)/bin/python -m pip install --quiet --upgrade pip
	$(PUBLISHED)/bin/python -m pip install --quiet -e ".[dev,postgres]" -r tests/published/requirements.txt
	touch $@

clean:
	rm -rf .venv* .mypy_cache .ruff_cache
