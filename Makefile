# `make help` lists the targets. Every one works from a clean clone; .venv is made when it is missing.
.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export TONGYU_PORT := $(PORT)

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: $(VENV)/run ## Sets everything up and starts the product on http://127.0.0.1:$PORT (8000)
	@exec $(BIN)/tongyu dev

test: $(VENV)/dev lint ## Sets everything up, then checks and tests all of it
	$(BIN)/pytest -n 2 --dist loadgroup

lint: $(VENV)/dev ## Style, strict types, import contracts, drift of generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schema: $(VENV)/dev ## Writes the schema snapshots (graphql_schema/*.graphql)
	$(BIN)/python -m graphql_schema.snapshots

vectors: $(VENV)/dev ## Writes the one code's public test vectors (docs/one-code-vectors.json)
	$(BIN)/python -m backend.onecode.wire.vectors docs/one-code-vectors.json

department-api: $(VENV)/dev ## Writes the department interface that the package carries (from docs/department-api)
	$(BIN)/python -m backend.exchange.department_api.bundle docs/department-api

conformance: $(VENV)/dev ## GraphQL-over-HTTP audits, COSE and Claim 169 vectors against what is built here
	$(BIN)/pytest tests/conformance -v

bench-onecode: $(VENV)/dev ## Measures the one code: verification, issuing, the online scan, memory
	$(BIN)/python -m bench.onecode

lock: $(VENV)/bin/uv ## Resolves the dependencies of pyproject.toml anew into requirements/*.lock
	$(BIN)/uv pip compile pyproject.toml $(LOCK_OPTIONS) -o requirements/serve.lock
	$(BIN)/uv pip compile pyproject.toml --extra embedded $(LOCK_OPTIONS) -o requirements/run.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras $(LOCK_OPTIONS) -o requirements/dev.lock

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

clean: ## Removes what make made, the embedded database and its data too
	rm -rf $(VENV) .tongyu .artefacts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/uv: requirements/uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { .ci/system-packages python3-venv && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

$(VENV)/run: $(VENV)/bin/uv requirements/run.lock pyproject.toml
	@echo "Installing what the product needs…"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/run.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@$(BIN)/python -m backend.core.mongo.embedded || .ci/system-packages libssl3 libcurl4
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.lock
	@echo "Installing what the tests need…"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

.PHONY: help run test lint schema vectors department-api conformance bench-onecode lock clean
