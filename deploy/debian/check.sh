#!/bin/bash
# Builds the packages of HEAD once more, from nothing and in another folder, and compares them byte by byte with
# those that `make deb` made of it. Where they differ, the second build is kept, to be looked into.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ -z "$(git status --porcelain)" ] || echo "what isn't committed is in the one and not in the other" >&2
work=$(mktemp -d "${TMPDIR:-/var/tmp}/poolhub-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
git clone --quiet . "$work/clone"
cp Package.resolved "$work/clone"
"$work/clone/deploy/debian/build.sh" >/dev/null
same=true
for file in .build-deb/*.deb; do
  cmp "$file" "$work/clone/$file" || same=false
  sha256sum "$file" "$work/clone/$file"
done
if ! $same; then
  trap - EXIT
  diff -rq .build-deb/root "$work/clone/.build-deb/root" || true
  echo "the builds differ; the second one is kept in $work" >&2
  exit 1
fi
echo "both builds are the same, byte by byte"
