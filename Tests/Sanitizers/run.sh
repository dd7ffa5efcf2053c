#!/bin/bash
# Builds the part of the tests that Package.swift keeps for it under a sanitizer, into a folder of its own,
# and runs it: run.sh address|thread [FILTER]
#
# That part is the C bridges, messaging and what is pure. What it leaves out, and why:
# - OnePortTests and the gateway itself need NIO and Hummingbird: a much larger build, for code whose threads
#   are NIO's loops.
# - Integration, chaos and fleet tests start whole programs and wait for leases of seconds: made slower, their
#   time limits would decide, and the programs would need that larger build.
# - Threads: what has one thread by design (the parsers, the index, trust) is the address sanitizer's alone.
# - The index's long comparison with the plain one takes as long as all the rest: `run.sh address IndexTests`
#   where the index has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."

sanitizer=$1
here=$PWD/Tests/Sanitizers
export POOLHUB_SANITIZED=1
# A report fails the run, and is printed after the tests. Swift's own traces would take minutes to look up names.
export SWIFT_BACKTRACE=enable=no
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
export ASAN_OPTIONS="log_path=$reports/report:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export LSAN_OPTIONS="suppressions=$here/leaks.txt:print_suppressions=0"
export TSAN_OPTIONS="log_path=$reports/report:suppressions=$here/threads.txt:halt_on_error=0:exitcode=66:second_deadlock_stack=1"

select=(--filter 'MessagingTests|StoreTests|GatewayTests')
if [ "$sanitizer" = address ]; then
  select=("${select[@]}" --filter 'BytesTests|DomainTests|FuzzTests|IndexTests|JSONTests|TrustTests|WireTests' --skip BlockOracleTests)
fi
if [ $# -gt 1 ]; then select=(--filter "$2"); fi

build=(--sanitize="$sanitizer" --scratch-path ".build-$sanitizer")
swift build "${build[@]}" --build-tests
swift test "${build[@]}" --skip-build --no-parallel "${select[@]}" || {
  status=$?
  shopt -s nullglob
  for report in "$reports"/*; do cat "$report"; done
  # Once more at the end, where whoever sees the last lines only finds them.
  for report in "$reports"/*; do grep '^SUMMARY' "$report" | sort | uniq -c; done
  exit $status
}
