# Two commands matter: `make run` and `make test`. Both need only Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
ONLY ?=
PG ?= embedded
WORKERS ?= 2
export GONGXIN_TEST_PG := $(PG)

.PHONY: run day test sure screens bench spec env env-dev clean lock docs

run: env
	@$(BIN)/python -m gongxin_demo run

day: env
	@$(BIN)/python -m gongxin_demo day

env: .venv/.env

env-dev: .venv/.env-dev

.venv/.env: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.env-dev: .venv/.env requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.env-bench: .venv/.env-dev requirements-bench.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

test: env-dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup; found=$$?; \
	GONGXIN_DATA_DIR=var/test $(BIN)/gongxin db stop; exit $$found

sure: env-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/rules -n $(WORKERS)

# Every page in both languages, wide and narrow, light and dark, into var/screens/ (needs a Chromium).
screens: env-dev
	@$(BIN)/python -m pytest tests/web/browser -n $(WORKERS) --dist loadgroup; found=$$?; \
	GONGXIN_DATA_DIR=var/test $(BIN)/gongxin db stop; exit $$found

bench: .venv/.env-bench
	@$(BIN)/python -m tests.bench $(ONLY)

spec: env
	@$(BIN)/gongxin spec

docs: spec

lock:
	@uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements-dev.lock
	@uv pip compile pyproject.toml --group build --group dev --group bench -c requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements-bench.lock
	@uv pip compile pyproject.toml --group build -c requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements.lock

clean:
	@if [ -x $(BIN)/gongxin ]; then $(BIN)/gongxin db stop || true; fi
	@rm -rf var .venv .mypy_cache .ruff_cache .hypothesis
