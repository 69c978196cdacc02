"""Ten thousand torrents, and the tracker that counts their announces."""
import hashlib
import json
import multiprocessing
import random
import signal
import socket
import time
import urllib.parse

import bench

# Where peers meet: nobody dials 127.0.0.1 because a tracker says so.
ADDRESS = "10.66.0.1"
PIECE = 16 << 10
INTERVAL = 1_800


class Tracker:
    """Counts announces, in a process of its own. It tells peers only `for=fetch`."""

    def __init__(self):
        self.port = bench.free_port()
        self.process = multiprocessing.Process(target=serve_tracker, args=(self.port,), daemon=True)
        self.process.start()
        bench.wait_until("the tracker answers", 10, self.is_up)

    def is_up(self):
        try:
            return self.ask("/counts") is not None
        except OSError:
            return False

    def ask(self, path):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def serve_tracker(port):
    import asyncio

    dice = random.Random(1)
    due, counts, peers = {}, {}, {}
    # When the last one that had not announced before did.
    last_new = 0.0

    def announce(target):
        nonlocal last_new
        query = target.partition("?")[2]
        given = dict(pair.partition("=")[::2] for pair in query.split("&"))
        torrent = urllib.parse.unquote_to_bytes(given.get("info_hash", ""))
        event = given.get("event", "none") or "none"
        interval, found = INTERVAL, b""
        if "for" in given:
            place = socket.inet_aton(ADDRESS) + int(given.get("port", 0)).to_bytes(2, "big")
            known = peers.setdefault(torrent, set())
            if given.get("left") == "0" and event != "stopped":
                known.add(place)
            elif event == "stopped":
                known.discard(place)
            found = b"".join(known - {place})
        else:
            now = time.monotonic()
            counts[event] = counts.get(event, 0) + 1
            if event == "stopped":
                due.pop(torrent, None)
            else:
                if torrent not in due:
                    interval = dice.randint(60, INTERVAL)
                    last_new = now
                due[torrent] = now + interval
        return b"d8:intervali%de5:peers%d:%se" % (interval, len(found), found)

    def answer(target):
        if target.startswith("/counts"):
            now = time.monotonic()
            return json.dumps({
                "counts": counts, "torrents": len(due), "last_new": last_new,
                "overdue": sum(1 for time in due.values() if time < now - 90)}).encode()
        if target.startswith("/reset"):
            counts.clear()
            due.clear()
            return b"{}"
        return announce(target)

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, _, fields = head.partition(b"\r\n")
                _, target, version = line.decode("latin-1").split(" ")
                stays = version == "HTTP/1.1" and b"connection: close" not in fields.lower()
                body = answer(target)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                    b"Connection: %s\r\n\r\n%s"
                    % (len(body), b"keep-alive" if stays else b"close", body))
                await writer.drain()
                if not stays:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
        await server.serve_forever()

    # Who has started it ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(run())


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    parts = b"".join(bencode(key) + bencode(value[key]) for key in sorted(value))
    return b"d" + parts + b"e"


def make_torrents(folder, count, tracker):
    """Writes the contents into the folder; gives the metainfos."""
    folder.mkdir(parents=True)
    dice = random.Random(1)
    metainfos = []
    for number in range(count):
        name = f"Collected.Recordings.Volume.{number + 1:05}.flac"
        content = dice.randbytes(dice.randint(16 << 10, 64 << 10))
        (folder / name).write_bytes(content)
        hashes = b"".join(
            hashlib.sha1(content[start:start + PIECE]).digest()
            for start in range(0, len(content), PIECE))
        info = {"length": len(content), "name": name, "piece length": PIECE, "pieces": hashes}
        metainfos.append(bencode({
            "announce": f"http://127.0.0.1:{tracker.port}/announce", "info": info}))
    return metainfos


def make_large(folder, name, gibibytes, tracker):
    """A file of zeros, and its metainfo."""
    folder.mkdir(parents=True, exist_ok=True)
    piece, count = 1 << 20, int(gibibytes * 1024)
    with open(folder / name, "wb") as file:
        file.truncate(piece * count)
    info = {
        "length": piece * count, "name": name, "piece length": piece,
        "pieces": hashlib.sha1(bytes(piece)).digest() * count}
    return bencode({
        "announce": f"http://127.0.0.1:{tracker.port}/announce?for=fetch", "info": info})
