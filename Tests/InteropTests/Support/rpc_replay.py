"""Sends what Sonarr, Radarr and Flood send to Transmission, and checks what they check.

rpc_replay.py CLIENT URL TORRENT FOLDER

The torrent's content is complete in FOLDER, and the torrent is not there yet. Prints 'ok' at the
end; whatever a client would stumble over ends the program with one line about it.
"""

import base64
import http.client
import json
import re
import sys
import time
import urllib.parse


class Stumble(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Stumble(what)


class Session:
    """HTTP as these clients use it: nobody follows a redirect, and the id comes from a 409 alone."""

    def __init__(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.headers = headers or {}
        self.id = None

    def send(self, method, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, self.path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def greet(self):
        status, headers, _ = self.send("GET")
        check(status == 409, f"GET is answered {status}, and only 409 is understood")
        self.id = headers.get("x-transmission-session-id")
        check(self.id, "the 409 has no X-Transmission-Session-Id")

    def call(self, method, arguments=None):
        body = {"method": method}
        if arguments is not None:
            body["arguments"] = arguments
        status, _, text = self.send(
            "POST", json.dumps(body),
            {"Content-Type": "application/json", "X-Transmission-Session-Id": self.id})
        check(status == 200, f"{method} is answered {status}")
        answer = json.loads(text)
        check(answer["result"] == "success", f"{method}: {answer['result']}")
        return answer["arguments"]

    def until(self, what, ask, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            answer = ask()
            if answer:
                return answer
            check(time.monotonic() < deadline, f"waited in vain: {what}")
            time.sleep(0.1)


# MARK: Sonarr and Radarr

SONARR_FIELDS = [
    "id", "hashString", "name", "downloadDir", "totalSize", "leftUntilDone", "isFinished", "eta",
    "status", "secondsDownloading", "secondsSeeding", "errorString", "uploadedEver",
    "downloadedEver", "seedRatioLimit", "seedRatioMode", "seedIdleLimit", "seedIdleMode",
    "fileCount", "file-count",
]


def version_of(text):
    """The version as Sonarr reads it: what is in parentheses does not count."""
    found = re.search(r"^\D*?(\d+(?:\.\d+)+)", text)
    check(found, f"no version in '{text}'")
    return tuple(int(part) for part in found.group(1).split("."))


def sonarr(session, torrent, folder, category):
    session.greet()
    config = session.call("session-get")
    version = version_of(config["version"])
    check(version >= (2, 40), f"version {version} is too old")
    for name, kind in [
        ("rpc-version", (int, str)), ("download-dir", str), ("seedRatioLimit", (int, float)),
        ("seedRatioLimited", bool), ("idle-seeding-limit", int),
        ("idle-seeding-limit-enabled", bool),
    ]:
        check(isinstance(config.get(name), kind), f"session-get: {name} is {config.get(name)!r}")

    fields = SONARR_FIELDS + (["labels"] if version >= (4, 0) else [])

    def mine():
        torrents = session.call("torrent-get", {"fields": fields})["torrents"]
        return [one for one in torrents if one["downloadDir"].rstrip("/") == folder.rstrip("/")]

    check(mine() == [], "the torrent is there already")
    arguments = {"metainfo": torrent, "paused": False, "download-dir": folder}
    if version >= (4, 0):
        arguments["labels"] = [category]
    session.call("torrent-add", arguments)
    [one] = session.until("the torrent is listed", mine)
    hash = one["hashString"]
    check(re.fullmatch("[0-9a-f]{40}", hash), f"hashString is {hash}")
    session.call("queue-move-top", {"ids": [hash]})
    # A ratio of its own, and an idle limit that stands for a time of seeding.
    session.call(
        "torrent-set",
        {"ids": [hash], "seedRatioLimit": 1.5, "seedRatioMode": 1,
         "seedIdleLimit": 90, "seedIdleMode": 1})

    def completed():
        [one] = mine()
        is_done = one["leftUntilDone"] == 0 and one["status"] in (0, 5, 6)
        is_done = is_done or one["isFinished"] and one["status"] not in (1, 2)
        return one if one["totalSize"] > 0 and is_done else None

    one = session.until("it is complete", completed)
    for name, kind in [
        ("id", int), ("totalSize", int), ("leftUntilDone", int), ("isFinished", bool),
        ("eta", int), ("status", int), ("secondsDownloading", int), ("secondsSeeding", int),
        ("errorString", str), ("uploadedEver", int), ("downloadedEver", int),
        ("seedRatioMode", int), ("seedIdleMode", int), ("seedIdleLimit", int),
    ]:
        check(type(one.get(name)) is kind, f"{name} is {one.get(name)!r}")
    check(one.get("file-count", one.get("fileCount")) is not None or version < (4, 0),
          "no count of files")
    check(one["errorString"] == "", f"a warning: {one['errorString']}")
    check((one["seedRatioLimit"], one["seedRatioMode"]) == (1.5, 1), "its ratio is not kept")
    check((one["seedIdleLimit"], one["seedIdleMode"]) == (90, 1), "its time is not kept")
    if version >= (4, 0):
        check(category in one["labels"], f"labels are {one['labels']}")
    session.call("torrent-remove", {"ids": [hash], "delete-local-data": False})
    session.until("it is gone", lambda: mine() == [])
    # A stale id is told by a 409 with the next one.
    session.id = "stale"
    status, headers, _ = session.send(
        "POST", '{"method":"session-get"}', {"X-Transmission-Session-Id": "stale"})
    check(status == 409 and headers.get("x-transmission-session-id"), "a stale id is not told")


# MARK: Flood

FLOOD_LIST = [
    "hashString", "downloadDir", "name", "comment", "haveValid", "addedDate", "dateCreated",
    "doneDate", "rateDownload", "rateUpload", "downloadedEver", "uploadedEver", "eta",
    "isPrivate", "error", "errorString", "peersGettingFromUs", "peersSendingToUs", "status",
    "totalSize", "sizeWhenDone", "trackers", "labels", "activityDate",
]

FLOOD_SESSION = [
    "dht-enabled", "peer-port", "download-dir", "peer-port-random-on-start", "pex-enabled",
    "speed-limit-down", "speed-limit-down-enabled", "speed-limit-up", "speed-limit-up-enabled",
    "peer-limit-global", "peer-limit-per-torrent", "seed-queue-enabled", "seed-queue-size",
]


def flood(session, torrent, folder):
    session.greet()
    stats = session.call("session-stats")
    for name in ["downloadSpeed", "uploadSpeed"]:
        check(isinstance(stats[name], int), f"{name} is {stats[name]!r}")
    for name in ["downloadedBytes", "uploadedBytes"]:
        check(isinstance(stats["current-stats"][name], int), f"current-stats.{name}")
    keys = session.call("session-get", {"fields": FLOOD_SESSION})
    check(sorted(keys) == sorted(FLOOD_SESSION), f"session-get answers {sorted(keys)}")
    session.call("session-set", {"speed-limit-down": 2048, "speed-limit-down-enabled": True})
    keys = session.call("session-get", {"fields": FLOOD_SESSION})
    check(keys["speed-limit-down"] == 2048 and keys["speed-limit-down-enabled"], "no limit is set")
    session.call("session-set", {"speed-limit-down": 0, "speed-limit-down-enabled": False})
    session.call("session-set", {name: keys[name] for name in ["dht-enabled", "peer-port"]})

    added = session.call(
        "torrent-add", {"metainfo": torrent, "download-dir": folder, "paused": True})
    check("torrent-added" in added, f"torrent-add answers {added}")
    hash = added["torrent-added"]["hashString"]

    def one(fields):
        arguments = {"ids": hash, "fields": fields, "format": "objects"}
        torrents = session.call("torrent-get", arguments)["torrents"]
        check(len(torrents) == 1, f"{len(torrents)} torrents with one hash")
        return torrents[0]

    session.call("torrent-set", {"ids": [hash], "labels": ["a", "b"]})
    check(sorted(one(["labels"])["labels"]) == ["a", "b"], "labels are not kept")
    session.call("torrent-verify", {"ids": [hash]})
    session.call("torrent-start-now", {"ids": [hash]})

    def seeds():
        listed = [t for t in session.call(
            "torrent-get", {"fields": FLOOD_LIST, "format": "objects"})["torrents"]
            if t["hashString"] == hash]
        return listed[0] if listed and listed[0]["status"] == 6 else None

    listed = session.until("it seeds", seeds)
    check(sorted(listed) == sorted(FLOOD_LIST), f"missing: {set(FLOOD_LIST) - set(listed)}")
    check(listed["haveValid"] == listed["totalSize"] > 0, "it is not complete")
    check(listed["trackers"] and all("announce" in t for t in listed["trackers"]), "no trackers")

    contents = one(["files", "fileStats"])
    files, stats = contents["files"], contents["fileStats"]
    check(len(files) == len(stats) > 1, "files and fileStats differ in length")
    check(all(f["bytesCompleted"] == f["length"] and f["name"] for f in files), "files lack bytes")
    session.call(
        "torrent-set", {"ids": hash, "files-unwanted": [0], "priority-normal": [0]})
    session.call("torrent-set", {"ids": hash, "files-wanted": [1], "priority-high": [1]})
    stats = one(["fileStats"])["fileStats"]
    check(stats[0]["wanted"] is False and stats[1]["priority"] == 1, f"fileStats are {stats}")
    session.call("torrent-set", {"ids": hash, "files-wanted": [0], "priority-normal": [0]})

    session.call("torrent-set", {"ids": [hash], "bandwidthPriority": 1})
    check(one(["bandwidthPriority"])["bandwidthPriority"] == 1, "no priority is set")
    check(isinstance(one(["peers"])["peers"], list), "no list of peers")
    check(one(["trackerStats"])["trackerStats"][0]["announce"], "trackerStats have no announce")
    trackers = one(["trackers"])["trackers"]
    session.call("torrent-set", {"ids": hash, "trackerRemove": [t["id"] for t in trackers]})
    session.call("torrent-set", {"ids": [hash], "trackerAdd": ["http://10.77.0.99:8080/announce"]})
    now = [t["announce"] for t in one(["trackers"])["trackers"]]
    check(now == ["http://10.77.0.99:8080/announce"], f"trackers are {now}")
    session.call("torrent-reannounce", {"ids": [hash]})
    session.call("torrent-stop", {"ids": [hash]})
    session.until("it stops", lambda: one(["status"])["status"] == 0)
    again = session.call("torrent-add", {"metainfo": torrent, "paused": True})
    check("torrent-duplicate" in again, f"a torrent that is there is answered {again}")
    session.call("torrent-remove", {"ids": [hash], "delete-local-data": True})
    session.until(
        "it is gone",
        lambda: session.call("torrent-get", {"ids": hash, "fields": ["id"]})["torrents"] == [])


def main():
    client, url, path, folder = sys.argv[1:5]
    with open(path, "rb") as file:
        torrent = base64.b64encode(file.read()).decode()
    session = Session(url)
    try:
        if client == "flood":
            flood(session, torrent, folder)
        else:
            sonarr(session, torrent, folder, f"tv-{client}")
    except Stumble as stumble:
        sys.exit(f"{client}: {stumble}")
    print("ok")


main()
