# Works in a fresh clone with nothing but Python 3.11 or newer, pip and make.

PYTHON ?= python3
PYTEST_FLAGS ?= -q -n 3
LOCK_FLAGS ?=
BENCH_FLAGS ?=
FUZZ_EXAMPLES ?= 30

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Says what it does in one line, and shows a command's own words only when it fails.
quietly = @printf '%s\n' '$(1)'; said=$$($(2) 2>&1) || { printf '%s\n' "$$said"; exit 1; }

COMMA := ,

.DEFAULT_GOAL := help
.PHONY: help demo test chromium screenshots lint messages docs fuzz bench bench-peers lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## a fresh database, eleven tenants, every ending of a plan change; under a minute
	@$(BIN)/overstap demo

test: lint chromium ## the checks of `make lint`, then all tests, on SQLite, on PostgreSQL and in Chromium
	@$(BIN)/pytest $(PYTEST_FLAGS)

chromium: $(READY) ## install Debian's Chromium for the tests in a browser, where it is missing and you may
	$(call quietly,chromium,$(BIN)/python tests/chromium.py)

screenshots: chromium ## play the demo and take the pictures of its console anew, for README.md and docs/console.md
	@$(BIN)/python tests/pictures.py

lint: $(READY) ## style (ruff), types (mypy) and the direction of imports (import-linter)
	$(call quietly,ruff check,$(BIN)/ruff check --quiet)
	$(call quietly,ruff format --check,$(BIN)/ruff format --check --quiet)
	$(call quietly,mypy --strict src,$(BIN)/mypy --strict src)
	$(call quietly,lint-imports,$(BIN)/lint-imports)

messages: $(READY) ## bring the catalogues of texts up to date with the code; then translate what is new in src/overstap/language/*.po
	@mkdir -p var
	$(call quietly,pybabel extract,$(BIN)/pybabel extract --no-default-keywords --keywords "lazy_gettext lazy_ngettext:1$(COMMA)2" \
		--add-location file --sort-by-file --no-wrap --project Overstap --output-file var/overstap.pot src)
	$(call quietly,pybabel update,$(BIN)/pybabel update --input-file var/overstap.pot --output-file src/overstap/language/nl.po --locale nl \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap)

docs: $(READY) ## write what is generated of the documents anew: docs/rules.md, docs/openapi.json, and the options in README.md
	@page=$$($(BIN)/python tests/tracing.py) && printf '%s\n' "$$page" > docs/rules.md
	@$(BIN)/python tests/readme.py
	@$(BIN)/python tests/openapi.py

fuzz: $(READY) ## ask the API whatever its document lets one ask, on both databases, about ten minutes; FUZZ_EXAMPLES=100 for longer
	@OVERSTAP_FUZZ=$(FUZZ_EXAMPLES) $(BIN)/pytest -q -n 2 tests/entrypoints/api/test_fuzz.py

bench: $(READY) ## the benchmark of our side, about an hour and a half; BENCH_FLAGS=--quick shows that it works
	@$(BIN)/python benchmarks/bench.py $(BENCH_FLAGS); failed=$$?; $(BIN)/python benchmarks/report.py && exit $$failed

bench-peers: $(READY) ## the same work done by other durable engines and by us in turn, about half an hour
	@$(BIN)/python benchmarks/bench.py --peers $(BENCH_FLAGS); failed=$$?; $(BIN)/python benchmarks/report.py && exit $$failed

lock: $(READY) ## write requirements.lock anew; LOCK_FLAGS=--upgrade takes the newest versions
	$(call quietly,pip-compile,$(BIN)/pip-compile --quiet --all-extras --generate-hashes --allow-unsafe --strip-extras \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(LOCK_FLAGS) \
		--output-file requirements.lock pyproject.toml)

clean: ## remove what the other targets made: the environment, caches, builds and the demo's database
	@rm -rf $(VENV) var dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once, and again when the lock or the project file changes.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Overstap needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Making $(VENV): about a minute, once"
	$(call quietly,  environment,$(PYTHON) -m venv --clear $(VENV))
	$(call quietly,  libraries,$(PIP) install --require-hashes --requirement requirements.lock)
	$(call quietly,  overstap,$(PIP) install --no-deps --no-build-isolation --editable .)
	@touch $@
