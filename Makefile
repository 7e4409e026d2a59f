# Seven Encounters: `make` alone lists what there is. Needs python3 (3.11 or newer) with venv, and make; all else is fetched by checksum.

PYTHON ?= python3
ONCE ?=
UPGRADE ?=
ARGS ?=
BIN := .venv/bin
LOCKS := requirements-setup.lock requirements-dev.lock
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

export UV_HTTP_RETRIES ?= 8
export UV_HTTP_TIMEOUT ?= 120

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench bench-engine lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name about; do \
		printf '  make %-14s %s\n' "$$name" "$$about"; done

setup: .venv/.compiled ## install everything into .venv, by checksum; leaves the command at .venv/bin/encounters

demo: setup ## start the product and plan a year for an invented hub; ONCE=1 ends after the summary
	$(BIN)/encounters demo $(if $(ONCE),--once)

test: setup ## run all tests, two files at a time, on a real Kafka and PostgreSQL; ARGS="-k name" chooses
	$(BIN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: setup ## check format, style, types and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure the ring of services beside its floor
	$(BIN)/python -m tests.benchmarks.bench_ring $(ARGS)

bench-engine: setup ## measure the planner beside its peers and bounds; FULL=1 for the whole matrix
	$(BIN)/python -m tests.benchmarks.bench_engine $(ARGS)

lock: $(BIN)/uv ## write all locks anew from pyproject.toml; UPGRADE=1 takes the newest allowed versions
	$(COMPILE) pyproject.toml --all-extras --group dev --group setup --output-file requirements-dev.lock
	$(COMPILE) --group setup --constraints requirements-dev.lock --output-file requirements-setup.lock
	$(COMPILE) pyproject.toml --constraints requirements-dev.lock --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra matching --constraints requirements-dev.lock --output-file requirements-matching.lock
	cd deploy/kafka && ../../$(BIN)/jgo lock

clean: ## remove .venv, caches and the embedded product's data
	rm -rf .venv .state .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv: requirements-setup.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with PYTHON=..." if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 8 --timeout 60 --require-hashes --no-deps -r $<
	@touch $@

# Bytecode is written here, once: where the environment forbids Python to do so, every process would spend two seconds on it.
.venv/.complete: $(BIN)/uv $(LOCKS) pyproject.toml deploy/kafka/jgo.lock.toml
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q services shared
	$(BIN)/python -m services.command.embedded
	@touch $@

# Machine code is good for the very sources that it was made from: after a change of these it is made anew.
.venv/.compiled: .venv/.complete $(shell find services/matching/planning -name '*.py')
	$(BIN)/python -m services.matching.planning.warm
	@touch $@
