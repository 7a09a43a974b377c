# Two commands for a fresh machine: `make demo` and `make test`. Everything else is detail.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
SRC    := $(shell find src -name '*.py')

.PHONY: help setup warm demo test check bench worlds soak docs lock clean

help:
	@echo "make demo    set up, then run one whole simulated trading day and show duties and grade"
	@echo "make test    set up, then run every check and every test"
	@echo "make check   formatting, types, import floors, tidy rules, dead code"
	@echo "make bench   speed of the kernels and rooms"
	@echo "make worlds  N small simulated days (N=20), make soak: 20 whole ones"
	@echo "make docs    regenerate the generated pages under docs/"
	@echo "make lock    re-resolve the dependency locks (needs uv)"
	@echo "make clean   remove the environment, caches and runs"

setup: $(READY)

# The locks are complete and carry hashes for every file, so nothing is resolved at set-up: pip before 23.3 would
# take a newer release than the pinned one for a requirement with an extra and then refuse it. `pip check` proves
# completeness. The project itself is installed without its dependencies.
$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3,11) <= sys.version_info < (3,14) else "Python 3.11 to 3.13 is needed, this is " + sys.version)'
	@if command -v uv >/dev/null 2>&1; then \
		uv venv -q --allow-existing --python $(PYTHON) $(VENV) && \
		uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock && \
		uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock && \
		$(BIN)/python -m pip check && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

# Compile the kernels once, so that the day itself measures trading and not the compiler.
warm: setup
	@$(BIN)/python -m quanheng.compose.warm

demo: warm
	$(BIN)/quanheng demo

test: check
	$(BIN)/pytest tests

check: setup
	$(BIN)/ruff format --check --quiet src tests bench tools
	$(BIN)/ruff check --quiet src tests bench tools
	$(BIN)/mypy src
	$(BIN)/lint-imports
	$(BIN)/python tools/dead_code.py
	$(BIN)/pytest -q tests/tidy

bench: warm
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# Small worlds: one class's worth of contracts, every scenario, N seeds.
N ?= 20
worlds: warm
	$(BIN)/quanheng day --seed 1..$(N) --contracts 24 --cadence 15s --journal digest

soak: warm
	$(BIN)/quanheng day --seed 1..20 --contracts all --out runs/soak

docs: setup
	$(BIN)/python tools/make_docs.py

lock:
	uv pip compile pyproject.toml --extra data --group dev --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url -q -o requirements-dev.lock
	uv pip compile pyproject.toml --extra data --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url -q -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist runs
