# make demo   set everything up in .venv and build a small cohort on the CPU
# make test   the same set-up, the test tools, and the tests
# make lint   format, style, types, import contracts

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-all lint clean

demo: .venv/installed
	$(BIN)/vct build cohorts/quickstart.yaml -o out/quickstart

test: .venv/installed-test
	$(BIN)/python -m pytest -m "not slow and not gpu"

# With the tests that take minutes, such as the installed wheel.
test-all: .venv/installed-test
	$(BIN)/python -m pytest

lint: .venv/installed-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

.venv/installed-test: .venv/installed
	$(PIP) -e ".[test]"
	touch $@

.venv/installed-lint: .venv/installed
	$(PIP) -e ".[lint]"
	touch $@

clean:
	rm -rf .venv out build dist
