#!/bin/bash
# Boots Debian 12 with systemd in a container, installs the package in it, and goes through what an operator
# does (proof.py). As root, on a host where systemd-nspawn can boot.
#
#   Tests/Deploy/run.sh PACKAGE.deb [STEP…]       steps by a part of their name; the first ones always run
#
# POOLHUB_SKIP_NSPAWN=1: where it cannot boot, say what was left out and end well.
set -euo pipefail
cd "$(dirname "$0")/../.."

package=${1:?the package to try: make deb builds it}
shift
here=Tests/Deploy
packages=systemd,systemd-sysv,dbus,redis-server,postgresql,libzmq5,libpq5,libhiredis0.14,curl,openssl
packages+=,ca-certificates,procps,iproute2,python3,gawk,nginx
# What is cached: Debian with these, as it was unpacked. Remove it to have it made anew.
cache=.build-deploy/root-$(cksum <<<"$packages" | cut -d ' ' -f 1).tar
mirror=${POOLHUB_DEBIAN_MIRROR:-http://deb.debian.org/debian}

give_up() {
  echo "make test-deploy: $1" >&2
  if [ "${POOLHUB_SKIP_NSPAWN:-}" = 1 ]; then
    echo "SKIPPED, because POOLHUB_SKIP_NSPAWN=1; nothing of this was tried:" >&2
    sed -n 's/^    ("\(.*\)", .*),$/  - \1/p' $here/proof.py >&2
    exit 0
  fi
  echo "(POOLHUB_SKIP_NSPAWN=1 skips it.)" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || give_up "a container with systemd takes Linux"
[ "$(id -u)" = 0 ] || give_up "it needs root: debootstrap, systemd-nspawn and nsenter do"
for program in debootstrap systemd-nspawn nsenter dpkg-deb; do
  command -v "$program" >/dev/null || give_up "$program is missing: deploy/setup-debian.sh deploy installs it"
done
if [ ! -f "$package" ]; then
  echo "make test-deploy: there is no $package: make deb builds it" >&2
  exit 1
fi

work=$(mktemp -d /var/tmp/poolhub-deploy.XXXXXX)
nspawn=
leader=
finish() {
  status=$?
  trap - EXIT INT TERM
  if [ -n "$leader" ]; then
    kill -s RTMIN+4 "$leader" 2>/dev/null || true # systemd: power off
    for _ in $(seq 100); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.2; done
  fi
  if [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null; then kill -KILL "$nspawn" ${leader:+"$leader"} || true; fi
  wait 2>/dev/null || true
  if [ "$status" != 0 ] && [ -f "$work/console.log" ]; then echo "--- the console"; tail -n 40 "$work/console.log"; fi
  rmdir /run/systemd/nspawn/propagate/poolhub-test 2>/dev/null || true
  rm -rf --one-file-system "$work"
  exit "$status"
}
trap finish EXIT INT TERM

if [ ! -f "$cache" ]; then
  echo "making a Debian 12 (once; it is kept in $cache)"
  mkdir -p "$(dirname "$cache")" "$work/new"
  debootstrap --variant=minbase --include="$packages" bookworm "$work/new" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log" >&2; give_up "debootstrap failed"; }
  rm -rf "$work"/new/var/cache/apt/archives/*.deb "$work"/new/var/lib/apt/lists/*
  tar -C "$work/new" -cf "$cache.new" .
  mv "$cache.new" "$cache"
  rm -rf "$work/new"
fi

mkdir "$work/root"
tar -C "$work/root" -xf "$cache"
root=$work/root
echo poolhub-test >"$root/etc/hostname"
printf '127.0.0.1 localhost poolhub-test\n::1 localhost\n' >"$root/etc/hosts"
mkdir "$root/root/proof"
cp $here/*.py deploy/RUNBOOK.md "$root/root/proof"
cp "$package" "$root/root/proof"
# The same programs as another version, for an upgrade and the way back, each in a folder of its own.
mkdir "$root"/root/proof/{new,old}
ln -s "../$(basename "$package")" "$root/root/proof/old/"
dpkg-deb -R "$package" "$work/second"
sed -i 's/^Version: .*/&+1/' "$work/second/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -b "$work/second" "$root/root/proof/new/poolhub_new_amd64.deb" >/dev/null
rm -rf "$work/second"

# A network namespace of its own, with nothing but a loopback: no port of this host is touched.
systemd-nspawn --quiet --register=no --keep-unit --private-network --machine=poolhub-test --console=pipe \
  --directory="$root" --boot >"$work/console.log" 2>&1 </dev/null &
nspawn=$!
inside() {
  nsenter -t "$leader" -a env -i -C /root/proof PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# Our child is first nspawn's own, then systemd: it is there once it says so itself.
state=
for _ in $(seq 300); do
  leader=$(pgrep -P "$nspawn" | head -n 1 || true)
  state=$([ -z "$leader" ] || inside systemctl is-system-running 2>/dev/null || true)
  case $state in running | degraded) break ;; esac
  kill -0 "$nspawn" 2>/dev/null || break
  sleep 0.2
done
case $state in running | degraded) ;; *) give_up "systemd-nspawn cannot boot here (${state:-it said nothing})" ;; esac

inside python3 -B proof.py "$@"
