# Xunqun 巡群. `make help` lists what can be done; every target may be called first and called again.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run up run-fleet down status test chaos lint check format bench docs dashboards models lock clean

# Another interpreter: make install PYTHON=/path/to/python3.13
PYTHON ?= python3
# Further arguments: make test ARGS="tests/policies -k ladder", make run ARGS="--port 0"
ARGS ?=
# Folder of the rows to train from: make models DATA=rows (see docs/models.md)
DATA ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --no-input --disable-pip-version-check
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
# Where the interpreter is looked for, first come first served.
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(RUNTIME) ## Make .venv and install Xunqun with its pinned packages.

run: $(RUNTIME) ## Install, then start the whole product with demonstration data; it prints where to look.
	@$(BIN)/xunqun run --demo $(ARGS)

up: $(MADE) ## Start Kafka, Redis, PostgreSQL and Prometheus on this machine, without containers (docs/local-stack.md).
	@$(BIN)/python deploy/local/stack.py up $(ARGS)

run-fleet: $(DEV) ## After `make up`: ingest and a worker over it, with the demo fleet flowing (docs/operate.md).
	@$(BIN)/python deploy/local/fleet.py $(ARGS)

down: $(MADE) ## End what `make up` started; make down ARGS=--wipe removes its data too.
	@$(BIN)/python deploy/local/stack.py down $(ARGS)

status: $(MADE) ## Say which of Kafka, Redis, PostgreSQL and Prometheus run, and where.
	@$(BIN)/python deploy/local/stack.py status $(ARGS) || true

test: $(DEV) ## Install what the tests need and run them.
	@XUNQUN_JARS="$${XUNQUN_JARS:-$$HOME/.cache/xunqun/jars}" $(BIN)/python deploy/local/stack.py prepare \
		|| echo "Without these the tests of the fleet will fail; the others run." >&2
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile)

chaos: $(DEV) ## Strike a fleet under load with every fault; takes half an hour (docs/reliability.md).
	@$(BIN)/python tests/chaos/run.py $(ARGS)

lint: $(DEV) ## Check style (ruff) and types (mypy, strict) of models, policies and classifiers.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run make format." >&2; exit 1; }
	@$(BIN)/mypy

check: lint ## Check style and types, and look up known vulnerabilities of the locked packages (docs/security.md).
	@[ -x $(VENV)/audit/bin/pip-audit ] || { $(BIN)/python -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/python -m pip --no-input --disable-pip-version-check install --quiet 'pip-audit>=2.10'; }
	@$(BIN)/python .ci/audit.py $(VENV)/audit/bin/pip-audit

format: $(DEV) ## Format the code and mend what ruff can mend.
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(DEV) ## Run the benchmarks, one after another.
	@ls benchmarks/[!_]*.py > /dev/null 2>&1 || echo "There are no benchmarks yet."
	@for one in benchmarks/[!_]*.py; do \
		[ ! -e "$$one" ] || { echo "== $$one"; $(BIN)/python "$$one" $(ARGS) || exit 1; }; \
	done

docs: $(DEV) ## Write the tables of docs/settings.md, metrics.md and logs.md anew from their declarations.
	@$(BIN)/python -c "from pathlib import Path; from streams import logs, metrics, settings; \
	pages = (('settings', '| variable |', settings), ('metrics', '| metric |', metrics), ('logs', '| event |', logs)); \
	[page.write_text(page.read_text('utf-8').split(table)[0] + made.as_markdown(), 'utf-8') \
	for name, table, made in pages for page in [Path('docs') / f'{name}.md']]"

dashboards: $(DEV) ## Write the dashboards anew (docs/dashboards.md).
	@$(BIN)/python deploy/grafana/build.py $(ARGS)

models: $(DEV) ## Train the models anew: make models DATA=folder (docs/models.md says what has to lie there).
	@[ -n "$(DATA)" ] || { echo "Say where the rows lie: make models DATA=folder (see docs/models.md)." >&2; exit 2; }
	@$(BIN)/xunqun model train --data "$(DATA)" $(ARGS)

# One version of each package for every Python and platform; nothing in a lock says where it was fetched from.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header $(if $(UPGRADE),--upgrade)
# What builds the package, which is no dependency of it.
BUILD := $(BIN)/python -c "import tomllib; \
	print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')"

lock: $(MADE) ## Bring the locks in line with pyproject.toml; make lock UPGRADE=1 takes the newest versions.
	@$(PIP) install --quiet 'uv>=0.13'
	@$(BUILD) | $(LOCK) - --output-file requirements-build.lock > /dev/null
	@$(LOCK) pyproject.toml --output-file requirements.lock > /dev/null
	@$(LOCK) pyproject.toml --output-file requirements-fleet.lock --constraint requirements.lock --extra fleet > /dev/null
	@$(LOCK) pyproject.toml --output-file requirements-dev.lock --constraint requirements-fleet.lock --extra training --extra fleet --extra dev > /dev/null
	@echo "The four locks are in line with pyproject.toml."

clean: ## Remove .venv and all caches; var/ with your data stays.
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that works is kept; one that was left half made, or whose Python is gone or too old, is made again.
$(MADE):
	@if $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then touch $@; exit 0; fi; \
	found=; \
	for one in $(CANDIDATES); do \
		if "$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found=$$one; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		has=$$($(PYTHON) --version 2>&1) || has="no Python at all"; \
		echo "Xunqun needs Python 3.11 or newer, and here is $$has." >&2; \
		echo "Install one (Debian 12 and Ubuntu 24.04 have it as python3), or name it: make PYTHON=/path/to/python3.11 install" >&2; \
		exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2> /dev/null; then \
		package=$$("$$found" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'); \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then \
			echo "This Python cannot make environments: on Debian and Ubuntu, sudo apt-get install $$package mends that." >&2; \
			exit 1; \
		fi; \
		echo "Installing $$package, without which Python makes no environments …"; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install "$$package" > /dev/null || exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) …"; \
	"$$found" -m venv --clear $(VENV) && touch $@

# The stamps say which locks are installed, so that a second call has nothing to do.
$(RUNTIME): requirements.lock pyproject.toml | $(MADE)
	@echo "Installing the packages of requirements.lock (a minute or two the first time) …"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@echo "Installing Xunqun …"
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@
	@echo "Installed in $(VENV)."

# The development lock holds everything of the other in the same versions.
$(DEV): requirements-dev.lock pyproject.toml | $(MADE)
	@echo "Installing the packages of requirements-dev.lock (a few minutes the first time) …"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@echo "Installing Xunqun …"
	@$(PIP) install --quiet --no-deps --editable .
	@touch $(RUNTIME) $@
	@echo "Installed in $(VENV), with what tests and training need."
