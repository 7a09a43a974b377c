# Two commands for a fresh machine: `make demo` and `make test`. Everything else is detail.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
BENCH  := .venv-bench
VNPY   := .vnpy
SRC    := $(shell find src -name '*.py')

# Where byte code is not kept, every process of a test or of the day reads all sources anew: half of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup browser postgres warm demo test check check-types check-tidy bench bounds coverage mutation load \
	worlds failover soak soak-live vnpy docs models strategies sbom lock clean

help:
	@echo "make demo    set up, then run one whole simulated trading day and show duties and grade"
	@echo "make test    set up, then run every check and every test"
	@echo "make browser Chromium for the tests of the console, if it is not there"
	@echo "make postgres  PostgreSQL for the tests of the people store, if it is not there"
	@echo "make check   formatting, types, import floors, tidy rules, dead code"
	@echo "make bench   speed of the kernels and rooms"
	@echo "make bounds  the tests of the kernels with every array index checked"
	@echo "make coverage  branch coverage of the critical modules into docs/coverage.md; make mutation: their mutation score"
	@echo "make load    a live run at LOAD times the clock held against the peak second of the same day"
	@echo "make worlds  N small worlds with faults (N=500, FROM=1) and 20 small days, make soak: 20 whole ones, soak-live: a live one"
	@echo "make failover  kills of the leader between two network namespaces (root; KILLS=100, NET=)"
	@echo "make vnpy    the real vnpy against our stand-in for it (part of soak)"
	@echo "make docs    regenerate the generated pages under docs/"
	@echo "make strategies  run every strategy's scenes and keep the records; RELEASE as for models"
	@echo "make models  test the models and bring their register in step; RELEASE='BY SECOND DAY' releases them"
	@echo "make sbom    the bill of materials of this environment (CycloneDX) in dist/"
	@echo "make lock    re-resolve the dependency locks (needs uv)"
	@echo "make clean   remove the environment, caches and runs"

setup: $(READY)

# The locks are complete and carry hashes for every file, so nothing is resolved at set-up: pip before 23.3 would
# take a newer release than the pinned one for a requirement with an extra and then refuse it. `pip check` proves
# completeness. The project itself is installed without its dependencies.
# $(call environment,folder,lock)
define environment
	$(PYTHON) -c 'import sys; sys.exit(0 if (3,11) <= sys.version_info < (3,14) else "Python 3.11 to 3.13 is needed, this is " + sys.version)'
	@if command -v uv >/dev/null 2>&1; then \
		uv venv -q --allow-existing --python $(PYTHON) $(1) && \
		uv pip install -q --python $(1)/bin/python --require-hashes --no-deps -r $(2) && \
		uv pip check -q --python $(1)/bin/python && \
		uv pip install -q --python $(1)/bin/python --no-deps --no-build-isolation -e . ; \
	else \
		$(PYTHON) -m venv $(1) && \
		$(1)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r $(2) && \
		$(1)/bin/python -m pip check && \
		$(1)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(1)/ready
endef

$(READY): requirements-dev.lock pyproject.toml
	$(call environment,$(VENV),requirements-dev.lock)

# The peers that benchmarks compare with live in an environment of their own.
$(BENCH)/ready: requirements-bench.lock pyproject.toml
	$(call environment,$(BENCH),requirements-bench.lock)

# Compile the kernels once, so that the day itself measures trading and not the compiler.
warm: setup
	@$(BIN)/python -m quanheng.compose.warm

demo: warm
	$(BIN)/quanheng demo

# The tidy tests are part of the check; what lives by the clock comes last, two files at a time and nothing else.
# In the order of the folders the whole days come early; by the number of tests they came last, one after another.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
test: check browser postgres
	$(BIN)/pytest $(PARALLEL) tests --ignore=tests/tidy --ignore=tests/live --ignore=tests/messaging
	$(BIN)/pytest $(PARALLEL) tests/live tests/messaging

APT := DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-noto-cjk

# The console's tests look at its pages in Chromium, with a font that has Chinese.
browser:
	@test -x /usr/bin/chromium || { \
		command -v apt-get >/dev/null || { echo "no /usr/bin/chromium and no apt-get: install Chromium and a CJK font"; exit 1; }; \
		$(APT) || { apt-get update && $(APT); } || { \
		echo "Chromium could not be installed: install chromium and fonts-noto-cjk by hand"; exit 1; }; }

# The people store's tests start a throw-away cluster of their own; no service of the system is needed or touched.
APT_PG := DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
		command -v apt-get >/dev/null || { echo "no PostgreSQL and no apt-get: install its server"; exit 1; }; \
		$(APT_PG) || { apt-get update && $(APT_PG); } || { \
		echo "PostgreSQL could not be installed: install its server by hand"; exit 1; }; }

# The types take as long as everything else together, so they have a core of their own.
check: setup
	@$(MAKE) --no-print-directory -j2 check-types check-tidy

check-types: setup
	$(BIN)/mypy src

