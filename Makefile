# Everything that a person runs. `make` alone explains itself.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo serve chat check format test bench docs lock clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Install everything into .venv

demo: .venv/.installed ## Install everything and answer a question from real PDFs
	@$(BIN)/cmo demo

serve: .venv/.installed ## Serve the page and the API on 127.0.0.1:8000
	@$(BIN)/cmo serve

chat: .venv-chat/.installed ## Chat in the browser on 127.0.0.1:8001, over the service (begun if none runs)
	@.venv-chat/bin/cmo chat

check: .venv/.developing ## Format, lint, types and import contracts, in seconds
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.developing ## Let the formatter and the linter mend what they can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test: .venv/.developing ## Run the tests, a file at a time on each of up to four cores
	@$(BIN)/cmo models install
	@$(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile

bench: .venv/.developing ## Measure speed and quality beside other systems (long)
	@$(BIN)/python bench/run.py

docs: .venv/.developing ## Write the reference pages, alerts and dashboards anew from the code
	@$(BIN)/python tools/reference.py
	@$(BIN)/python tools/watching.py

lock: .venv/.developing ## Resolve the dependencies anew into the lock files
	@sh tools/lock.sh

clean: ## Remove what was made, but not your knowledge base
	rm -rf .venv .venv-chat .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out

.venv/.installed: requirements.lock
	@sh tools/install.sh $(PYTHON) requirements.lock
	@touch $@

.venv-chat/.installed: requirements-chat.lock
	@sh tools/install.sh $(PYTHON) requirements-chat.lock .venv-chat
	@touch $@

.venv/.developing: requirements-dev.lock
	@sh tools/install.sh $(PYTHON) requirements-dev.lock
	@touch $@ .venv/.installed
