# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv first if it is missing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check format golden bench validate clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

install: $(STAMP) ## make .venv and install everything

demo: $(STAMP) ## train, analyse and write up the embedded demo study (phantoms, minutes)
	$(BIN)/study run-grid
	$(BIN)/study stats
	$(BIN)/study manuscript

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest --quiet

check: $(STAMP) ## lint, format and type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: ## rewrite the reference values with R (needs R and the packages in tests/golden/README.md)
	cd tests/golden && for script in *.R; do echo $$script; Rscript --vanilla $$script || exit 1; done

bench: $(STAMP) ## run the benchmarks beside their peers
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

validate: $(STAMP) ## simulate every test and interval, and audits of papers (minutes; writes docs/statistics/*validation.md)
	$(BIN)/python -m benchmarks.validation
	$(BIN)/python -m benchmarks.claims

clean: ## remove .venv and caches; stores under runs/ stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
