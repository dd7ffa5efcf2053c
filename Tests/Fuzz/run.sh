#!/bin/bash
# Builds the parsers with libFuzzer and the address sanitizer, and tries each for a while:
# run.sh SECONDS-EACH [TARGET…]. What it finds is written into .build/fuzz/findings, and ends it with 1.
# It takes swift-crypto from the ordinary debug build.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=$1
shift
out=$PWD/.build/fuzz
built=$PWD/.build/debug
flags=(-sanitize=fuzzer,address -O -whole-module-optimization -parse-as-library -swift-version 6
  -package-name poolhub -I "$out" -I "$built/Modules")
mkdir -p "$out/findings"

module() { # NAME FOLDER
  swiftc "${flags[@]}" -module-name "$1" -emit-module -emit-module-path "$out/$1.swiftmodule" \
    -c "$2"/*.swift -o "$out/$1.o"
}
module Domain Sources/Shared/Domain
module JSON Sources/Shared/JSON
module Wire Sources/Shared/Wire
module GatewayAPI Sources/Gateway/API
module GatewayPolicy Sources/Gateway/Policy
module FuzzTargets Tests/Fuzz/Targets
module LibFuzzer Tests/Fuzz/LibFuzzer
mapfile -t crypto < <(find "$built"/{Crypto,CryptoBoringWrapper,CCryptoBoringSSL,CCryptoBoringSSLShims,CXKCP,CXKCPShims}.build/ -name '*.o')
swiftc -sanitize=fuzzer,address "$out"/*.o "${crypto[@]}" -o "$out/fuzz" 2> >(grep -v 'Cannot export local' >&2)

# One file an input, as libFuzzer wants it.
python3 - "$out/seeds" <<'PYTHON'
import pathlib, shutil, sys
seeds = pathlib.Path(sys.argv[1])
shutil.rmtree(seeds, ignore_errors=True)
for file in pathlib.Path("Tests/Fuzz/Corpus").iterdir():
    lines = file.read_text(encoding="utf-8").splitlines()
    kind = {"record": "*-message-*", "change": "*-change-*"}.get(file.stem)
    lines += [each.read_text() for each in pathlib.Path("Tests/WireTests/Golden").glob(kind)] if kind else []
    (seeds / file.stem).mkdir(parents=True)
    for number, line in enumerate(lines):
        data = bytes.fromhex("".join(line.split())) if file.suffix == ".hex" else line.encode()
        (seeds / file.stem / f"{number:03}").write_bytes(data)
PYTHON

status=0
for seeds in "$out"/seeds/*; do
  target=${seeds##*/}
  if [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; then continue; fi
  mkdir -p "$out/corpus/$target"
  # A crash's trace is libFuzzer's; Swift's own would take minutes to look up names.
  if FUZZ_TARGET=$target SWIFT_BACKTRACE=enable=no "$out/fuzz" "$out/corpus/$target" "$seeds" \
    -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$out/findings/$target-" >"$out/$target.log" 2>&1; then
    echo "ok      $target: $(sed -n 's/stat::number_of_executed_units: *//p' "$out/$target.log") inputs"
  else
    echo "FAILED  $target: see $out/$target.log"
    grep -E 'ERROR|Fatal|fatal' "$out/$target.log" | head -3
    status=1
  fi
done
exit $status
