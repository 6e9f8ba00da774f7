# `make` sets everything up, runs the pipeline on the studio and prints the quality table; `make test` runs every test,
# `make quick` the checkers and those that take no long run.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: table test quick check setup
table: setup
	dvc repro
	python -m ffhq_uv table

test: setup
	python -m pytest

quick: check
	python -m pytest -m 'not slow' tests

check: setup
	ruff check
	ruff format --check
	mypy

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
