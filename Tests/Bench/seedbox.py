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
- the same deltas while three contents are fetched through the daemon, each from a `swarm seed`, all
  without limits, again and again after a first time. They are zeros, so that who seeds them has
  little to read, and small, so that the memory that they are written to is that of the one before:
  a host that has to give other memory takes its time. In turns with each delta a program is asked
  that does nothing but compute for as long as a delta takes in quiet: how late that is, the machine
  is.

All of it happens in a network namespace of its own, and in one session: processors are divided
among sessions first (sched(7), "The autogroup feature"), and who waits for whom depends on that.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

import bench
from daemons import FIELDS, Swarm, Transmission
from seeds import ADDRESS, Tracker, make_large, make_torrents
from timing import Awake, Yardstick, percentile, processor_times, times

HEADING = "## Ten thousand seeds"
BUSY_SECONDS = 20
FETCHED = ["first.bin", "second.bin", "third.bin"]
# What is measured, its name, how it is written, and what it may be at most.
FIGURES = [
    ("first", "first list after the start, s", "{:.2f}", 1),
    ("seeding", "all are seeding after, s", "{:.1f}", None),
    ("announced", "all are announced after, s", "{:.1f}", None),
    ("rss", "resident memory, MiB", "{:.1f}", 64),
    ("anon", "of that anonymous, MiB", "{:.1f}", None),
    ("cpu", "idle, % of a core", "{:.2f}", 4),
    ("announces", "announces while idle", "{:.0f}", None),
    ("late", "announces overdue after it", "{:.0f}", None),
    ("list_median", "full list, median, ms", "{:.1f}", None),
    ("list_p99", "full list, 99 %, ms", "{:.1f}", 60),
    ("api_list_p99", "full list of /api/v1, 99 %, ms", "{:.1f}", 60),
    ("delta_median", "delta, median, ms", "{:.2f}", None),
    ("delta_p99", "delta, 99 %, ms", "{:.2f}", 5),
    ("api_delta_p99", "delta of /api/v1, 99 %, ms", "{:.2f}", 5),
    ("busy_delta_median", "delta during a fetch, median, ms", "{:.2f}", None),
    ("busy_delta_p99", "delta during a fetch, 99 %, ms", "{:.2f}", 5),
    ("busy_delta_least_p99", "as much work by itself then, 99 %, ms", "{:.2f}", None),
    ("busy_api_delta_p99", "delta of /api/v1 during a fetch, 99 %, ms", "{:.2f}", 5),
    ("busy_api_delta_least_p99", "as much work by itself then, 99 %, ms", "{:.2f}", None),
    ("stolen", "time that the host took meanwhile, %", "{:.1f}", None),
    ("busy_rate", "fetched meanwhile, MB/s", "{:.0f}", None),
    ("stop", "its end, s", "{:.1f}", 10),
]


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


def measure_answers(daemon, requests, row):
    lists, = times(requests, 0.02, lambda: daemon.call("torrent-get", fields=FIELDS))
    row["list_median"], row["list_p99"] = statistics.median(lists), percentile(lists, 0.99)
    for prefix, ask in kinds_of_delta(daemon):
        deltas, = times(requests * 3, 0.01, ask)
        row[prefix + "_median"] = statistics.median(deltas)
        row[prefix + "_p99"] = percentile(deltas, 0.99)
    if daemon.kind == "swarm":
        lists, = times(requests, 0.02, lambda: daemon.api(""))
        row["api_list_p99"] = percentile(lists, 0.99)


def kinds_of_delta(daemon):
    yield "delta", lambda: daemon.call("torrent-get", fields=FIELDS, ids="recently-active")
    if daemon.kind == "swarm":
        daemon.api_list()
        yield "api_delta", daemon.api_delta


def measure_busy_answers(daemon, requests, yardstick, row):
    """Long enough for whole fetches to be in it, with their begin and their end."""
    before = processor_times()
    for name, ask in kinds_of_delta(daemon):
        work = max(0, row[name + "_median"] - yardstick.least)
        deltas, least = times(
            requests * 3, 0.01, ask, lambda: yardstick.ask(work), seconds=BUSY_SECONDS)
        row[f"busy_{name}_median"] = statistics.median(deltas)
        row[f"busy_{name}_p99"] = percentile(deltas, 0.99)
        row[f"busy_{name}_least_p99"] = percentile(least, 0.99)
    passed = [after - old for after, old in zip(processor_times(), before)]
    row["stolen"] = passed[7] * 100 / sum(passed)


