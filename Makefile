# `make help` lists what there is. Everything installs what it needs first (scripts/prepare).
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
ARGS ?=

.PHONY: help prepare demo up test test-fast lint format lock migrate worker golden bench harms fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

prepare: ## install what is missing: system packages, uv, the locked environment
	@scripts/prepare

demo: prepare ## track the example thread, from mail to verdict and reply; ARGS=--exit stops at the end
	@$(BIN)/reroll demo $(ARGS)

up: prepare ## run it for real: database, web and one worker, by reroll.toml
	@$(BIN)/reroll up $(ARGS)

test: lint test-fast ## every test, the real build and boot included; the fast ones first
	@$(BIN)/pytest -m "kernel or browser or tools" $(ARGS)

test-fast: prepare ## what takes neither kernel, browser nor real builds and archives; some two minutes on two cores
	@$(BIN)/pytest -m "not (kernel or browser or tools)" --numprocesses auto $(ARGS)

lint: prepare ## ruff, mypy, the rule of dependencies
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports

format: prepare ## put the code into its shape
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

lock: ## resolve the dependencies again, with hashes
	@.tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--group dev pyproject.toml -o requirements.lock

migrate: prepare ## bring the database of the settings up to date
	@$(BIN)/reroll db upgrade

worker: prepare ## one worker on the default pool
	@$(BIN)/reroll worker $(ARGS)

golden: prepare ## write the golden files again; read the difference before you commit it
	@$(BIN)/pytest -q -m "not kernel" --rewrite-golden $(ARGS)

bench: prepare ## measure: a warm revision against the same commands by hand, ingest, memory
	@$(BIN)/python -m bench $(ARGS)

harms: prepare ## seeded harms and null revisions through the whole line, for hours; ARGS="oops mended --keep FOLDER"
	@$(BIN)/python -m bench.harms $(ARGS)

fuzz: prepare ## mutated mails and logs: no exception, each mail accounted for, bounded time; ARGS="--mails 100000"
	@$(BIN)/python -m bench.fuzz $(ARGS)

clean: ## remove the environment; state and caches stay
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache
