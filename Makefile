# Two commands matter: `make up` (a running DialNexa and its first call) and `make test` (everything that proves it).
SHELL := /bin/bash
PY := .venv/bin/python
UV_VERSION := 0.13.8

.PHONY: up env dev test lint unit e2e bench docs lock clean

up: env
	@.venv/bin/dialnexa up

env: .venv/.runtime

.venv/.runtime: requirements.lock pyproject.toml
	@bash tools/make_env.sh requirements.lock $(UV_VERSION)
	@touch $@

dev: .venv/.dev

.venv/.dev: requirements-dev.lock pyproject.toml
	@bash tools/make_env.sh requirements-dev.lock $(UV_VERSION)
	@touch $@ .venv/.runtime

test: dev
	@bash tools/test.sh

lint: dev
	@bash tools/test.sh lint

unit: dev
	@bash tools/test.sh unit

e2e: dev
	@bash tools/test.sh e2e

bench: env
	@.venv/bin/dialnexa bench

# NO_MKDOCS_2_WARNING: the theme's news about its successor, on every build.
docs: dev
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo "The site is in site/; open site/index.html"

lock:
	@.venv/bin/uv pip compile --upgrade --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	@.venv/bin/uv pip compile --upgrade --universal --generate-hashes --group dev --no-header --no-annotate pyproject.toml -o requirements-dev.lock

clean:
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis
