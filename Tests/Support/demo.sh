#!/bin/bash
# One peer shares a folder, another fetches it, is killed halfway, and goes on where it was.
# Everything happens on this machine, in a folder that is removed at the end.
set -euo pipefail
swarm=${SWARM:?names the program}

place=$(mktemp -d "${TMPDIR:-/tmp}/swarm-demo-XXXXXX")
seeder= fetcher=
finish() {
    [ -z "$fetcher" ] || kill -KILL "$fetcher" 2>/dev/null || true
    [ -z "$seeder" ] || kill "$seeder" 2>/dev/null || true
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

say "The first peer makes its manifest and seeds it"
port=$(free_port)
alone=(--no-dht --no-lsd)
torrent=$place/photos.torrent
printf '$ swarm seed "Photos of 木" -o photos.torrent --port %s\n' "$port"
"$swarm" seed "$place/shared/Photos of 木" -o "$torrent" --port "$port" "${alone[@]}" \
    --state-dir "$place/state-1" >"$place/seed.log" 2>&1 &
seeder=$!
for _ in $(seq 150); do
    [ -s "$torrent" ] && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$seeder" 2>/dev/null || fail "the seed has ended"
    sleep 0.1
done
[ -s "$torrent" ] || fail "no manifest was made"
run show "$torrent"
run magnet "$torrent"

say "The second peer takes 8 MiB a second, and is killed"
fetch=(fetch "$torrent" --output "$place/fetched" --peer "127.0.0.1:$port" --port 0 --no-seed
    "${alone[@]}" --state-dir "$place/state-2")
"$swarm" "${fetch[@]}" --down-limit 8MiB >/dev/null 2>&1 &
fetcher=$!
sleep 4
kill -KILL "$fetcher" 2>/dev/null || fail "the fetch ended before it could be killed"
wait "$fetcher" 2>/dev/null || true
fetcher=
echo "killed; on disk:"
du -sh "$place/fetched"

say "It is started again, and goes on from there"
"$swarm" "${fetch[@]}"

say "Every byte is compared"
diff -r "$place/shared" "$place/fetched" || fail "the copies differ"
echo "identical: $(find "$place/fetched" -type f | wc -l) files"
