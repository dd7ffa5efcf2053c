#!/bin/bash
# Builds the part of the tests that Package.swift keeps for it under a sanitizer, into a folder of its own,
# and runs it: run.sh address|thread [FILTER]
set -euo pipefail
cd "$(dirname "$0")/../.."

sanitizer=$1
here=$PWD/Tests/Sanitizers
export POOLHUB_SANITIZED=1
# A report fails the run. Swift's own traces would take minutes to look up names.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export LSAN_OPTIONS="suppressions=$here/leaks.txt:print_suppressions=0"
export TSAN_OPTIONS="suppressions=$here/threads.txt:halt_on_error=0:exitcode=66:second_deadlock_stack=1"

# What threads share is the thread sanitizer's; the address sanitizer also gets the parsers. The index's
# oracles take it far longer than all of these: `run.sh address IndexTests` where the index has changed.
filter='MessagingTests|StoreTests|GatewayTests'
if [ "$sanitizer" = address ]; then filter+='|DomainTests|FuzzTests|TrustTests|WireTests'; fi
filter=${2:-$filter}

build=(--sanitize="$sanitizer" --scratch-path ".build-$sanitizer")
swift build "${build[@]}" --build-tests
exec swift test "${build[@]}" --skip-build --no-parallel --filter "$filter"
