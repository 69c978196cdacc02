#!/bin/bash
# A small DHT, a peer that shares a folder, and one that knows nothing but its magnet link and one
# node of the DHT: it fetches the folder, is killed halfway, and goes on where it was. There is no
# tracker. Everything happens on this machine, in a folder that is removed at the end.
set -euo pipefail
swarm=${SWARM:?names the program}

place=$(mktemp -d "${TMPDIR:-/tmp}/swarm-demo-XXXXXX")
seeder= fetcher= nodes=()
finish() {
    [ -z "$fetcher" ] || kill -KILL "$fetcher" 2>/dev/null || true
    for process in $seeder "${nodes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$place"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    [ ! -s "$place/seed.log" ] || tail -n 20 "$place/seed.log" >&2
    exit 1
}
run() {
    printf '$ swarm %s\n' "$*"
    "$swarm" "$@"
}
free_port() {
    local port
    while port=$((20000 + RANDOM)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

say "A folder with something in it"
mkdir -p "$place/shared/Photos of 木/deep" "$place/fetched" "$place/state-1" "$place/state-2"
for number in 1 2 3 4; do
    head -c $((number * 6000000 + number)) /dev/urandom >"$place/shared/Photos of 木/$number.raw"
done
echo "Hello, swarm." >"$place/shared/Photos of 木/deep/hello.txt"
: >"$place/shared/Photos of 木/empty"
du -sh "$place/shared/Photos of 木"

say "Three nodes make a DHT; each but the first knows one other"
here=(--bind 127.0.0.1)
entries=()
for number in 1 2 3; do
    port=$(free_port)
    known=()
    [ "$number" = 1 ] || known=(--dht-bootstrap "127.0.0.1:${entries[-1]}")
    printf '$ swarm dht node --bind 127.0.0.1 --port %s %s\n' "$port" "${known[*]}"
    # The first waits for the others: it knows itself only, and looks for nobody in the world.
    [ "$number" != 1 ] || known=(--dht-bootstrap "127.0.0.1:$port")
    "$swarm" dht node "${here[@]}" --port "$port" "${known[@]}" \
        --state-dir "$place/node-$number" >"$place/node-$number.log" 2>&1 &
    nodes+=($!)
    entries+=("$port")
    # Who is asked before it listens is asked again only later, and the next ones would begin
    # as two networks.
    for _ in $(seq 150); do
        grep -q "127.0.0.1:$port" "$place/node-$number.log" && break
        kill -0 "${nodes[-1]}" 2>/dev/null || fail "a node has ended"
        sleep 0.1
    done
done

say "The first peer seeds the folder. It prints the magnet link"
printf '$ swarm seed "Photos of 木" --dht-bootstrap 127.0.0.1:%s\n' "${entries[0]}"
"$swarm" seed "$place/shared/Photos of 木" -o "$place/photos.torrent" "${here[@]}" --no-lsd \
    --dht-bootstrap "127.0.0.1:${entries[0]}" --state-dir "$place/state-1" \
    >"$place/seed.log" 2>&1 &
seeder=$!
link=
for _ in $(seq 150); do
    link=$(grep -m 1 '^magnet:' "$place/seed.log") && break
    kill -0 "$seeder" 2>/dev/null || fail "the seed has ended"
    sleep 0.1
done
[ -n "$link" ] || fail "no magnet link was printed"
echo "$link"

say "The second peer knows the link and another node; it takes 8 MiB a second, and is killed"
fetch=(fetch "$link" --output "$place/fetched" "${here[@]}" --no-lsd
    --dht-bootstrap "127.0.0.1:${entries[2]}" --state-dir "$place/state-2")
printf '$ swarm fetch "magnet:…" --dht-bootstrap 127.0.0.1:%s\n' "${entries[2]}"
"$swarm" "${fetch[@]}" --down-limit 8MiB >"$place/fetch.log" 2>&1 &
fetcher=$!
for _ in $(seq 300); do
    [ "$(du -sb "$place/fetched" | cut -f 1)" -gt 8000000 ] && break
    kill -0 "$fetcher" 2>/dev/null || fail "the fetch has ended: $(tail -n 1 "$place/fetch.log")"
    sleep 0.1
done
sleep 1
kill -KILL "$fetcher" 2>/dev/null || fail "the fetch ended before it could be killed"
wait "$fetcher" 2>/dev/null || true
fetcher=
echo "killed; on disk:"
du -sh "$place/fetched"

say "It is started again, and goes on from there"
"$swarm" "${fetch[@]}" --stall-timeout 60s

say "Every byte is compared"
diff -r "$place/shared" "$place/fetched" || fail "the copies differ"
echo "identical: $(find "$place/fetched" -type f | wc -l) files"
