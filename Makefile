# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv first if it is missing.
PYTHON ?= python3
# Processes that run tests side by side; each holds torch, so this does not follow the number of cores.
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check fuzz faults format golden bench validate clean

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

test: $(STAMP) ## run the tests (JOBS=1 for one process)
	$(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist loadfile

check: $(STAMP) ## lint, format and type check, known flaws of dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.security.dependency_audit

fuzz: $(STAMP) ## 20,000 damaged and hostile inputs to the command line (FUZZ="--seed 1" for others)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --inputs 20000 $(FUZZ)

faults: $(STAMP) ## kill, fill, damage and starve a small study, hundreds of times (an hour; FAULTS="--only random" for a part)
	$(BIN)/python -m tests.faults $(FAULTS)

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
