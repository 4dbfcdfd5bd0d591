PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test check bench soak docs lock clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

# The main job on the embedded broker and the embedded ClickHouse, with a real access log.
demo: install
	$(BIN)/headrace demo

# Every test, including those on a real Apache Kafka started from its Maven artifacts. Two at a time, for most of it is
# waiting for processes; those of the brokers come first and alone, because they fetch what the others start.
BROKERS := tests/e2e/test_apache_kafka.py tests/e2e/test_embedded_broker.py
test: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m "not e2e"
	$(BIN)/pytest $(BROKERS)
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m e2e $(addprefix --ignore=,$(BROKERS))

# What to run before every commit: format, lint, types, import contracts, fast tests; a tenth of the histories.
check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	HEADRACE_HISTORIES=2000 $(BIN)/pytest -q -n 2 -m "not e2e"

# The fault loops, hundreds of times, and a million histories of people: LOOPS=300 HISTORIES=1000000 make soak.
LOOPS ?= 300
HISTORIES ?= 1000000
soak: install
	HEADRACE_FAULT_LOOPS=$(LOOPS) HEADRACE_HISTORIES=$(HISTORIES) HYPOTHESIS_PROFILE=nightly $(BIN)/pytest tests/laws tests/e2e -k "fault or law"

bench: install
	$(BIN)/headrace bench

# The generated reference pages under docs/.
docs: install
	$(BIN)/headrace-docs
	$(BIN)/python -m tests.conformance

# New pins with hashes, without index addresses.
lock:
	$(PYTHON) -m pip install --quiet pip-tools
	$(PYTHON) -m piptools compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --strip-extras --allow-unsafe --extra dev -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .headrace .mypy_cache .ruff_cache .pytest_cache .hypothesis
