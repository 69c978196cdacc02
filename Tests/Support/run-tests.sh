#!/bin/bash
# Runs the built tests, all parts of them even if one fails, and says at the very end what failed:
# whoever sees only the end of a long log needs no more. The whole of it stays in .build/tests.
#
#   run-tests.sh             every test
#   run-tests.sh FILTER      only the suites whose names match
#
# SWIFT_FLAGS go to 'swift test'.
set -euo pipefail
cd "$(dirname "$0")/../.."

filter=${1:-}
logs=.build/tests
read -ra flags <<<"${SWIFT_FLAGS:-}"
failed=()

rm -rf "$logs"
mkdir -p "$logs"

# part NAME ARGUMENT…: what is printed meanwhile is kept, too.
part() {
    local name=$1
    shift
    swift test "${flags[@]}" --skip-build --parallel "$@" 2>&1 | tee "$logs/$name.log" ||
        failed+=("$name")
}

# What is worth reading of a part's log: issues with what belongs to them, and crashes with the
# lines of ours in the backtrace.
digest() {
    LC_ALL=C awk '
        function say(line) { if (lines++ < 30) print line }
        # The only lines that begin so and tell of something new.
        /^(✘|✔|◇|➜|⊘)/ { inIssue = 0 }
        /^✘ .* recorded an issue/ {
            say($0); issues++; details = 0; inIssue = 1
            next
        }
        inIssue && NF > 0 && details++ < 5 { say("    " $0); next }
        /Fatal error|AddressSanitizer|\*\*\* Program crashed/ { say($0); crashes++ }
        / crashed:$/ { inTrace = 1; frames = 0 }
        inTrace && /^$/ && frames > 0 { inTrace = 0 }
        inTrace && / at .*\/(Sources|Tests)\/.*\.swift:/ && frames++ < 4 {
            line = $0; sub(/^ *[0-9]+ .*0x[0-9a-f]+ /, "", line); sub(/ in [^ ]+\.xctest/, "", line)
            say("    " line)
        }
        /unexpected signal code/ {
            sub(/.*exited with /, "the tests ended with "); say($0); crashes++
        }
        /^◇ Test .* started\.$/ && !/ Test (case|run) / { open[name($0, " started.")] = NR }
        /^(✘|✔) Test .* (passed|failed) after / {
            line = $0; sub(/ with [0-9]+ test cases? /, " ", line)
            sub(/ (passed|failed) after .*/, " started.", line)
            delete open[name(line, " started.")]
        }
        END {
            if (lines > 30) print "… and " lines - 30 " lines more"
            # Without a backtrace those that had not ended are all that is known.
            if (crashes && frames == 0)
                for (test in open) if (unfinished++ < 5) print "    had not ended: " test
            exit (issues + crashes == 0)
        }
        function name(line, end) {
            sub(/^[^ ]+ Test /, "", line)
            return substr(line, 1, length(line) - length(end))
        }
    ' "$1" || tail -n 15 "$1"
}

# Each place where tests failed, once.
names() {
    local place='[A-Za-z0-9_+-]+\.swift:[0-9]+'
    LC_ALL=C sed -nE "s/^✘ Test (.*) recorded an issue( with .*)? at ($place).*/failed: \1 at \3/p" \
        "$@" | awk '!seen[$0]++ && ++count <= 10'
}

if [ -n "$filter" ]; then
    part tests --filter "$filter"
else
    # What only computes comes first and by itself: it takes all cores for minutes, for which those
    # who wait for sockets and other programs would wait too long. So do the tests of the programs,
    # which hold a thread each while one runs: there are as many threads as cores, and all that is
    # asynchronous beside them would stand still for seconds. Of the rest not all begin at once, for
    # the same reason; but with other clients each waits for minutes, so that all do.
    machines='^(Units|Bencode|JSONText|Hashing|Metainfo|PeerWire|Tracker|Kademlia|SwarmScheduler'
    machines+='|Simulator|Terminal|FuzzCorpus|Tidy)Tests'
    commands='^(Chunker|swarm|swarm_sim)Tests'
    part machines --filter "$machines"
    part commands --filter "$commands"
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=16 \
        part shells --skip "$machines" --skip "$commands" --skip '^InteropTests'
    part interop --filter '^InteropTests'
fi

[ ${#failed[@]} -gt 0 ] || exit 0
{
    echo
    echo "== what failed; the whole of it is in $logs =="
    for name in "${failed[@]}"; do
        echo "-- $name"
        digest "$logs/$name.log"
    done
    names "$logs"/*.log
} | LC_ALL=C.UTF-8 sed -E 's/^(.{200}).+/\1…/' >&2
exit 1
