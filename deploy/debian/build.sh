#!/bin/bash
# Builds the Debian package, and the one with its debug symbols, into .build-deb. Of one commit, with the same compiler
# and the same versions in Package.resolved, they are to be the same byte by byte, wherever the clone lies (check.sh).
# DEB_VERSION sets another version than the sources', DEB_MAINTAINER who answers for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
export LC_ALL=C TZ=UTC

here=deploy/debian
out=.build-deb
programs=(poolhub poolhub-gateway poolhub-scorer)
version=${DEB_VERSION:-$(sed -n 's/.*static let current = "\(.*\)".*/\1/p' Sources/Shared/Domain/Version.swift)}
maintainer=${DEB_MAINTAINER:-Pool Hub maintainers <maintainers@poolhub.invalid>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# The Swift runtime goes in. No path of this clone does: what the compiler writes down is relative to it; macros' code
# lies in TMPDIR, whose name would be split where it begins as the clone's does; C modules, whose cache is named by its
# path, are left out; and so are the hashes by which the compiler knows its own work again, for paths go into them.
# One thing of a path stays, its length (where a closure is checked not to escape): so libraries are built by way of a
# link whose name is as long for every clone.
compile() {
  local program
  link=/dev/shm/poolhub-deb-$(sha256sum <<<"$PWD" | cut -c1-16)
  trap 'rm -f "$link"' EXIT
  mkdir -p "$out/swift"
  ln -sfn "$PWD/$out/swift" "$link"
  for program in "${programs[@]}"; do
    TMPDIR=/dev/shm swift build -c release --scratch-path "$link" --product "$program" \
      --static-swift-stdlib -Xlinker --build-id=sha1 \
      -Xswiftc -file-prefix-map -Xswiftc "$PWD=." -Xswiftc -file-prefix-map -Xswiftc "$link=$out/swift" \
      -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs \
      -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen -Xcc "-ffile-prefix-map=$PWD=." \
      -Xcc "-ffile-prefix-map=$link=$out/swift"
  done
}

# Splits each program into what runs and its debug symbols, found by the program's build id.
install_programs() {
  local program id symbols
  mkdir -p "$root/usr/bin"
  for program in "${programs[@]}"; do
    id=$(readelf -n "$out/swift/release/$program" | sed -n 's/ *Build ID: //p')
    symbols=$debug/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
    mkdir -p "$(dirname "$symbols")"
    objcopy --only-keep-debug --compress-debug-sections=zlib "$out/swift/release/$program" "$symbols"
    strip --strip-all --remove-section=.comment --remove-section=.note \
      -o "$root/usr/bin/$program" "$out/swift/release/$program"
    chmod 0644 "$symbols"
    build_ids+=("$id")
  done
}

install_documents() {
  local program doc=$root/usr/share/doc/poolhub
  mkdir -p "$doc" "$root"/usr/share/{man/man1,man/man5,bash-completion/completions} \
    "$root"/usr/share/{zsh/vendor-completions,fish/vendor_completions.d}
  for program in "${programs[@]}"; do
    "$root/usr/bin/$program" --experimental-dump-help |
      python3 $here/manual.py program "$version" >"$root/usr/share/man/man1/$program.1"
    "$root/usr/bin/$program" --generate-completion-script bash | sed "1{/^#!/d}" \
      >"$root/usr/share/bash-completion/completions/$program"
    "$root/usr/bin/$program" --generate-completion-script zsh \
      >"$root/usr/share/zsh/vendor-completions/_$program"
    "$root/usr/bin/$program" --generate-completion-script fish \
      >"$root/usr/share/fish/vendor_completions.d/$program.fish"
  done
  python3 $here/manual.py settings "$version" <.env.example >"$root/usr/share/man/man5/poolhub.env.5"
  gzip -9n "$root"/usr/share/man/man?/*
  printf 'poolhub (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
  gzip -9n <CHANGELOG.md >"$doc/CHANGELOG.md.gz"
  python3 $here/copyright.py "$out/swift" "${programs[@]}" >"$doc/copyright"
  install -m 0644 README.md ARCHITECTURE.md SECURITY.md openapi.yaml deploy/RUNBOOK.md deploy/METRICS.md "$doc"
}

install_system_files() {
  mkdir -p "$root"/usr/lib/{poolhub,sysusers.d,tmpfiles.d,systemd/system} "$root/etc/poolhub" \
    "$root/usr/share/poolhub/migrations" "$root/usr/share/lintian/overrides"
  install -m 0755 $here/{before-start,after-stop,refresh-credentials} "$root/usr/lib/poolhub"
  install -m 0644 deploy/systemd/* "$root/usr/lib/systemd/system"
  install -m 0644 $here/sysusers.conf "$root/usr/lib/sysusers.d/poolhub.conf"
  install -m 0644 $here/tmpfiles.conf "$root/usr/lib/tmpfiles.d/poolhub.conf"
  install -m 0644 migrations/*.sql "$root/usr/share/poolhub/migrations"
  # What stands around the hub, for an administrator to copy.
  cp -r --no-preserve=mode deploy/{nginx,haproxy,redis,postgresql,prometheus,grafana} "$root/usr/share/poolhub"
  install -m 0644 $here/lintian-overrides "$root/usr/share/lintian/overrides/poolhub"
  python3 $here/settings.py "$root/etc/poolhub" <.env.example
}

# pack TREE CONTROL: the package of a tree, with the template of its control file.
pack() {
  local tree=$1 control=$2 file
  file=$out/$(sed -n 's/^Package: //p' "$here/$control")_${version}_amd64.deb
  (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
    >"$tree/DEBIAN/md5sums"
  sed -e "s/@VERSION@/$version/" -e "s/@DEPENDS@/$depends/" -e "s/@BUILD_IDS@/${build_ids[*]}/" \
    -e "s/@MAINTAINER@/$maintainer/" \
    -e "s/@SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)/" \
    "$here/$control" >"$tree/DEBIAN/control"
  find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  # With two threads the blocks are the same ones on any machine.
  dpkg-deb --root-owner-group -Zxz --threads-max=2 --build "$tree" "$file" >/dev/null
  ls -l --block-size=K "$file" | awk '{ print $NF, $5 }'
}

# What dpkg-shlibdeps finds the programs to need.
dependencies() {
  local work=$out/shlibdeps
  mkdir -p "$work/debian"
  printf 'Source: poolhub\n\nPackage: poolhub\nArchitecture: amd64\n' >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps -O "${programs[@]/#/../root/usr/bin/}" 2>/dev/null) |
    sed -n 's/^shlibs:Depends=//p'
}

compile
root=$out/root
debug=$out/debug
rm -rf "$root" "$debug" "$out"/*.deb
mkdir -p "$root/DEBIAN" "$debug/DEBIAN" "$debug/usr/share/doc"
build_ids=()
install_programs
install_documents
install_system_files
ln -s poolhub "$debug/usr/share/doc/poolhub-dbgsym"
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
install -m 0755 $here/{postinst,prerm,postrm} "$root/DEBIAN"
depends=$(dependencies)
pack "$root" control.in
pack "$debug" control-dbgsym.in
