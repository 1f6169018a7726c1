# Everything a fresh machine with Python 3.11 and pip needs: `make race`, `make test`.
PYTHON ?= python3
DATA ?= digits
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-dev race test check bench clean
.DELETE_ON_ERROR:

setup: $(VENV)/.ready

setup-dev: $(VENV)/.ready-dev

$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steepest needs Python 3.11 or newer; give it as PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@

# Races every optimizer on a built-in real table, or on DATA=your.csv with ARGS='--target COL'.
race: setup
	$(BIN)/steepest race $(DATA) $(ARGS)

test: setup-dev check
	$(BIN)/python -m pytest -n 2

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Peers side by side; prints a table a script and one line a claim. About two hours on two cores.
bench: setup-dev
	$(BIN)/python bench/run_all.py

clean:
	rm -rf $(VENV) build *.egg-info src/*.egg-info
