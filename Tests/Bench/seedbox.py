#!/usr/bin/env python3
"""Ten thousand seeds on our daemon, and the same ones on transmission-daemon beside it.

  SWARM=path/to/swarm seedbox.py [--count 10000] [--rounds 3] [--write Docs/PERFORMANCE.md]

Makes small complete torrents, each with the URL of a tracker that this program is itself; has each
daemon take them, ours by its API, Transmission by the files of an earlier run, as it would check
one torrent each tenth of a second; stops it; then starts it and measures, in turns, so that a noisy
minute hits both:

- from the start of the process to the first answered list with all torrents in it;
- memory and the share of a core that is used, when all has settled. The tracker spreads the first
  answers' intervals from a minute to half an hour, and asks for half an hour from then on: so in
  the idle minute as many announce as do after months;
- how long full lists of 16 fields and deltas take, to the last byte of the answer: one after the
  other, on one connection, in a process of its own. A delta is `recently-active`, and ours also
  `?since=` with the last revision;
- the same deltas while content is fetched through the same daemon from a `swarm seed`, both without
  limits, again and again after a first time. That content is zeros, so that its seed has little to
  read.

All of it happens in a network namespace of its own, and in one session: processors are divided
among sessions first (sched(7), "The autogroup feature"), and who waits for whom depends on that.
"""
import argparse
import base64
import ctypes
import hashlib
import http.client
import json
import multiprocessing
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.parse

import bench

HEADING = "## Ten thousand seeds"
# Where peers meet: nobody dials 127.0.0.1 because a tracker says so.
ADDRESS = "10.66.0.1"
PIECE = 16 << 10
INTERVAL = 1_800
BUSY_SECONDS = 20
FIELDS = [
    "id", "hashString", "name", "status", "totalSize", "percentDone", "rateDownload", "rateUpload",
    "uploadedEver", "uploadRatio", "eta", "peersConnected", "addedDate", "downloadDir", "error",
    "errorString"]
API_FIELDS = ",".join([
    "id", "infoHash", "name", "state", "bytesWanted", "progress", "downloadRate", "uploadRate",
    "uploaded", "ratio", "secondsLeft", "peersConnected", "added", "folder", "isComplete", "error"])
# What is measured, its name, how it is written, and what it may be at most.
FIGURES = [
    ("first", "first list after the start, s", "{:.2f}", 1),
    ("seeding", "all are seeding after, s", "{:.1f}", None),
    ("announced", "all are announced after, s", "{:.1f}", None),
    ("rss", "resident memory, MiB", "{:.1f}", 64),
    ("anon", "of that anonymous, MiB", "{:.1f}", None),
    ("cpu", "idle, % of a core", "{:.2f}", 4),
    ("announces", "announces in the idle minute", "{:.0f}", None),
    ("late", "announces overdue after it", "{:.0f}", None),
    ("list_median", "full list, median, ms", "{:.1f}", None),
    ("list_p99", "full list, 99 %, ms", "{:.1f}", 60),
    ("api_list_p99", "full list of /api/v1, 99 %, ms", "{:.1f}", 60),
    ("delta_median", "delta, median, ms", "{:.2f}", None),
    ("delta_p99", "delta, 99 %, ms", "{:.2f}", 5),
    ("api_delta_p99", "delta of /api/v1, 99 %, ms", "{:.2f}", 5),
    ("busy_delta_median", "delta during a fetch, median, ms", "{:.2f}", None),
    ("busy_delta_p99", "delta during a fetch, 99 %, ms", "{:.2f}", 5),
    ("busy_api_delta_p99", "delta of /api/v1 during a fetch, 99 %, ms", "{:.2f}", 5),
    ("busy_rate", "fetched meanwhile, MB/s", "{:.0f}", None),
    ("stop", "its end, s", "{:.1f}", 10),
]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


# The tracker


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

    begin = time.monotonic()
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


# The torrents


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


def make_large(folder, gibibytes, tracker):
    """A file of zeros, and its metainfo."""
    folder.mkdir(parents=True)
    piece, count = 1 << 20, int(gibibytes * 1024)
    with open(folder / "large.bin", "wb") as file:
        file.truncate(piece * count)
    info = {
        "length": piece * count, "name": "large.bin", "piece length": piece,
        "pieces": hashlib.sha1(bytes(piece)).digest() * count}
    return bencode({
        "announce": f"http://127.0.0.1:{tracker.port}/announce?for=fetch", "info": info})


