#!/bin/bash
# Installs what was built below a prefix: install.sh PREFIX [FINAL-PREFIX], with SWARM naming the
# program.
set -euo pipefail
cd "$(dirname "$0")/../.."
swarm=${SWARM:?names the program}
prefix=${1:?the prefix}
# Where the files will be in the end, if they are put elsewhere first, as packages are made.
home=${2:-$prefix}

put() { install -D "$@"; }

put -m 755 "$swarm" "$prefix/bin/swarm"
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
