# Four commands for every day (run, test, check, fix), and the proofs. Everything they install stands in .venv, at the
# versions of requirements/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check fix simulate soak mutants fuzz judge bench pictures lock clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
CONFIG ?= config.example.yaml
ARGS ?=
SEEDS ?= 200
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps
RUNS := .venv/.installed-to-run
DEVELOPS := .venv/.installed-to-develop
JUDGES := .judges/installed
MUTANTS := .mutants/installed

help:  ## what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/'

run: $(RUNS)  ## serve config.example.yaml on 127.0.0.1:8080
	@exec $(BIN)/alarm-bridge serve -c $(CONFIG)

test: $(DEVELOPS) $(JUDGES)  ## every test (ARGS="-k words" for some)
	@$(BIN)/python -m pytest -n auto --dist load --maxschedchunk 1 $(ARGS)

check: $(DEVELOPS)  ## ruff, mypy, the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: $(DEVELOPS)  ## let ruff mend and format what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

simulate: $(DEVELOPS)  ## run the simulation (SEEDS=10000, ARGS="--first 200")
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

soak: $(DEVELOPS)  ## twenty minutes of kills and faults (ARGS="--seconds 60 --callbacks 5000 --kills 4")
	@$(BIN)/python -m tests.process.soak $(ARGS)

mutants: $(MUTANTS)  ## what the tests of the core and of the delivery half would not notice (ARGS="retry storm" for some)
	@.mutants/venv/bin/python -m tests.mutants $(ARGS)

fuzz: $(DEVELOPS)  ## 200,000 random requests and 5,000 configs (ARGS="--seed S" for the same again)
	@$(BIN)/python -m tests.fuzz $(ARGS)

judge: $(DEVELOPS) $(JUDGES)  ## Slack's messages with every hostile value and every life; `make test` takes a part
	@JUDGE_ALL=1 $(BIN)/python -m pytest -q tests/test_slack_judged.py tests/test_slack_life_table.py $(ARGS)

bench: $(RUNS)  ## compare with Alertmanager (ARGS="--rounds 5")
	@$(BIN)/python -m benchmarks.compare $(ARGS)

pictures: $(DEVELOPS)  ## photograph Slack's messages into docs/pictures (needs chromium, Noto's CJK and emoji fonts, pngquant)
	@$(BIN)/python -m tests.pictures.draw

lock: .venv/bin/python  ## write requirements/ anew from the ranges of pyproject.toml
	@PYTHON=$(BIN)/python bash requirements/lock

clean:  ## remove what the others made
	rm -rf .venv .judges .mutants .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Python 3.11 or later is needed, and `$(PYTHON)` is not that. Try: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; \
		exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null || { rm -rf .venv; \
		echo 'A virtual environment could not be made. On Debian or Ubuntu: apt install python3-venv' >&2; \
		exit 1; }

$(RUNS): requirements/run.txt pyproject.toml | .venv/bin/python
	@echo 'Installing what the bridge needs into .venv …'
	@$(PIP) -r requirements/run.txt
	@$(PIP) --no-build-isolation --editable .
	@touch $@

# What judges Slack's messages comes from npm. Without it the tests that need it are skipped, and say so; CI takes no skip.
$(JUDGES): $(wildcard tests/judges/*.json tests/judges/*.ts tests/judges/*.mjs)
	@mkdir -p .judges && cp $^ .judges/
	@echo 'Installing what judges the messages into .judges …'
	@if command -v npm >/dev/null && npm ci --prefix .judges --ignore-scripts --no-audit --no-fund --loglevel=error; \
		then touch $@; \
		else echo 'npm is missing here or could not install: the tests that need it will be skipped' >&2; fi

$(DEVELOPS): requirements/develop.txt $(RUNS)
	@echo 'Installing what checks and tests need into .venv …'
	@$(PIP) -r requirements/develop.txt
	@touch $@

$(MUTANTS): requirements/run.txt requirements/develop.txt requirements/mutants.txt | .venv/bin/python
	@echo 'Installing what makes mutants, with all that tests need, into .mutants …'
	@rm -rf .mutants && .venv/bin/python -m venv .mutants/venv
	@PIP_DISABLE_PIP_VERSION_CHECK=1 .mutants/venv/bin/python -m pip install --quiet --no-deps $(foreach lock,$^,-r $(lock))
	@touch $@