# The daemons


class Daemon:
    """A daemon with its own state, and the contents that all share."""

    kind = ""

    def __init__(self, place, content, downloads):
        self.place, self.content, self.downloads = place, content, downloads
        self.port = bench.free_port()
        self.process = None
        self.session = "0"
        self.connection = None
        place.mkdir(parents=True)
        downloads.mkdir(parents=True)

    def take(self, metainfos):
        """Has the running daemon take all torrents."""
        for metainfo in metainfos:
            self.add(metainfo, self.content)

    def prepare(self, metainfos):
        """Makes state that is there before the first start."""

    def start(self):
        self.started = time.monotonic()
        with open(self.place / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=bench.own_environment(), cwd=self.place, process_group=0)

    def stop(self):
        """Seconds that it took."""
        self.close()
        start = time.monotonic()
        bench.end(self.process, seconds=300)
        return time.monotonic() - start

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, method, path, body=None, headers={}):
        """The status, the headers and the body of an answer."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def call(self, method, **arguments):
        """The bytes of the answer."""
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(2):
            status, headers, answer = self.send(
                "POST", "/transmission/rpc", body,
                {"X-Transmission-Session-Id": self.session, "Content-Type": "application/json"})
            if status == 200:
                return answer
            if status != 409:
                break
            self.session = headers["X-Transmission-Session-Id"]
        raise RuntimeError(f"{self.kind}: {method} is answered with {status}: {answer[:200]}")

    def rpc(self, method, **arguments):
        answer = json.loads(self.call(method, **arguments))
        if answer["result"] != "success":
            raise RuntimeError(f"{self.kind}: {method}: {answer['result']}")
        return answer["arguments"]

    def add(self, metainfo, folder):
        # Of a torrent that is being removed, Transmission says for a while that it is there.
        for _ in range(100):
            found = self.rpc(
                "torrent-add", metainfo=base64.b64encode(metainfo).decode(),
                **{"download-dir": str(folder), "paused": False})
            if "torrent-added" in found:
                return found["torrent-added"]["id"]
            time.sleep(0.1)
        raise RuntimeError(f"{self.kind}: a torrent is not added")

    def first_list(self, count):
        """Seconds from the start to the last byte of the first list that has all."""
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.kind} has ended: {self.process.returncode}")
            try:
                answer = self.call("torrent-get", fields=FIELDS)
            except OSError:
                time.sleep(0.005)
                continue
            took = time.monotonic() - self.started
            if len(json.loads(answer)["arguments"]["torrents"]) == count:
                return took
            if took > 300:
                raise RuntimeError(f"{self.kind} does not list all")
            time.sleep(0.05)

    def count_seeding(self):
        torrents = self.rpc("torrent-get", fields=["id", "status"])["torrents"]
        return sum(1 for torrent in torrents if torrent["status"] == 6)

    def status(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return {name: int(fields[name].split()[0]) / 1024 for name in ["VmRSS", "RssAnon"]}

    def cpu(self):
        return bench.cpu_seconds(self.process.pid)


class Swarm(Daemon):
    kind = "swarm"

    def command(self):
        (self.place / "config.toml").write_text(f"""
