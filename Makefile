# `make` sets everything up, runs the pipeline on the studio and prints the quality table; `make test` runs every test,
# `make quick` those that take no long run, `make check` the checkers.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# A file's tests stay in one process, which makes their fixtures once; files with long tests start first.
IN_PARALLEL = --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: table test quick check setup
table: setup
	dvc repro
	python -m ffhq_uv table

test: setup
	python -m pytest $(IN_PARALLEL)

quick: setup
	ruff check
	python -m pytest -m 'not slow' --hypothesis-profile quick $(IN_PARALLEL)

check: setup
	ruff check
	ruff format --check
	mypy

setup: .venv/installed

# An old pip, such as Python 3.10 brings, takes half an hour to choose versions.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --upgrade pip
	python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
