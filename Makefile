# Everything a contributor or operator does with this repository. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev browser up down status demo test unit contract integration e2e bench lint types arch proto proto-check gateway-check fmt clean

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Hand anything on: make up ARGS="--port-base 9100", make unit ARGS="-k dpop"
ARGS ?=

help: ## List what can be made
	@echo "AuthPlane: an OAuth 2.1 authorization server for MCP."
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Start with: make up, then in another terminal: make demo"

setup: ## Python environment for running a plane (.venv, pinned and hashed wheels)
	@deploy/local/setup.sh local

setup-dev:
	@deploy/local/setup.sh dev

up: setup ## Run the whole plane here: Postgres, Redis, Envoy, six services, a demo MCP server (Ctrl-C stops it)
	@$(BIN)/authserver dev $(ARGS)

down: setup ## Stop the plane that runs from .local
	@$(BIN)/authserver dev --stop $(ARGS)

status: setup ## What is running, with URLs, admin key and demo login
	@$(BIN)/authserver dev --status $(ARGS)

demo: setup ## Watch an MCP client get and use a token against the running plane
	@$(BIN)/authserver demo $(ARGS)

browser:
	@tests/support/install_browser.sh

test: setup-dev proto-check lint types arch browser ## Everything, in rising cost
	@$(PYTEST) tests/unit tests/contract tests/integration tests/e2e $(ARGS)

unit: setup-dev ## Tests without any I/O but small processes
	@$(PYTEST) tests/unit $(ARGS)

contract: setup-dev ## Fakes against the real thing, the gateway, the wire
	@$(PYTEST) tests/contract $(ARGS)

integration: setup-dev ## Real Postgres and Redis
	@$(PYTEST) tests/integration $(ARGS)

e2e: setup-dev browser ## A whole plane through Envoy
	@$(PYTEST) tests/e2e $(ARGS)

bench: setup-dev ## Measure the running plane, in units of one ES256 signature
	@$(BIN)/python -m benchmarks $(ARGS)

lint: setup-dev ## ruff, format and rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: setup-dev ## mypy --strict on code and tests
	@$(BIN)/mypy

arch: setup-dev ## Who may import whom (.importlinter)
	@$(BIN)/lint-imports --no-cache

proto: setup-dev ## Rewrite gen/ from proto/
	@proto/generate.sh
	@$(BIN)/buf format -w proto

proto-check: setup-dev ## Fail when gen/ does not match proto/, or a contract breaks the rules
	@drift=$$(mktemp -d); trap 'rm -rf "$$drift"' EXIT; proto/generate.sh "$$drift"; \
	  diff -r -x __pycache__ "$$drift/authserver" gen/authserver >/dev/null || { echo "gen/ does not match proto/: run make proto" >&2; exit 1; }
	@$(BIN)/buf lint proto

gateway-check: setup-dev ## Let Envoy validate the gateway for every place
	@$(PYTEST) tests/contract/test_gateway.py -k envoy_accepts $(ARGS)

fmt: setup-dev ## Format everything
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/buf format -w proto

clean: ## Remove the environment, caches and the local plane's data (stops the plane first)
	@[ ! -x $(BIN)/authserver ] || $(BIN)/authserver dev --stop
	@rm -rf .local .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
