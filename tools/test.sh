#!/usr/bin/env bash
# Runs everything that proves the product, in order, and stops at the first red step.
# Usage: test.sh [lint|unit|e2e]…   (default: all of them)
set -euo pipefail
cd "$(dirname "$0")/.."
steps=("${@:-all}")
wants() { [[ " ${steps[*]} " == *" $1 "* || " ${steps[*]} " == *" all "* ]]; }
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

if wants unit || wants e2e; then
  say "peers"
  bash tools/install_peers.sh
fi
if wants lint; then
  say "lint: ruff"
  .venv/bin/ruff check .  # a line of its own: of "a && b" only b would stop the run
  .venv/bin/ruff format --check .
  say "lint: pyright"
  .venv/bin/pyright
  say "lint: import-linter"
  .venv/bin/lint-imports --no-logo
fi
if wants unit; then
  say "unit and conformance tests"
  .venv/bin/pytest -m "not e2e" -n 2 --dist loadfile --durations=5
fi
if wants e2e; then
  # A call mostly waits for people to finish speaking: two files at once leave the cores enough room to keep time.
  say "end-to-end tests (real peers on loopback)"
  .venv/bin/pytest -m "e2e and not alone" -n 2 --dist loadfile --durations=10
  say "end-to-end tests that need the machine to themselves"
  .venv/bin/pytest -m "e2e and alone" -v --durations=10
fi
