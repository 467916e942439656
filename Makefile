# Everything that is done here by hand or in CI. Each target sets up what it needs by itself;
# what it makes lives in .harbourlight/. On a machine with several Pythons, `make PYTHON=...`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .harbourlight/venv/bin
# The environment's own comes first, so that it stays what it was first made with.
PYTHONS := $(VENV)/python python3.13 python3.12 python3.11 python3
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in $(PYTHONS); do \
	if $$python -c '$(SUITABLE)' 2>/dev/null; then echo $$python; break; fi; done)

# Two runs share the machine that most people have.
WORKERS ?= 2

.PHONY: help setup gen demo test fuzz faults up bench check lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## packages, contract code and Kafka, into .harbourlight/
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: no Python 3.11 or newer with venv was found (looked for: $(PYTHONS))."; \
		echo "On Debian and Ubuntu: apt install python3 python3-venv. Or: make PYTHON=/path/to/python"; \
		exit 1; fi
	@exec "$(PYTHON)" deploy/embedded/bootstrap.py

gen: setup ## contract code from the protos

demo: setup ## the whole story, from a first report to verified remedy, with its checks
	@exec $(VENV)/python -m examples.demo $(ARGS)

test: setup ## all tests; ARGS go to pytest, such as ARGS="tests/unit -x"
	@exec $(VENV)/python -m pytest -n $(WORKERS) $(ARGS)

SECONDS ?= 60

fuzz: setup ## feed every parser with foreign bytes; SECONDS=60 for each, ARGS=token for one
	@exec $(VENV)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

faults: setup ## break a network while it is used; ARGS="--seed 7 --minutes 10"
	@exec $(VENV)/python -m tests.faults $(ARGS)

up: setup ## everything up until Ctrl-C; ARGS="--data FOLDER" for a second one
	@exec $(VENV)/python -m deploy.embedded up $(ARGS)

bench: setup ## the figures of the budget table, into bench/latest.json
	@exec $(VENV)/python -m bench $(ARGS)

check: setup ## formatting, lint, types, import rules, protos, what is known against packages
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m pip check
	$(VENV)/python -m deploy.audit
	$(VENV)/buf lint
	@# Against the last release; its imports are today's, because they are not in git.
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null) || exit 0; set -ex; \
	rm -rf .harbourlight/released; mkdir -p .harbourlight/released/.harbourlight; \
	git archive "$$tag" protos buf.yaml | tar -x -C .harbourlight/released; \
	cp -R .harbourlight/vendor .harbourlight/released/.harbourlight/; \
	$(VENV)/buf breaking --against .harbourlight/released

# The tool that resolves versions is needed here alone, so it is not part of the environment.
UV := .harbourlight/uv/bin/uv
RESOLVE := $(UV) --system-certs pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate
COMPILE := $(RESOLVE) pyproject.toml client/pyproject.toml

lock: setup ## newest allowed versions of packages and jars, with their hashes
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check \
		--target .harbourlight/uv --upgrade uv==0.13.9
	$(RESOLVE) --upgrade --group pyproject.toml:audit -o requirements/audit.lock
	$(COMPILE) --upgrade --group pyproject.toml:dev -o requirements/dev.lock
	$(COMPILE) -c requirements/dev.lock -o requirements/run.lock
	$(VENV)/python -m deploy.embedded.jars --lock

clean: ## remove what was set up, and the data of `make up`
	rm -rf .harbourlight
