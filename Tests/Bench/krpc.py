#!/usr/bin/env python3
"""How many find_node queries a second one DHT node on one core answers, ours beside libtorrent's.

  krpc.py --flood path/to/krpcflood.c [--rounds 3] [--seconds 4] [--write Docs/PERFORMANCE.md]

The instrument (`krpcflood PORT SECONDS WINDOW`) keeps WINDOW queries outstanding and prints how
many were answered a second. Node and instrument have a core each. Our node has a table of 1,000
nodes, libtorrent's is empty, which is less work; both have no limits. The nodes take turns, so that
a noisy minute hits both. The time that a node's process has used for each answer is told too: it
changes less with what else the machine does.
"""
import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import bench

WINDOWS = [16, 256]
HEADING = "## The DHT"
LIBTORRENT = """
import sys, time
import libtorrent as lt
session = lt.session({
    "listen_interfaces": "127.0.0.1:" + sys.argv[1], "enable_dht": True, "enable_lsd": False,
    "enable_upnp": False, "enable_natpmp": False, "dht_bootstrap_nodes": "",
    "dht_block_ratelimit": 100000000, "dht_upload_rate_limit": 2000000000, "alert_mask": 0})
print(lt.__version__, flush=True)
while True:
    time.sleep(60)
"""


class Node:
    """A node on the first core."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.port = bench.free_port(socket.SOCK_DGRAM)
        core = ["taskset", "-c", "0"]
        if kind == "swarm":
            command = [
                os.environ.get("SWARM", "swarm"), "dht", "node", "--bind", "127.0.0.1",
                "--port", str(self.port), "--no-limits", "--made-up-nodes", "1000", "--json",
                "--no-progress", "--quiet", "--state-dir", folder]
        else:
            python = os.environ.get("LT_PYTHON") or bench.newest_libtorrent() or "python3"
            command = [python, "-c", LIBTORRENT, str(self.port)]
        self.process = subprocess.Popen(core + command, stdout=subprocess.PIPE, text=True)
        self.greeting = self.process.stdout.readline().strip()
        if not self.greeting:
            sys.exit(f"krpc: {kind} did not start")
        time.sleep(0.5)


def measure(flood, node, seconds, window):
    core = str((os.cpu_count() or 2) - 1)
    before = bench.cpu_seconds(node.process.pid)
    done = subprocess.run(
        ["taskset", "-c", core, flood, str(node.port), str(seconds), str(window)],
        stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"(\d+) sent (\d+) replies in \S+ s: (\d+)/s", done.stdout)
    if not found:
        sys.exit(f"krpc: the instrument says: {done.stdout}")
    replies = int(found[2])
    used = bench.cpu_seconds(node.process.pid) - before
    return {
        "node": node.kind, "window": window, "rate": int(found[3]),
        "us": used * 1e6 / max(replies, 1), "load": os.getloadavg()[0]}


def section(rows, versions, rounds):
    lines = [
        HEADING, "",
        "`find_node` queries that one node on one core answers in a second; who asks has the other",
        "core, and keeps so many queries outstanding. Ours has a table of 1,000 nodes,",
        f"libtorrent's ({versions['libtorrent']}) is empty; neither has limits. Medians of",
        f"{rounds} rounds of one sitting, in which the nodes take turns, by `Tests/Bench/krpc.py`.",
        f"{bench.machine()}; load of the machine {min(r['load'] for r in rows):.1f} to "
        f"{max(r['load'] for r in rows):.1f}, 2 being both cores busy.", "",
        "| node | outstanding | answers/s | least to most | CPU µs an answer | × libtorrent |",
        "|---|---|---|---|---|---|",
    ]
    for window in WINDOWS:
        of = {kind: [r for r in rows if r["node"] == kind and r["window"] == window]
              for kind in versions}
        reference = statistics.median(r["rate"] for r in of["libtorrent"])
        for kind in versions:
            rates = [r["rate"] for r in of[kind]]
            median = statistics.median(rates)
            cost = statistics.median(r["us"] for r in of[kind])
            lines.append(
                f"| {kind} | {window} | {median:,.0f} | {min(rates):,} to {max(rates):,} "
                f"| {cost:.2f} | {median / reference:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flood", required=True, help="krpcflood.c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--write", help="the document to write into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flood = f"{folder}/krpcflood"
        subprocess.run(["cc", "-O2", "-w", "-o", flood, options.flood], check=True)
        rows, versions = [], {}
        for number in range(options.rounds):
            for kind in ["swarm", "libtorrent"]:
                node = Node(kind, folder)
                versions[kind] = node.greeting
                for window in WINDOWS:
                    row = measure(flood, node, options.seconds, window)
                    rows.append(row)
                    print(f"{number + 1}/{options.rounds}", json.dumps(row), flush=True)
                bench.end(node.process)
    text = section(rows, versions, options.rounds)
    print(text)
    if options.write:
        bench.write_section(options.write, HEADING, text)


main()
