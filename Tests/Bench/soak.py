"""Drives a daemon for an hour as its users and its swarm would, and looks whether it stays as it is.

    make soak                      an hour
    make soak SECONDS=300          five minutes

Torrents come and go, peers are killed and started again, the tracker is away for a while, and full
lists are asked for all the time, while content is fetched. Memory, descriptors and threads are
sampled; what they are in the last third must not be more than in the second, but for what is said
below. The first third is for what is allocated once.
"""

import argparse
import base64
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import bench

# What may be more at the end than in the middle: what one torrent more takes.
SLACK = {"rss_mib": 12.0, "descriptors": 24, "threads": 4}
TORRENTS = 24
KEPT = 12
CONTENT_BYTES = 4 << 20


class Ground:
    """A folder, and the processes that end with it."""

    def __init__(self, swarm, seed):
        self.swarm = swarm
        self.dice = random.Random(seed)
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="swarm-soak-"))
        self.processes = []
        self.tracker_port = bench.free_port()
        self.api_port = bench.free_port()
        self.daemon = None
        self.tracker = None

    def start(self, name, arguments):
        log = open(self.place / f"{name}.log", "ab")
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=bench.own_environment(), cwd=self.place, start_new_session=True)
        log.close()
        self.processes.append(process)
        return process

    def close(self):
        for process in reversed(self.processes):
            bench.end(process)
        if "SWARM_KEEP" not in os.environ:
            shutil.rmtree(self.place, ignore_errors=True)
        else:
            print(f"kept {self.place}")

    # What it is made of

    def make_torrents(self):
        tracker = f"http://127.0.0.1:{self.tracker_port}/announce"
        self.torrents = []
        for number in range(TORRENTS):
            folder = self.place / "content" / f"peer-{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            content = folder / f"file-{number}"
            content.write_bytes(self.dice.randbytes(CONTENT_BYTES))
            torrent = self.place / f"{number}.torrent"
            subprocess.run(
                [self.swarm, "create", content, "-o", torrent, "-t", tracker, "--format", "v1",
                 "--quiet"], check=True)
            self.torrents.append(torrent)
        hashes = []
        for torrent in self.torrents:
            shown = subprocess.run(
                [self.swarm, "show", "--json", torrent], check=True, capture_output=True)
            text = shown.stdout.decode()
            hashes.append(find_hash(json.loads(text)))
        (self.place / "whitelist").write_text("\n".join(hashes) + "\n")
        self.hashes = hashes

    def start_tracker(self):
        folder = self.place / "tracker"
        folder.mkdir(exist_ok=True)
        shutil.copy(self.place / "whitelist", folder / "whitelist")
        folder.chmod(0o777)
        self.place.chmod(0o755)
        port = str(self.tracker_port)
        self.tracker = self.start(
            "tracker",
            ["opentracker", "-i", "127.0.0.1", "-p", port, "-P", port, "-d", folder, "-u",
             "nobody", "-w", "whitelist"])

    def start_peer(self, number):
        mine = [t for n, t in enumerate(self.torrents) if n % 2 == number]
        return self.start(
            f"peer-{number}",
            [self.swarm, "seed", *mine, "--data", self.place / "content" / f"peer-{number}",
             "--bind", "127.0.0.1", "--port", "0", "--no-dht", "--no-lsd", "--state-dir",
             self.place / f"peer-state-{number}"])

    def start_daemon(self):
        for name in ["downloads", "state", "watch"]:
            (self.place / name).mkdir(exist_ok=True)
        (self.place / "config.toml").write_text(f"""
watch = ["{self.place}/watch"]
[network]
port = 0
bind = "127.0.0.1"
dht = false
lsd = false
[storage]
download-folder = "{self.place}/downloads"
state-folder = "{self.place}/state"
minimum-free = 0
[queue]
enabled = false
[hooks]
completed = ["true"]
[api]
listen = "127.0.0.1:{self.api_port}"
metrics-per-torrent = true
""")
        self.daemon = self.start(
            "daemon", [self.swarm, "daemon", "--config", self.place / "config.toml"])
        bench.wait_until("the daemon answers", 30, lambda: self.get("/readyz") is not None)

    # How it is spoken to

    def get(self, path):
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.api_port}{path}", timeout=20) as reply:
                return reply.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def rpc(self, method, **arguments):
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(3):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.api_port}/transmission/rpc", data=body,
                headers={"X-Transmission-Session-Id": getattr(self, "session", "0"),
                         "content-type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=20) as reply:
                    answer = json.load(reply)
                    if answer["result"] != "success":
                        raise RuntimeError(f"{method}: {answer['result']}")
                    return answer["arguments"]
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                self.session = error.headers["X-Transmission-Session-Id"]
        raise RuntimeError(f"{method}: no session id is taken")


def find_hash(shown):
    """The v1 info-hash in what `show --json` prints."""
    if isinstance(shown, dict):
        for value in shown.values():
            found = find_hash(value)
            if found:
                return found
    if isinstance(shown, str) and len(shown) == 40 and set(shown) <= set("0123456789abcdef"):
        return shown
    return None


def sample(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "rss_mib": int(fields["VmRSS"].split()[0]) / 1024,
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(fields["Threads"]),
    }


class Script:
    """What happens, and how often it did."""

    def __init__(self, ground):
        self.ground = ground
        self.counts = {}
        self.present = []
        self.list_times = []
        self.peers = [ground.start_peer(0), ground.start_peer(1)]

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def add(self):
        ground = self.ground
        absent = [n for n in range(TORRENTS) if n not in self.present]
        if not absent:
            return
        number = ground.dice.choice(absent)
        if ground.dice.random() < 0.25:
            # By the watch folder; it comes some seconds later.
            part = ground.place / "watch" / f".{number}.part"
            shutil.copy(ground.torrents[number], part)
            part.rename(ground.place / "watch" / f"{number}.torrent")
            self.count("watched")
        else:
            text = base64.b64encode(ground.torrents[number].read_bytes()).decode()
            ground.rpc("torrent-add", metainfo=text)
            self.count("added")
        self.present.append(number)

    def remove(self):
        ground = self.ground
        number = self.present.pop(0)
        known = {t["hashString"] for t in ground.rpc(
            "torrent-get", fields=["hashString"])["torrents"]}
        if ground.hashes[number] in known:
            ground.rpc("torrent-remove", ids=[ground.hashes[number]],
                       **{"delete-local-data": True})
            self.count("removed")

    def poll(self):
        ground = self.ground
        start = time.monotonic()
        rows = ground.rpc("torrent-get", fields=[
            "id", "hashString", "name", "status", "totalSize", "leftUntilDone", "rateDownload",
            "rateUpload", "uploadedEver", "downloadedEver", "error", "errorString", "labels",
            "peers", "trackerStats", "files"])["torrents"]
        self.list_times.append(time.monotonic() - start)
        self.done = sum(1 for row in rows if row["totalSize"] and not row["leftUntilDone"])
        for path in ["/api/v1/torrents", "/metrics", "/api/v1/session"]:
            if ground.get(path) is None:
                raise RuntimeError(f"{path} is not answered")
        self.count("polls")

    def restart_peer(self):
        number = self.ground.dice.randrange(2)
        how = self.ground.dice.choice([signal.SIGTERM, signal.SIGKILL])
        bench.end(self.peers[number], how)
        self.peers[number] = self.ground.start_peer(number)
        self.count("peer restarts")

    def tracker_outage(self, begins):
        if begins:
            bench.end(self.ground.tracker, signal.SIGKILL)
            self.count("tracker outages")
        else:
            self.ground.start_tracker()


def run(ground, seconds):
    script = Script(ground)
    samples = []
    begin = time.monotonic()
    due = {"add": 0, "peer": 20, "outage": 40, "sample": 0, "line": 0}
    is_away = False
    completed = 0
    while (now := time.monotonic() - begin) < seconds:
        if ground.daemon.poll() is not None:
            raise RuntimeError(f"the daemon has ended: {ground.daemon.returncode}")
        if now >= due["add"]:
            if len(script.present) >= KEPT:
                script.remove()
            script.add()
            due["add"] = now + 3
        if now >= due["peer"]:
            script.restart_peer()
            due["peer"] = now + 20
        if now >= due["outage"]:
            is_away = not is_away
            script.tracker_outage(is_away)
            # A tracker that was silent is avoided for a minute, and tried less and less often.
            due["outage"] = now + (15 if is_away else 240)
        script.poll()
        if now >= seconds * 2 / 3:
            completed = max(completed, script.done)
        if now >= due["sample"]:
            samples.append((now, sample(ground.daemon.pid)))
            due["sample"] = now + max(1, seconds / 300)
        if now >= due["line"]:
            print(f"{now:6.0f} s  {samples[-1][1]}  {script.done} of "
                  f"{len(script.present)} complete", flush=True)
            due["line"] = now + max(15, seconds / 40)
        time.sleep(0.5)
    return script, samples, completed


def verdict(script, samples, completed, seconds):
    """Prints the table; true if all is flat."""
    thirds = [[s for t, s in samples if seconds * n / 3 <= t < seconds * (n + 1) / 3]
              for n in range(3)]
    flat = True
    print(f"\n{'':12} {'first':>9} {'second':>9} {'last third':>11} {'most':>9}  (medians)")
    for name, slack in SLACK.items():
        medians = [statistics.median(s[name] for s in third) for third in thirds]
        most = max(s[name] for _, s in samples)
        is_flat = medians[2] <= medians[1] + slack
        flat = flat and is_flat
        print(f"{name:12} {medians[0]:9.1f} {medians[1]:9.1f} {medians[2]:11.1f} {most:9.1f}  "
              f"{'flat' if is_flat else f'GROWS by more than {slack}'}")
    times = sorted(script.list_times)
    print(f"full lists: median {statistics.median(times) * 1000:.1f} ms, "
          f"99 % {times[int(len(times) * 0.99) - 1] * 1000:.1f} ms, most {times[-1] * 1000:.1f} ms")
    print(", ".join(f"{count} {what}" for what, count in sorted(script.counts.items())))
    if completed == 0:
        print("in the last third no torrent was complete: nothing was fetched any more")
        flat = False
    return flat


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    swarm = os.environ.get("SWARM")
    if not swarm:
        sys.exit("soak: SWARM names the program")
    ground = Ground(os.path.abspath(swarm), arguments.seed)
    bench.leave_when_told()
    try:
        ground.make_torrents()
        ground.start_tracker()
        ground.start_daemon()
        begin = time.monotonic()
        script, samples, completed = run(ground, arguments.seconds)
        start = time.monotonic()
        bench.end(ground.daemon)
        took = time.monotonic() - start
        flat = verdict(script, samples, completed, arguments.seconds)
        print(f"ended with status {ground.daemon.returncode} within {took:.1f} s, after "
              f"{start - begin:.0f} s")
        # As after any SIGTERM, when all is saved.
        if ground.daemon.returncode != 143 or took > 10:
            flat = False
    except Exception as error:
        print(f"soak: {error}", file=sys.stderr)
        sys.stderr.write(bench.last_lines(ground.place / "daemon.log", 20))
        flat = False
    finally:
        ground.close()
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
