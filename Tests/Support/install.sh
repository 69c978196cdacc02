#!/bin/bash
# Installs what was built below a prefix: install.sh PREFIX, with SWARM naming the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
swarm=${SWARM:?names the program}
prefix=${1:?the prefix}

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
echo "installed below $prefix"
