#!/usr/bin/env bash
# Installs the real peers that the tests talk to.
set -euo pipefail
missing=()
command -v sipp >/dev/null || missing+=(sip-tester)
command -v baresip >/dev/null || missing+=(baresip-core)
command -v flite >/dev/null || missing+=(flite)
[ -x /usr/sbin/kamailio ] || missing+=(kamailio)
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || missing+=(kamailio-tls-modules)
command -v stunnel4 >/dev/null || missing+=(stunnel4)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v setpriv >/dev/null || missing+=(util-linux)
command -v curl >/dev/null || missing+=(curl)
command -v ip >/dev/null || missing+=(iproute2)
[ ${#missing[@]} -eq 0 ] && { echo "sipp, baresip, Kamailio, flite, stunnel, PostgreSQL and curl are here"; exit 0; }
if ! command -v apt-get >/dev/null; then
  echo "The tests need ${missing[*]} (Debian names); install them with your package manager and run make test again." >&2
  exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing ${missing[*]}…"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
