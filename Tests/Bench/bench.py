"""What the instruments here share."""
import os
import platform
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def newest_libtorrent():
    """The Python that has it, or nothing."""
    python = ROOT / ".build-tools/libtorrent/bin/python"
    return str(python) if python.exists() else None


def free_port(kind=socket.SOCK_STREAM):
    """Below those that the system gives to connections that go out: it stays free."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def wait_until(what, seconds, holds, pause=0.1):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def own_environment():
    """Ours, without what would steer the program."""
    return {k: v for k, v in os.environ.items() if not k.startswith("SWARM_")}


class Connection:
    """As little of HTTP as it takes: what a client does with an answer is not to count."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, body=b"", headers=""):
        """The head and the body of the answer."""
        self.socket.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            f"{headers}\r\n".encode() + body)
        # Who sends an answer in two parts may wait for what says that the first has come.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data = self.more()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more()
        head, parts = data[:end].decode(), [data[end + 4:]]
        if length := re.search(r"(?i)\r\ncontent-length: *(\d+)", head):
            missing = int(length[1]) - len(parts[0])
            while missing > 0:
                parts.append(self.more())
                missing -= len(parts[-1])
            return head, b"".join(parts)
        last = parts[0][-5:]
        # No line ends in JSON.
        while last != b"0\r\n\r\n":
            parts.append(self.more())
            last = (last + parts[-1])[-5:]
        return head, unchunked(b"".join(parts))

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the connection was closed")
        return data

    def close(self):
        self.socket.close()


def unchunked(data):
    """The body that comes in chunks (RFC 9112, 7.1)."""
    parts, start = [], 0
    while size := int(data[start:(end := data.index(b"\r\n", start))], 16):
        parts.append(data[end + 2:end + 2 + size])
        start = end + 4 + size
    return b"".join(parts)


def end(process, number=signal.SIGTERM, seconds=15):
    """Ends it, by force if it does not within so many seconds."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def leave_when_told():
    """Has SIGTERM and Ctrl-C end the program as it ends by itself: with all that it has started."""
    def leave(number, _):
        # That takes a while, and is not to be interrupted.
        for each in [signal.SIGINT, signal.SIGTERM]:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in [signal.SIGINT, signal.SIGTERM]:
        signal.signal(number, leave)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}"


def last_lines(path, count):
    """The end of a log, if there is one."""
    if not path.exists():
        return ""
    return "".join(path.read_text(errors="replace").splitlines(True)[-count:])


def write_section(path, heading, text):
    """Puts the section into the document in place of the one that is there."""
    path = Path(path)
    old = path.read_text() if path.exists() else "# Performance\n"
    start = old.find("\n" + heading + "\n")
    if start < 0:
        path.write_text(old.rstrip("\n") + "\n\n" + text)
        return
    end = old.find("\n## ", start + 1)
    rest = "" if end < 0 else old[end:]
    path.write_text(old[:start].rstrip("\n") + "\n\n" + text + rest)