class Fetching:
    """Fetches large contents through the daemon until it is left, each again and again in a process
    of its own, as users beside the one who measures: while one ends and begins anew, others go on.
    Begins with one fetch of each that does not count, as a machine gives memory slowly that was not
    in use before."""

    def __init__(self, daemon, metainfos):
        self.users = [FetchingUser(daemon, number, *each) for number, each in enumerate(metainfos)]

    def __enter__(self):
        for user in self.users:
            user.process.start()
        bench.wait_until(
            "the first fetches are done", 300,
            lambda: all(
                user.is_warm.is_set() or not user.process.is_alive() for user in self.users))
        self.start, self.before = time.monotonic(), self.bytes
        return self

    def __exit__(self, *_):
        self.rate = (self.bytes - self.before) / (time.monotonic() - self.start)
        for user in self.users:
            user.is_over.set()
        for user in self.users:
            user.end()

    @property
    def bytes(self):
        return sum(user.bytes.value for user in self.users)


class FetchingUser:
    def __init__(self, daemon, number, name, metainfo):
        self.user = type(daemon)(
            daemon.place / f"user-{number}", daemon.content, daemon.place / f"unused-{number}")
        self.user.port = daemon.port
        self.metainfo, self.folder, self.file = metainfo, daemon.downloads, daemon.downloads / name
        self.bytes = multiprocessing.Value("q", 0)
        self.is_warm, self.is_over = multiprocessing.Event(), multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)

    def end(self):
        self.process.join()
        shutil.rmtree(self.user.place)
        shutil.rmtree(self.user.downloads)
        if self.process.exitcode != 0:
            raise RuntimeError("the fetch has failed")

    def run(self):
        # Who has started it ends it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while not self.is_over.is_set():
            self.fetch()
            self.is_warm.set()
        self.user.close()

    def fetch(self):
        number = self.user.add(self.metainfo, self.folder)
        before = self.bytes.value
        while not self.is_over.is_set():
            row = self.user.rpc(
                "torrent-get", ids=[number],
                fields=["sizeWhenDone", "leftUntilDone", "percentDone", "error", "errorString"]
            )["torrents"][0]
            if row["error"] == 3:
                raise RuntimeError(f"the fetch has failed: {row['errorString']}")
            # Of a torrent that has just been added, both are 0.
            self.bytes.value = before + row["sizeWhenDone"] - row["leftUntilDone"]
            if row["percentDone"] == 1:
                break
            time.sleep(0.1)
        self.user.rpc("torrent-remove", ids=[number], **{"delete-local-data": True})
        bench.wait_until(
            "the fetched content is removed", 60, lambda: not self.file.exists(), 0.02)


def measure(daemon, tracker, yardstick, larges, options):
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
    with Awake():
        measure_answers(daemon, options.requests, row)
        with Fetching(daemon, larges) as fetching:
            measure_busy_answers(daemon, options.requests, yardstick, row)
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
            f"while {len(FETCHED)} contents of {options.fetch_gib:g} GiB are fetched through the "
            "same daemon, each again and again after a first time. In turns with these a program "
            "is asked that only computes for as long as such a delta takes in quiet, with the "
            "priority of a thread that answers: it is late by what the machine is. While answers "
            "are timed, the processors are kept from halting, as a host wakes a virtual one when "
            "it comes to it; and who measures has a priority, so "
            f"that its own waits do not count. Medians of {options.rounds} "
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


def start_seed(place, name, metainfo):
    torrent = place / f"{name}.torrent"
    torrent.write_bytes(metainfo)
    with open(place / "seed.log", "ab") as log:
        return subprocess.Popen(
            [os.environ["SWARM"], "seed", torrent, "--data", place / "large", "--port", "0",
             "--no-dht", "--no-lsd", "--state-dir", place / f"{name}-state"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)


def run(place, options):
    kinds = options.daemons.split(",")
    known = {kind.kind: kind for kind in [Swarm, Transmission]}
    processes = []
    tracker, yardstick = Tracker(), Yardstick()
    daemons = []
    try:
        metainfos = make_torrents(place / "content", options.count, tracker)
        larges = []
        for name in FETCHED:
            larges.append((name, make_large(place / "large", name, options.fetch_gib, tracker)))
            processes.append(start_seed(place, *larges[-1]))
        for kind in kinds:
            daemon = known[kind](place / kind, place / "content", place / f"{kind}-fetched")
            daemons.append(daemon)
            fill(daemon, metainfos)
        rows = []
        for number in range(options.rounds):
            for daemon in daemons:
                row = measure(daemon, tracker, yardstick, larges, options)
                rows.append(row)
                print(f"{number + 1}/{options.rounds}", json.dumps(row), flush=True)
    finally:
        for daemon in daemons:
            daemon.stop()
        for process in processes:
            bench.end(process)
        tracker.process.terminate()
        yardstick.end()
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
    parser.add_argument("--fetch-gib", type=float, default=0.5, help="each that is fetched, GiB")
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
