#!/bin/bash
# Installs what was built below a prefix: install.sh PREFIX [FINAL-PREFIX], with SWARM naming the
# program, and SWARM_SIM the simulator.
set -euo pipefail
cd "$(dirname "$0")/../.."
swarm=${SWARM:?names the program}
simulator=${SWARM_SIM:?names the simulator}
prefix=${1:?the prefix}
# Where the files will be in the end, if they are put elsewhere first, as packages are made.
home=${2:-$prefix}

put() { install -D "$@"; }

put -m 755 "$swarm" "$prefix/bin/swarm"
put -m 755 "$simulator" "$prefix/bin/swarm-sim"
for scenario in Fixtures/Scenarios/*.scenario; do
    put -m 644 "$scenario" "$prefix/share/swarm/scenarios/${scenario##*/}"
done
for page in Docs/man/*.[1-8]; do
    put -m 644 "$page" "$prefix/share/man/man${page##*.}/${page##*/}"
done
completions() {
    local text
    text=$(mktemp)
    "$swarm" completions "$1" >"$text"
    put -m 644 "$text" "$prefix/share/$2"
    rm -f "$text"
}
completions bash bash-completion/completions/swarm
completions zsh zsh/site-functions/_swarm
completions fish fish/vendor_completions.d/swarm.fish
unit() {
    local text
    text=$(mktemp)
    sed "s|@PREFIX@|$home|" "$1" >"$text"
    put -m 644 "$text" "$prefix/$2/swarm.service"
    rm -f "$text"
}
unit Docs/systemd/swarm.service lib/systemd/system
# Also of a prefix in a home folder, this is where users' units are looked for.
unit Docs/systemd/swarm.user.service share/systemd/user
put -m 644 Docs/systemd/sysusers.conf "$prefix/lib/sysusers.d/swarm.conf"
echo "installed below $prefix"
