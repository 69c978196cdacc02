#!/usr/bin/env python3
"""One sitting: every pair of seeder and leecher in turn, round after round, so that a noisy minute
hits them all alike. Writes the medians, and their ratios within the sitting, as a document.

  sitting.py --instrument path/to/duel.py [--rounds 5] [--size 1024] [--write Docs/PERFORMANCE.md]

The instrument runs one pair (`duel.py SEEDER LEECHER --runs 1`) and prints a JSON object a run.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import bench

PAIRS = [
    ("lightspeed", "lightspeed"),
    ("libtorrent", "libtorrent"),
    ("swarm", "swarm"),
    ("libtorrent", "swarm"),
    ("swarm", "libtorrent"),
]
COLUMNS = [
    ("MBps", "MB/s"),
    ("seed_cpu_s_per_GB", "CPU s/GB, seeder"),
    ("leech_cpu_s_per_GB", "CPU s/GB, leecher"),
    ("seed_rss", "RSS MiB, seeder"),
    ("leech_rss", "RSS MiB, leecher"),
]


def environment():
    known = dict(os.environ)
    python = bench.newest_libtorrent()
    if python:
        known.setdefault("LT_PYTHON", python)
    return known


def run(instrument, pair, size):
    command = [sys.executable, instrument, *pair, "--runs", "1", "--size", str(size)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not rows:
        sys.exit(f"sitting: {' '.join(pair)}: the instrument failed ({done.returncode})")
    return rows[-1]


def document(rows, rounds, size):
    reference = statistics.median(row["MBps"] for row in rows[PAIRS[1]])
    lines = [
        "# Performance",
        "",
        f"One seeder and one leecher in two network namespaces, one file of {size} MiB in memory,",
        f"pieces of 1 MiB, v1. Medians of {rounds} interleaved rounds of one sitting, written by",
        "`make bench`. `lightspeed` is the bare limit of the machine: `sendfile`, TCP, `recv`,",
        "SHA-1 and `pwrite`, and nothing else. Machines differ and are noisy: the ratios are what",
        "carries over.",
        "",
        f"{bench.machine()}.",
        "",
        "| seeder → leecher | " + " | ".join(title for _, title in COLUMNS)
        + " | MB/s, least to most | × libtorrent | whole |",
        "|---|" + "---|" * (len(COLUMNS) + 3),
    ]
    for pair in PAIRS:
        medians = [statistics.median(row[key] for row in rows[pair]) for key, _ in COLUMNS]
        speeds = [row["MBps"] for row in rows[pair]]
        whole = sum(row["ok"] for row in rows[pair])
        lines.append(
            f"| {pair[0]} → {pair[1]} | " + " | ".join(f"{value:g}" for value in medians)
            + f" | {min(speeds):g} to {max(speeds):g} | {medians[0] / reference:.2f}"
            + f" | {whole} of {rounds} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instrument", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--write", help="the document to write")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("sitting: network namespaces need root")
    rows = {pair: [] for pair in PAIRS}
    for number in range(options.rounds):
        for pair in PAIRS:
            row = run(options.instrument, pair, options.size)
            rows[pair].append(row)
            print(f"{number + 1}/{options.rounds}", json.dumps(row), flush=True)
    text = document(rows, options.rounds, options.size)
    print(text)
    if options.write:
        path = Path(options.write)
        old = path.read_text() if path.exists() else ""
        # The sections below are those of other instruments.
        start = old.find("\n## ")
        path.write_text(text + ("" if start < 0 else old[start:]))


main()