check-tidy: setup
	$(BIN)/ruff format --check --quiet src tests bench tools
	$(BIN)/ruff check --quiet src tests bench tools
	$(BIN)/lint-imports
	$(BIN)/python tools/dead_code.py
	$(BIN)/pytest -q tests/tidy

bench: warm $(BENCH)/ready
	@for file in bench/*.py; do echo "== $$file"; $(BENCH)/bin/python $$file || exit 1; done

# Every kernel again with each index checked: an array that a caller made too small is otherwise silent damage.
bounds: setup
	NUMBA_BOUNDSCHECK=1 $(BIN)/pytest tests/kernels tests/maker tests/exchange tests/duties \
		--deselect tests/kernels/test_kernels_vector.py

# Kernels as plain Python, each critical room with its own tests: about ten minutes. Mutants: about an hour.
coverage: setup
	$(BIN)/python tools/coverage_rooms.py

mutation: setup
	$(BIN)/python tools/mutate.py

# The whole chain on a bad morning: first simulated, for its fullest second, then live at a multiple of the clock.
LOAD ?= 14
MORNING := --scenario crash --contracts all --cadence 500ms
load: warm
	rm -rf runs/load
	mkdir -p runs/load
	cat src/quanheng/data/desk.toml tools/load.toml > runs/load/desk.toml
	$(BIN)/quanheng day $(MORNING) --until 10:00 --journal full --out runs/load/day
	-$(BIN)/quanheng demo --live --speed $(LOAD) $(MORNING) --config runs/load/desk.toml --from 09:28 --until 09:56 \
		--out runs/load/live
	$(BIN)/python tools/load_lines.py live runs/load/live/*-live runs/load/day/*

# Small worlds under drawn faults, N seeds from FROM on, each twice, JOBS processes at a time: what SUMS holds already
# of the same code is not run again, so that many can be run in several sessions. And small days, a scenario drawn each.
N ?= 500
FROM ?= 1
JOBS ?= 2
SUMS ?= runs/worlds.jsonl
DAYS ?= 20
worlds: warm
	$(BIN)/quanheng worlds $(N) --from $(FROM) --jobs $(JOBS) --out $(SUMS)
	$(BIN)/quanheng day --seed 1..$(DAYS) --contracts 24 --cadence 15s --journal digest

# kill -9 of the leader of a pair of nodes, on two hosts made of network namespaces (docs/standby.md). NET shapes the
# network between them: NET="--delay 5 --jitter 2 --loss 1 --reorder 1 --one-way-every 8". The record goes to runs/drills.
KILLS ?= 100
NET ?=
failover: warm
	$(BIN)/python tools/drill_failover.py runs/failover-$(KILLS) --kills $(KILLS) --netns --file runs/drills $(NET)

soak: warm vnpy
	$(BIN)/quanheng day --seed 1..20 --contracts all --out runs/soak

# A live day at ten times the clock, about 35 minutes, and the verdict on its memory, collections and turns.
soak-live: warm
	rm -rf runs/soak-live
	$(BIN)/quanheng demo --live --speed 10 --contracts 24 --from 09:20 --out runs/soak-live
	$(BIN)/python tools/soak.py runs/soak-live/*-live

# The real vnpy, without what it needs for its screens, in a folder of its own: our stand-in against its types, then
# the gateway's process over its event engine and its threads.
$(VNPY)/ready: requirements-vnpy.lock | $(READY)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python --require-hashes --no-deps --target $(VNPY) -r $< ; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --target $(VNPY) -r $< ; \
	fi
	@touch $@

vnpy: $(VNPY)/ready
	PYTHONPATH=$(VNPY) $(BIN)/python tools/check_vnpy_stub.py
	PYTHONPATH=$(VNPY) $(BIN)/pytest tests/live/test_live_counter_process.py

docs: setup
	$(BIN)/python tools/make_docs.py
	$(BIN)/python tools/published_greeks.py
	$(BIN)/python tools/run_examples.py

# What changed is tested again and loses its release, which two people give anew (RELEASE='Q01 R01 20261126').
models: setup
	$(BIN)/python tools/make_models.py $(if $(RELEASE),--release $(RELEASE))

strategies: setup
	$(BIN)/python tools/make_strategies.py $(if $(RELEASE),--release $(RELEASE))

# What is installed, held against the locks; a package that is in no lock is named.
sbom: setup
	$(BIN)/quanheng sbom --lock requirements.lock --lock requirements-dev.lock --out dist/sbom.json

UV_LOCK := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url -q
EXTRAS  := --extra data --extra database --extra postgres --extra quantlib --extra reports

lock:
	$(UV_LOCK) --extra data -o requirements.lock
	$(UV_LOCK) $(EXTRAS) --extra cluster --extra console --extra ray --group dev -o requirements-dev.lock
	$(UV_LOCK) $(EXTRAS) --group bench -c requirements.lock -o requirements-bench.lock
	echo vnpy | uv pip compile - --no-deps --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url -q -o requirements-vnpy.lock

clean:
	rm -rf $(VENV) $(BENCH) $(VNPY) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist runs
