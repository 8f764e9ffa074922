# SPDX-License-Identifier: Apache-2.0
# On a machine with Python 3.11 or newer and make, each target makes what it needs: a virtual environment, filled from
# the hash-locked requirements, refilled only when a lock changed. pip obeys the user's own settings (PIP_*, pip.conf).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
SERVERS := .venv-servers
CONFORMANCE := .conformance
# What only `make real-servers` and `make security-harness` need, from PyPI and npm.
REAL := .venv-real
REAL_SDK1 := .venv-real-sdk1
NODE := .node-real
HARNESS := .venv-harness
# The newest interpreter that is new enough and runs (a shim of a version manager may stand there for nothing).
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
    "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
    && { echo "$$python"; break; }; done)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST_ARGS ?=
# `make lock LOCK_ARGS=--upgrade` moves every version; without it only what must move does.
LOCK_ARGS ?=
# `make conformance CONFORMANCE_ARGS='--leg all-2026-07-28 --scenario caching'`; --help says what else.
CONFORMANCE_ARGS ?=
# `make soak SOAK_ARGS='--minutes 1 --sessions 40'` for a try; --help says what else.
SOAK_ARGS ?=
CALLS_ARGS ?=

# Floors 1 to 5 of the house (docs/architecture.md): every line and every branch.
CORE := mediator/refusal.py,mediator/evidence.py,mediator/because.py,mediator/effect.py,mediator/kind.py,mediator/uri.py,mediator/canonical.py,mediator/settings/*,mediator/identity/*,mediator/wire/*,mediator/manifest/*,mediator/delegation/*,mediator/policy/*,mediator/inspection/*,mediator/mediation/*

.PHONY: help demo test check conformance conformance-required real-servers security-harness soak random-calls lock bench-core bench-delegation bench-identify bench-large bench-manifest bench-lint bench-policies clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime $(SERVERS)/.ready ## real tool servers, real agents, every decision explained (about a minute)
	@$(BIN)/mediator demo --servers $(SERVERS)

test: $(VENV)/.dev $(SERVERS)/.ready ## all tests, with the floors of coverage
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m pytest --cov --cov-report= --numprocesses=auto --dist=worksteal $(PYTEST_ARGS)
	@echo "floors 1 to 5, every line and branch:"
	@$(BIN)/python -m coverage report --include='$(CORE)' --fail-under=100
	@echo "everything, at least 92 in a hundred:"
	@$(BIN)/python -m coverage report --fail-under=92

check: $(VENV)/.dev ## style, types, and who may import whom
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@echo "ruff format" && $(BIN)/ruff format --quiet --check .
	@echo "mypy --strict" && $(BIN)/mypy --strict --no-error-summary mediator tests
	@echo "import contract" && $(BIN)/lint-imports --no-logo

conformance: $(VENV)/.dev $(CONFORMANCE)/.ready ## the official suite of MCP, direct and through the mediator, compared (needs npm)
	@PYTHONPATH=. $(BIN)/python -m tests.conformance.run $(CONFORMANCE_ARGS)

conformance-required: $(VENV)/.dev $(CONFORMANCE)/.ready ## of it, what each revision requires
	@PYTHONPATH=. $(BIN)/python -m tests.conformance.run --required $(CONFORMANCE_ARGS)

# Not part of `make test`: it needs npm, and asks two registries for what it installs. What it cannot install, it names,
# and fails. `make real-servers NAMES="files memory"` compares only these.
real-servers: $(VENV)/.dev $(SERVERS)/.ready $(REAL)/.ready $(REAL_SDK1)/.ready $(NODE)/.ready ## real servers from npm and PyPI, compared with themselves behind the mediator
	@PYTHONPATH=. $(BIN)/python -m tests.real_servers $(NAMES)

# Likewise: what is compared is one server of each era, straight and through the mediator.
security-harness: $(VENV)/.dev $(HARNESS)/.ready $(NODE)/.ready ## agent-security-harness at bare servers and at the mediator: nothing may be worse
	@PYTHONPATH=. $(BIN)/python -m tests.security_harness

# Half an hour on two cores and about a gigabyte of ledger in the temporary folder; it needs Linux.
soak: $(VENV)/.dev ## 200 sessions of both eras for 30 minutes, tool servers restarted meanwhile: nothing lost, nothing grows
	@PYTHONPATH=. $(BIN)/python -m tests.soak $(SOAK_ARGS)

# `make random-calls CALLS_ARGS='--calls 100'` for a try.
random-calls: $(VENV)/.dev ## 10,000 random calls of each of 216 real tools, asked of the policy engine: every one is answered
	@PYTHONPATH=. $(BIN)/python -m tests.laws.random_calls $(CALLS_ARGS)

bench-core: $(VENV)/.dev ## the cost of each step of a call, beside its budget
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_core.py

bench-delegation: $(VENV)/.dev ## what a chain adds to a call, 100,000 grants, how soon a revocation is felt, exchanges a second
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_delegation.py

bench-identify: $(VENV)/.dev ## what it costs to know who calls: a bearer, one not seen before, a proof with each call
	@PYTHONPATH=. $(BIN)/python -m benchmarks.bench_identify

bench-large: $(VENV)/.dev ## how long one large answer keeps everybody else waiting
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_large.py

bench-lint: $(VENV)/.dev ## what the linter of definitions finds and what it leaves alone, by corpus
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_lint.py

bench-manifest: $(VENV)/.dev ## what 1,000 tools cost to import and verify, and what a pin adds to a call
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_manifest.py

bench-policies: $(VENV)/.dev ## what a question to policy costs among 10 to 10,000 policies, and as many pinned tools
	@PYTHONPATH=. $(BIN)/python benchmarks/bench_policies.py

lock: | $(VENV)/bin/python ## resolve the dependencies again and write the locks, hashes and all
	@echo "resolving" && $(PIP_INSTALL) 'pip-tools>=7.6'
	@env -u PIP_FIND_LINKS $(BIN)/python .ci/lock.py $(LOCK_ARGS)

clean: ## remove what was made here
	rm -rf $(VENV) $(SERVERS) $(CONFORMANCE) $(REAL) $(REAL_SDK1) $(NODE) $(HARNESS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -f .coverage .coverage.*
	find mediator tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/bin/python $(SERVERS)/bin/python $(REAL)/bin/python $(REAL_SDK1)/bin/python $(HARNESS)/bin/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "make: \`$(PYTHON)\` is no Python 3.11 or newer with its venv module; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making $(@D:/bin=) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(@D:/bin=)

# What the mediator runs on, and the demo's agents.
$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing requirements/runtime.lock"
	@$(PIP_INSTALL) --require-hashes --no-deps -r requirements/runtime.lock
	@$(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "installing requirements/dev.lock"
	@$(PIP_INSTALL) --require-hashes --no-deps -r requirements/dev.lock
	@touch $@

# The demo's tool servers, which no one here wrote, know nothing of the mediator's environment.
$(SERVERS)/.ready: requirements/demo-servers.lock | $(SERVERS)/bin/python
	@echo "installing requirements/demo-servers.lock"
	@$(SERVERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/demo-servers.lock
	@touch $@

# The conformance suite, and a Node.js that is new enough for it where npm has one for this machine (else the one on
# the PATH is taken). No script of any package is run.
$(CONFORMANCE)/.ready: tests/conformance/package.json tests/conformance/package-lock.json
	@echo "installing tests/conformance/package-lock.json"
	@mkdir -p $(CONFORMANCE) && cp tests/conformance/package.json tests/conformance/package-lock.json $(CONFORMANCE)
	@cd $(CONFORMANCE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The other real servers: on the SDK of today, on the last of its first generation, and on Node.js.
$(REAL)/.ready: requirements/real-servers.lock | $(REAL)/bin/python
	@echo "installing requirements/real-servers.lock"
	@$(REAL)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/real-servers.lock
	@touch $@

$(REAL_SDK1)/.ready: requirements/real-servers-sdk1.lock | $(REAL_SDK1)/bin/python
	@echo "installing requirements/real-servers-sdk1.lock"
	@$(REAL_SDK1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/real-servers-sdk1.lock
	@touch $@

$(HARNESS)/.ready: requirements/security-harness.lock | $(HARNESS)/bin/python
	@echo "installing requirements/security-harness.lock"
	@$(HARNESS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/security-harness.lock
	@touch $@

# Without npm the comparison goes on, and says which servers it skipped. No package runs a script of its own here.
$(NODE)/.ready: tests/real_servers/package.json tests/real_servers/package-lock.json
	@if command -v npm >/dev/null; then \
	    echo "installing tests/real_servers/package-lock.json" && mkdir -p $(NODE) && cp $^ $(NODE)/ \
	    && cd $(NODE) && npm ci --ignore-scripts --no-audit --no-fund --silent && touch .ready; \
	else echo "make: there is no npm here, so the servers from npm are skipped" >&2; fi
