#!/bin/bash
# Builds the packages of HEAD once more, from nothing and in another folder, and compares them byte by byte with
# those that `make deb` made of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ -z "$(git status --porcelain)" ] || echo "what isn't committed is in the one and not in the other" >&2
work=$(mktemp -d "${TMPDIR:-/var/tmp}/poolhub-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
git clone --quiet . "$work/clone"
cp Package.resolved "$work/clone"
"$work/clone/deploy/debian/build.sh" >/dev/null
for file in .build-deb/*.deb; do
  cmp "$file" "$work/clone/$file"
  sha256sum "$file"
done
echo "both builds are the same, byte by byte"
