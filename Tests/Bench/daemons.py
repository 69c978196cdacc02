"""The daemons that are measured, spoken to as their users speak to them."""
import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import time

import bench
from seeds import bencode

FIELDS = [
    "id", "hashString", "name", "status", "totalSize", "percentDone", "rateDownload", "rateUpload",
    "uploadedEver", "uploadRatio", "eta", "peersConnected", "addedDate", "downloadDir", "error",
    "errorString"]
API_FIELDS = ",".join([
    "id", "infoHash", "name", "state", "bytesWanted", "progress", "downloadRate", "uploadRate",
    "uploaded", "ratio", "secondsLeft", "peersConnected", "added", "folder", "isComplete", "error"])


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

    def send(self, method, path, body=b"", headers=""):
        """The status, the head and the body of an answer."""
        if self.connection is None:
            self.connection = bench.Connection(self.port)
        try:
            head, answer = self.connection.ask(method, path, body, headers)
            return int(head.split(" ", 2)[1]), head, answer
        except OSError:
            self.close()
            raise

    def call(self, method, **arguments):
        """The bytes of the answer."""
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(2):
            status, head, answer = self.send(
                "POST", "/transmission/rpc", body,
                f"X-Transmission-Session-Id: {self.session}\r\nContent-Type: application/json\r\n")
            if status == 200:
                return answer
            if status != 409:
                break
            self.session = re.search(r"(?i)\r\nx-transmission-session-id: *(\S+)", head)[1]
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
