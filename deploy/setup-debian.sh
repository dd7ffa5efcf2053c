#!/bin/bash
# Installs what the hub needs from Debian's packages: what is there already is left alone, and where
# nothing is missing nothing is asked of the network. With "bench" or "profile" also what these need, with
# "deb" what the package's making needs, with "test" what the tests need: a browser for the pages, Python
# packages in .build/python, TLS, and the programs that deploy/ configures. With "deploy" just what
# `make test-deploy` makes its container with.
set -euo pipefail

packages=(libzmq3-dev libpq-dev libhiredis-dev zlib1g-dev postgresql redis-server curl python3-venv)
if [ "${1:-}" = bench ]; then packages+=(wrk nginx); fi
if [ "${1:-}" = profile ]; then packages+=(wrk linux-perf valgrind); fi
if [ "${1:-}" = deb ]; then packages+=(binutils dpkg-dev python3 xz-utils); fi
if [ "${1:-}" = test ]; then
  packages+=(chromium chromium-driver fonts-dejavu-core openssl stunnel4 nginx haproxy prometheus)
fi
if [ "${1:-}" = deploy ]; then packages=(debootstrap systemd-container util-linux dpkg); fi

has_swift() {
  local version major minor
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  IFS=. read -r major minor _ <<<"$version"
  [ "${major:-0}" -gt 6 ] || { [ "${major:-0}" -eq 6 ] && [ "${minor:-0}" -ge 2 ]; }
}

if ! has_swift; then
  cat >&2 <<'TEXT'
Swift 6.2 or newer is missing, and Debian has no package for it. Get it from https://www.swift.org/install/linux/
(Debian 12), or with swiftly:
  curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz
  tar zxf swiftly-$(uname -m).tar.gz && ./swiftly init
Then try again in a new shell.
TEXT
  exit 1
fi

install_packages() {
  local missing=() as_root=() package state
  for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    if [ "$state" != installed ]; then missing+=("$package"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi

  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "these Debian packages are missing: ${missing[*]}; install them as root, then try again" >&2
      exit 1
    fi
    as_root=(sudo)
  fi

  echo "installing ${missing[*]}"
  "${as_root[@]}" env PATH="$PATH:/usr/sbin:/sbin" apt-get update -q
  "${as_root[@]}" env PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}

install_python() {
  local folder=.build/python
  cd "$(dirname "$0")/.."
  deploy/python-venv.sh "$folder" Tests/Python/requirements.txt
  # Its script alone is used, so what it depends on is left out.
  if ! "$folder/bin/pip" show -q axe-playwright-python 2>/dev/null; then
    "$folder/bin/pip" install -q --disable-pip-version-check --no-deps axe-playwright-python==0.1.8
  fi
}

install_packages
if [ "${1:-}" = test ]; then install_python; fi
