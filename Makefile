# Two commands are all a newcomer needs: `make quickstart` and `make test`. `make help` lists the rest.
# Paths are relative throughout, so that a checkout may lie in a folder with spaces.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first interpreter that is new enough; `make PYTHON=… test` takes another.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$candidate"; break; }; done)
BIN := .venv/bin
PIP := -m pip install --quiet --quiet --disable-pip-version-check
# `no-build-isolation`: the build backend is one of the pinned requirements, nothing unpinned is fetched.
THIS_PACKAGE := --no-deps --no-build-isolation --editable .

.PHONY: help
help: ## Lists what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# -------------------------------------------------------------------------------------- for newcomers

.PHONY: quickstart
quickstart: .make/runtime ## Generates, publishes and verifies a key set over three regions, in the folder quickstart/
	@mkdir -p quickstart
	$(BIN)/rotator --config configs/quickstart.yaml apply --yes
	$(BIN)/rotator --config configs/quickstart.yaml verify
	$(BIN)/rotator --config configs/quickstart.yaml status

.PHONY: test
test: .make/dev servers ## Runs every check: lint, types, layers, all tests, coverage
	@$(BIN)/python -m scripts.checks all

.PHONY: check
check: .make/dev ## Runs the fast ones: lint, types, layers, tests that take no servers' time
	@$(BIN)/python -m scripts.checks fast

.PHONY: fix
fix: .make/dev ## Formats the code and repairs what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# ---------------------------------------------------------------------------------------- environments

.make/python:
	@command -v "$(or $(PYTHON),none)" >/dev/null || { echo "rotator needs Python 3.11 or later, and there is no $(or $(PYTHON),such interpreter) here. Install it, or say where it is: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"rotator needs Python 3.11 or later; $(PYTHON) is {v.major}.{v.minor}")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@mkdir -p .make && touch $@

$(BIN)/python: | .make/python
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv

# The locks are whole, so nothing is resolved: pip would look past the pins for a newer release of an extra.
.make/runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing rotator and what it needs into .venv"
	@$(BIN)/python $(PIP) --no-deps --require-hashes -r requirements/runtime.txt
	@$(BIN)/python $(PIP) $(THIS_PACKAGE)
	@touch $@

.make/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing rotator and the tools that check it into .venv"
	@$(BIN)/python $(PIP) --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/python $(PIP) $(THIS_PACKAGE)
	@touch $@ .make/runtime

# The servers and libraries of other languages that tests talk to. What cannot be had is named and its tests are left
# out; with CI=true that is a failure.
.PHONY: servers
servers: .make/dev
	@scripts/servers.sh

# ----------------------------------------------------------------------------------------- maintenance

LOCK := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)

.PHONY: lock
lock: | .make/python ## Pins all requirements anew (LOCK_FLAGS=--upgrade for newer ones)
	@[ -x .venv-lock/bin/uv ] || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python $(PIP) uv; }
	$(LOCK) pyproject.toml requirements/build.in --output-file requirements/runtime.txt
	$(LOCK) pyproject.toml --extra dev requirements/build.in --constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(LOCK) requirements/ministack.in --output-file requirements/ministack.txt
	$(LOCK) requirements/servers.in --output-file requirements/servers.txt
	cd tests/node && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

.PHONY: clean
clean: ## Removes everything that make created
	rm -rf .make .venv .venv-ministack .venv-servers .venv-lock tests/node/node_modules quickstart reports
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* dist build
