#!/bin/bash
# Fuzzes one entry, beginning with its corpus in Fixtures/Corpora: fuzz.sh ENTRY SECONDS
# What is found is kept in .build/fuzz/ENTRY; an input that breaks something is named at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
entry=$1 seconds=$2

resources=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
archive=$(find -L "$resources/clang/lib/linux" -name "libclang_rt.fuzzer_no_main-$(uname -m).a" | head -n 1)
[ -n "$archive" ] || { echo "make: this Swift has no libFuzzer beside $resources" >&2; exit 1; }

export SWARM_FUZZ=$archive SWARM_ROOMS=FuzzCorpus
flags=(-c release --scratch-path .build/fuzz --explicit-target-dependency-import-check error)
swift build "${flags[@]}" --product swarm-fuzz
program=$(swift build "${flags[@]}" --show-bin-path)/swarm-fuzz

corpus=.build/fuzz/corpus/$entry
mkdir -p "$corpus"
SWIFT_BACKTRACE=enable=no "$program" "$entry" -max_total_time="$seconds" \
    -dict=Tests/Fuzz/words.dict -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$corpus.found-" \
    "$corpus" "Fixtures/Corpora/$entry"
