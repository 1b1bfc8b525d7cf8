#!/usr/bin/env bash
# Installs the real peers that the end-to-end tests talk to.
set -euo pipefail
missing=()
command -v sipp >/dev/null || missing+=(sip-tester)
command -v baresip >/dev/null || missing+=(baresip-core)
command -v sox >/dev/null || missing+=(sox)
[ ${#missing[@]} -eq 0 ] && { echo "sipp, baresip and sox are here"; exit 0; }
if ! command -v apt-get >/dev/null; then
  echo "The end-to-end tests need ${missing[*]} (Debian names); install them with your package manager and run make test again." >&2
  exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing ${missing[*]}…"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
