"""How long answers take, and how long the machine would let any answer take."""
import multiprocessing
import os
import signal
import socket
import statistics
import time

import bench


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def times(count, pause, *asks, seconds=0):
    """Milliseconds that each of so many took, or of more in so many seconds; a list for each of
    those that are asked in turns."""
    taken, end = [[] for _ in asks], time.monotonic() + seconds
    hurry(2)
    while len(taken[0]) < count or time.monotonic() < end:
        for ask, times in zip(asks, taken):
            start = time.monotonic()
            ask()
            times.append((time.monotonic() - start) * 1_000)
            time.sleep(pause)
    hurry(0)
    return taken


def hurry(priority):
    """Goes before who has less priority, where that is allowed. Who measures goes first: its own
    waits are not those of a daemon."""
    policy = os.SCHED_RR if priority else os.SCHED_OTHER
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except PermissionError:
        pass


class Awake:
    """Keeps the processors from halting: a virtual one that halts is woken when its host comes to
    it. Whoever has anything to do goes before what does this."""

    def __enter__(self):
        self.processes = [
            multiprocessing.Process(target=self.spin, daemon=True)
            for _ in os.sched_getaffinity(0)]
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.join()

    def spin(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            pass


class Yardstick:
    """A program that answers over HTTP after so much work, with the priority that our daemon's
    threads have for their answers: what it is late by is not a daemon's doing."""

    def __init__(self):
        self.port = bench.free_port()
        self.process = multiprocessing.Process(target=self.serve, daemon=True)
        self.process.start()
        self.connection = None
        bench.wait_until("the yardstick answers", 10, self.is_up)
        self.least = statistics.median(times(100, 0.01, lambda: self.ask(0))[0])

    def is_up(self):
        try:
            self.connection = bench.Connection(self.port)
            return True
        except OSError:
            return False

    def ask(self, milliseconds):
        """Takes as much longer than `least` as is asked for, or a little more."""
        self.connection.ask("GET", f"/{milliseconds}")

    def end(self):
        self.connection.close()
        self.process.terminate()

    def serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        hurry(1)
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            connection, _ = listener.accept()
        while request := connection.recv(4096):
            milliseconds = float(request.split(b" ", 2)[1][1:])
            end = time.thread_time() + milliseconds / 1_000
            while time.thread_time() < end:
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!")


def processor_times():
    """The first line of `/proc/stat`; the eighth is what the host gave to others (proc(5))."""
    with open("/proc/stat") as file:
        return [int(ticks) for ticks in file.readline().split()[1:9]]
