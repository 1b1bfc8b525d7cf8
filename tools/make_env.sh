#!/usr/bin/env bash
# Makes .venv with exactly the locked, hashed packages. Usage: make_env.sh LOCK UV_VERSION
set -euo pipefail
lock=$1 uv_version=$2

# The first that really runs counts: version managers put shims for versions they do not have onto the PATH.
python=""
for candidate in python3 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$(command -v "$candidate")
    break
  fi
done
if [ -z "$python" ]; then
  echo "DialNexa needs Python 3.11 or newer; python3 here is $(python3 --version 2>&1 | head -1 || true). Install it and run make again." >&2
  exit 1
fi
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  rm -rf .venv
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    # Debian and Ubuntu ship Python without venv.
    rm -rf .venv
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
      echo "installing python$version-venv…"
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
      "$python" -m venv .venv
    else
      echo "This Python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python$version-venv" >&2
      exit 1
    fi
  fi
fi
if ! .venv/bin/uv --version 2>/dev/null | grep -q "$uv_version"; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi
export VIRTUAL_ENV=$PWD/.venv
.venv/bin/uv pip sync --quiet --require-hashes "$lock"
.venv/bin/uv pip install --quiet --no-deps --editable .
