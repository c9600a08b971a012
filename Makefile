# Every target sets up what it needs in .venv: with uv where there is one, else with venv and pip.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
# Exact versions with their hashes, for every Python and machine that we support: what is installed is what was tested.
LOCK := requirements.txt
DEV_LOCK := requirements-dev.txt
# What builds the package is locked, too; editables is what an editable install needs.
BUILD_REQUIRES := 'hatchling>=1.27' editables
UNITS := systemd/subtally.service systemd/subtally-failed@.service

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all demo test test-on lint format types layers unit demo-check setup lock portable install soak fuzz bench clean help

all: lint types layers unit test demo-check ## everything CI runs

demo: $(RUNTIME) ## show the main job: no keys and no network needed (DEMO_ARGS="--for 30s" ends by itself)
	$(BIN)/subtally demo $(DEMO_ARGS)

ALONE := tests/faults tests/soak tests/systemd

test: $(DEV) ## run the tests (TEST_ARGS="-k name" chooses)
ifeq ($(strip $(TEST_ARGS)),)
	# Mostly they wait for real servers: four at once take a third of the time. Those that load the machine by themselves,
	# twenty-seven daemons at a time or machines that boot, come one by one.
	$(BIN)/python -m pytest -n 4 $(ALONE:%=--ignore=%)
	$(BIN)/python -m pytest $(ALONE)
else
	$(BIN)/python -m pytest $(TEST_ARGS)
endif

# The rest of the suite talks to systemd, browsers and other programs, which are the same under every Python.
PORTABLE := tests/unit tests/e2e/test_reload.py tests/e2e/test_restart.py

test-on: ## the portable part of the tests on another Python: make test-on PYTHON=python3.13
	@$(PYTHON) --version >/dev/null || { echo "There is no such Python here: make test-on PYTHON=/path/to/python3" >&2; exit 1; }
	$(MAKE) VENV=.venv-on-$(notdir $(PYTHON)) portable

portable: $(DEV)
	$(BIN)/python --version
	$(BIN)/python -m pytest -q -n 4 -p no:cacheprovider $(PORTABLE)

lint: $(DEV) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## mypy --strict
	$(BIN)/mypy

layers: $(DEV) ## import-linter: which package may import which
	$(BIN)/lint-imports

# verify wants the program of ExecStart to exist, so it reads copies of the units that start /bin/true. Its exit code
# overlooks unknown keys: any word about our units is a fault.
unit: ## systemd-analyze: the units are valid and their exposure is 1.5 at most
	@if ! command -v systemd-analyze >/dev/null; then \
		echo "no systemd-analyze here: the units were not checked" >&2; \
		test -z "$$CI"; exit; \
	fi; \
	copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	for unit in $(UNITS); do \
		sed 's|/opt/subtally/venv/bin/[a-z]*|/bin/true|' "$$unit" >"$$copy/$${unit##*/}" || exit 1; \
	done; \
	said=$$(systemd-analyze verify --man=no "$$copy"/*.service 2>&1); status=$$?; \
	if [ $$status -ne 0 ] || echo "$$said" | grep -q subtally; then echo "$$said" >&2; exit 1; fi; \
	for unit in $(UNITS); do \
		systemd-analyze security --no-pager --offline=yes --threshold=15 "$$unit" >"$$copy/exposure"; status=$$?; \
		tail -n 1 "$$copy/exposure"; [ $$status -eq 0 ] || exit $$status; \
	done

demo-check: $(RUNTIME) ## the demo, ending by itself
	$(BIN)/subtally demo --for 30s

soak: $(DEV) ## days of incidents in minutes: what the daemon holds levels off (DAYS=7)
	$(BIN)/python -m tests.soak.days $(or $(DAYS),7)

fuzz: $(DEV) ## rules files, payloads and requests, fifty times as long as in the tests (FUZZ=50)
	FUZZ=$(or $(FUZZ),50) $(BIN)/python -m pytest -o timeout=86400 tests/fuzz

bench: $(DEV) ## the goals of speed beside what people use, 45 minutes (BENCH_ARGS="--accounts 200 6 7", --write)
	$(BIN)/python -m bench $(BENCH_ARGS)

install: ## as root: install or upgrade the service (systemd/install)
	systemd/install

setup: $(DEV) ## make .venv with everything for development

lock: $(DEV) ## renew the locked versions; UPGRADE=1 takes the newest that pyproject.toml allows
	printf '%s\n' $(BUILD_REQUIRES) | $(call compile,$(LOCK))
	printf '%s\n' $(BUILD_REQUIRES) | $(call compile,$(DEV_LOCK)) --extra dev --constraint $(LOCK)

clean: ## remove .venv and all caches
	rm -rf $(VENV) .venv-on-* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# The demo starts sooner without the tools of the tests: two stamps, and the larger set includes the smaller.
$(RUNTIME): pyproject.toml $(LOCK)
	@$(call install,$(LOCK))
	@touch $@

$(DEV): pyproject.toml $(DEV_LOCK)
	@$(call install,$(DEV_LOCK))
	@touch $(RUNTIME) $@

# No registry is named: whoever installs chooses it.
compile = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) --output-file $(1) pyproject.toml -

# The first Python of at least 3.11; PYTHON=… chooses another.
define find_python
	python=; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			python=$$candidate; break; \
		fi; \
	done
endef

define install
	set -e; $(find_python); \
	usable() { $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	if command -v uv >/dev/null; then \
		echo "Setting up $(VENV) with uv"; \
		usable || { rm -rf $(VENV); uv venv --quiet --python "$${python:->=3.11}" $(VENV); }; \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1); \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		if ! usable || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
			if [ -z "$$python" ]; then \
				echo "Subtally needs Python 3.11 or later, and none was found. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
				exit 1; \
			fi; \
			if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
				sudo='sudo '; [ "$$(id -u)" -ne 0 ] || sudo=; \
				echo "This Python cannot make virtual environments yet. This helps: $${sudo}apt-get install -y $${python##*/}-venv" >&2; \
				exit 1; \
			fi; \
			echo "Setting up $(VENV) with $$($$python --version)"; \
			$$python -m venv --clear $(VENV); \
		else \
			echo "Updating $(VENV)"; \
		fi; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi; \
	$(BIN)/python -m compileall -q daemon notifiers rules state
endef