[network]
port = 0
dht = false
lsd = false
[storage]
download-folder = "{self.content}"
allowed-roots = ["{self.content}", "{self.downloads}"]
state-folder = "{self.place}/state"
minimum-free = 0
[queue]
enabled = false
[api]
listen = "127.0.0.1:{self.port}"
""")
        return [os.environ["SWARM"], "daemon", "--config", str(self.place / "config.toml")]

    def api(self, path):
        status, _, answer = self.send("GET", f"/api/v1/torrents?fields={API_FIELDS}{path}")
        if status != 200:
            raise RuntimeError(f"swarm: a list is answered with {status}: {answer[:200]}")
        return answer

    def api_list(self):
        self.revision = json.loads(self.api(""))["revision"]

    def api_delta(self):
        answer = self.api(f"&since={self.revision}")
        self.revision = int(re.search(rb'"revision":(\d+)', answer)[1])

    @staticmethod
    def version():
        return subprocess.run(
            [os.environ["SWARM"], "--version"], capture_output=True, text=True).stdout.strip()


class Transmission(Daemon):
    kind = "transmission"

    def command(self):
        (self.place / "settings.json").write_text(json.dumps({
            "download-dir": str(self.content), "peer-port": bench.free_port(),
            "rpc-port": self.port, "rpc-bind-address": "127.0.0.1",
            "rpc-whitelist-enabled": False, "rpc-host-whitelist-enabled": False,
            "rpc-authentication-required": False, "dht-enabled": False, "lpd-enabled": False,
            "utp-enabled": False, "port-forwarding-enabled": False, "preallocation": 0,
            "message-level": 1, "download-queue-enabled": False}))
        return ["transmission-daemon", "-f", "-g", str(self.place)]

    def take(self, metainfos):
        """It has them since its start."""

    def prepare(self, metainfos):
        for folder in ["torrents", "resume"]:
            (self.place / folder).mkdir()
        for metainfo in metainfos:
            start = metainfo.index(b"4:info") + len(b"4:info")
            name = re.search(rb"4:name\d+:(.*?)12:piece", metainfo)[1].decode()
            file = f"{name}.{hashlib.sha1(metainfo[start:-1]).hexdigest()[:16]}"
            (self.place / "torrents" / f"{file}.torrent").write_bytes(metainfo)
            now = int(time.time())
            (self.place / "resume" / f"{file}.resume").write_bytes(bencode({
                "added-date": now, "destination": str(self.content), "name": name, "paused": 0,
                "progress": {"blocks": "all", "time-checked": [now + 60]}}))

    @staticmethod
    def version():
        told = subprocess.run(["transmission-daemon", "--version"], capture_output=True, text=True)
        return re.sub(r" \(.*", "", (told.stderr or told.stdout).strip())


# The measurement


def fill(daemon, metainfos):
    """Has the daemon take all torrents, and see that they are complete."""
    daemon.prepare(metainfos)
    daemon.start()
    start = time.monotonic()
    bench.wait_until(f"{daemon.kind} answers", 300, lambda: answers(daemon))
    daemon.take(metainfos)
    added = time.monotonic() - start
    bench.wait_until(
        f"{daemon.kind} seeds all", 900, lambda: daemon.count_seeding() == len(metainfos), 1)
    seeding = time.monotonic() - start
    stop = daemon.stop()
    print(f"{daemon.kind}: {len(metainfos)} taken in {added:.1f} s, all seeding after "
          f"{seeding:.1f} s, stopped in {stop:.1f} s", flush=True)


def answers(daemon):
    try:
        return daemon.rpc("session-get") is not None
    except OSError:
        return False


def times(count, pause, ask, seconds=0):
    """Milliseconds that each of so many took, or of more in so many seconds."""
    taken, end = [], time.monotonic() + seconds
    hurry(-10)
    while len(taken) < count or time.monotonic() < end:
        start = time.monotonic()
        ask()
        taken.append((time.monotonic() - start) * 1_000)
        time.sleep(pause)
    hurry(0)
    return taken


def hurry(niceness):
    """Who measures goes first where that is allowed: its own waits are not those of a daemon."""
    # sched_setattr(2), for which Python has no name: who takes turns of 0.1 ms is let in soon.
    number = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
    if number:
        turns = struct.pack("<IIQiIQQQ", 48, 0, 0, 0, 0, 100_000 if niceness else 0, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, turns, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    except PermissionError:
        pass


def measure_answers(daemon, requests, row):
    lists = times(requests, 0.02, lambda: daemon.call("torrent-get", fields=FIELDS))
    row["list_median"], row["list_p99"] = statistics.median(lists), percentile(lists, 0.99)
    measure_deltas(daemon, requests * 3, row, "")
    if daemon.kind == "swarm":
        lists = times(requests, 0.02, lambda: daemon.api(""))
        row["api_list_p99"] = percentile(lists, 0.99)


def measure_deltas(daemon, requests, row, prefix):
    def delta():
        daemon.call("torrent-get", fields=FIELDS, ids="recently-active")

    # So that whole fetches are in it, with their begin and their end.
    seconds = BUSY_SECONDS if prefix else 0
    deltas = times(requests, 0.01, delta, seconds)
    row[prefix + "delta_median"] = statistics.median(deltas)
    row[prefix + "delta_p99"] = percentile(deltas, 0.99)
    if daemon.kind == "swarm":
        daemon.api_list()
        deltas = times(requests, 0.01, daemon.api_delta, seconds)
        row[prefix + "api_delta_p99"] = percentile(deltas, 0.99)


class Fetching:
    """Fetches the large content again and again through the daemon, until it is left: in a process
    of its own, as a user beside the one who measures. Begins with one fetch that does not count,
    since memory that the machine has not used before comes slowly."""

    def __init__(self, daemon, metainfo):
        self.user = type(daemon)(daemon.place / "user", daemon.content, daemon.place / "unused")
        self.user.port = daemon.port
        self.metainfo, self.folder = metainfo, daemon.downloads
        self.bytes, self.seconds = multiprocessing.Value("q", 0), multiprocessing.Value("d", 0)
        self.is_warm, self.is_over = multiprocessing.Event(), multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)

    def __enter__(self):
        self.process.start()
        bench.wait_until(
            "the first fetch is done", 300,
            lambda: self.is_warm.is_set() or not self.process.is_alive())
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.process.join()
        shutil.rmtree(self.user.place)
        if self.process.exitcode != 0:
            raise RuntimeError("the fetch has failed")

    @property
    def rate(self):
        return self.bytes.value / max(self.seconds.value, 0.001)

    def run(self):
        # Who has started it ends it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while not self.is_over.is_set():
            count, seconds = self.fetch()
            if self.is_warm.is_set():
                self.bytes.value += count
                self.seconds.value += seconds
            self.is_warm.set()
        self.user.close()

    def fetch(self):
        """The bytes that came, and in how many seconds."""
        number = self.user.add(self.metainfo, self.folder)
        begin, first, done = None, 0, 0
        while not self.is_over.is_set():
            row = self.user.rpc(
                "torrent-get", ids=[number],
                fields=["sizeWhenDone", "leftUntilDone", "percentDone", "error", "errorString"]
            )["torrents"][0]
            # Of a torrent that has just been added, both are 0.
            done = row["sizeWhenDone"] - row["leftUntilDone"]
            if row["error"] == 3:
                raise RuntimeError(f"the fetch has failed: {row['errorString']}")
            if done > 0 and begin is None:
                begin, first = time.monotonic(), done
            if row["percentDone"] == 1:
                break
            time.sleep(0.25)
        seconds = time.monotonic() - begin if begin is not None else 0
        self.user.rpc("torrent-remove", ids=[number], **{"delete-local-data": True})
        file = self.folder / "large.bin"
        bench.wait_until("the fetched content is removed", 60, lambda: not file.exists())
        return done - first, seconds


def measure(daemon, tracker, large, options):
    tracker.ask("/reset")
    row = {"kind": daemon.kind}
    daemon.start()
    row["first"] = daemon.first_list(options.count)
    bench.wait_until(
        "all are seeding", 600, lambda: daemon.count_seeding() == options.count, 0.25)
    row["seeding"] = time.monotonic() - daemon.started
    daemon.close()
    bench.wait_until(
        "all have announced", 1_200, lambda: tracker.ask("/counts")["torrents"] == options.count,
        0.5)
    row["announced"] = tracker.ask("/counts")["last_new"] - daemon.started
    time.sleep(max(0, daemon.started + options.settle - time.monotonic()))
    status = daemon.status()
    row["rss"], row["anon"] = status["VmRSS"], status["RssAnon"]
    before, used = tracker.ask("/counts")["counts"], daemon.cpu()
    time.sleep(options.idle)
    row["cpu"] = (daemon.cpu() - used) * 100 / options.idle
    told = tracker.ask("/counts")
    row["announces"] = sum(told["counts"].values()) - sum(before.values())
    row["late"] = told["overdue"]
    row["events"] = told["counts"]
    measure_answers(daemon, options.requests, row)
    with Fetching(daemon, large) as fetching:
        measure_deltas(daemon, options.requests * 3, row, "busy_")
    row["busy_rate"] = fetching.rate / 1e6
    row["stop"] = daemon.stop()
    row["load"] = os.getloadavg()[0]
    return row


def section(rows, kinds, versions, options):
    loads = [row["load"] for row in rows]
    lines = [
        HEADING, "",
        textwrap.fill(
            f"{options.count:,} complete torrents of one file of 16 to 64 KiB, each with one HTTP "
            "tracker, held by one daemon after the other. Lists and deltas are Transmission's "
            f"`torrent-get` with {len(FIELDS)} fields, where it says nothing else; a delta is what "
            "was active in the last minute, and with `/api/v1` what changed since the last answer. "
            "The times are those of a client in Python on the same machine, to the last byte. "
            f"Memory is read {options.settle:.0f} s after the start or when all have announced; "
            f"then follow an idle {options.idle:.0f} s, in which as many announce as do after "
            f"months with half an hour between announces, {options.requests} lists and "
            f"{options.requests * 3} deltas, and deltas for {BUSY_SECONDS} s or more of each kind "
            "while large content is fetched through the same daemon, again and again after a first "
            f"time. Medians of {options.rounds} "
            f"round{'s' if options.rounds > 1 else ''} of one sitting, in which the daemons take "
            "turns, by `make seedboxbench`.", 100), "",
        f"{bench.machine()}; load of the machine {min(loads):.1f} to {max(loads):.1f}, "
        f"{os.cpu_count()} being all cores busy.", "",
        "| | at most | " + " | ".join(versions[kind] for kind in kinds) + " |",
        "|---|---|" + "---|" * len(kinds),
    ]
    for key, name, form, most in FIGURES:
        cells = []
        for kind in kinds:
            values = [row[key] for row in rows if row["kind"] == kind and key in row]
            cells.append(form.format(statistics.median(values)) if values else "")
        lines.append(f"| {name} | {most or ''} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def start_seed(place, folder, metainfo):
    torrent = place / "large.torrent"
    torrent.write_bytes(metainfo)
    with open(place / "seed.log", "ab") as log:
        return subprocess.Popen(
            [os.environ["SWARM"], "seed", torrent, "--data", folder, "--port", "0", "--no-dht",
             "--no-lsd", "--state-dir", place / "seed-state"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)


def run(place, options):
    kinds = options.daemons.split(",")
    known = {kind.kind: kind for kind in [Swarm, Transmission]}
    processes = []
    tracker = Tracker()
    daemons = []
    try:
        metainfos = make_torrents(place / "content", options.count, tracker)
        large = make_large(place / "large", options.fetch_gib, tracker)
        processes.append(start_seed(place, place / "large", large))
        for kind in kinds:
            daemon = known[kind](place / kind, place / "content", place / f"{kind}-fetched")
            daemons.append(daemon)
            fill(daemon, metainfos)
        rows = []
        for number in range(options.rounds):
            for daemon in daemons:
                row = measure(daemon, tracker, large, options)
                rows.append(row)
                print(f"{number + 1}/{options.rounds}", json.dumps(row), flush=True)
    finally:
        for daemon in daemons:
            daemon.stop()
        for process in processes:
            bench.end(process)
        tracker.process.terminate()
    versions = {kind: known[kind].version() for kind in kinds}
    return section(rows, kinds, versions, options)


def enter_namespace():
    """Begins anew on a network of its own."""
    if os.environ.get("SEEDBOX_NAMESPACE") == "1":
        for command in ["ip link set lo up", f"ip address add {ADDRESS}/24 dev lo"]:
            subprocess.run(command.split(), check=True)
        return
    os.environ["SEEDBOX_NAMESPACE"] = "1"
    flags = "-n" if os.geteuid() == 0 else "-rn"
    os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="torrents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settle", type=float, default=60, help="seconds before memory is read")
    parser.add_argument("--idle", type=float, default=60, help="seconds in which nothing is asked")
    parser.add_argument("--requests", type=int, default=200, help="full lists that are timed")
    parser.add_argument("--fetch-gib", type=float, default=4, help="what is fetched, GiB at a time")
    parser.add_argument("--daemons", default="swarm,transmission")
    parser.add_argument("--write", help="the document to write into")
    options = parser.parse_args()
    if "SWARM" not in os.environ:
        sys.exit("seedbox: SWARM names the program")
    enter_namespace()
    os.environ["SWARM"] = os.path.abspath(os.environ["SWARM"])
    bench.leave_when_told()
    place = pathlib.Path(tempfile.mkdtemp(prefix="swarm-seedbox-"))
    try:
        text = run(place, options)
    except RuntimeError as error:
        for log in sorted(place.glob("*/log")):
            sys.stderr.write(bench.last_lines(log, 10))
        sys.exit(f"seedbox: {error}")
    finally:
        if "SWARM_KEEP" in os.environ:
            print(f"kept {place}")
        else:
            shutil.rmtree(place, ignore_errors=True)
    print(text)
    if options.write:
        bench.write_section(options.write, HEADING, text)


if __name__ == "__main__":
    main()
