"""A torrent's whole life by PyPI's transmission-rpc.

rpc_lifecycle.py HOST PORT TORRENT FOLDER OTHER

The torrent's content is complete in FOLDER; OTHER is where it is moved to. Prints 'ok' at the end.
"""

import sys
import time
from pathlib import Path

from transmission_rpc import Client
from transmission_rpc.error import TransmissionError


def until(what, ask, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)


def every_property(thing):
    """Reads all that the library knows of a thing: each is of a field that must be there."""
    for name in dir(type(thing)):
        if not name.startswith("_") and isinstance(getattr(type(thing), name), property):
            getattr(thing, name)


def main():
    host, port, path, folder, other = sys.argv[1:6]
    client = Client(host=host, port=int(port))

    session = client.get_session()
    assert session.rpc_version == 17, session.rpc_version
    assert session.rpc_version_semver, session.rpc_version_semver
    every_property(session)
    stats = client.session_stats()
    every_property(stats)
    every_property(stats.cumulative_stats)
    assert client.free_space(folder) > 0

    added = client.add_torrent(
        Path(path), download_dir=folder, paused=True, labels=["films"], peer_limit=33,
        bandwidth_priority=1)
    id = added.id
    torrent = client.get_torrent(id)
    every_property(torrent)
    assert torrent.hash_string == added.hash_string
    assert torrent.labels == ["films"], torrent.labels
    assert torrent.peer_limit == 33 and torrent.bandwidth_priority == 1
    assert torrent.status in ("stopped", "checking"), torrent.status
    assert torrent.file_count == len(torrent.get_files()) > 1
    assert [t.id for t in client.get_torrents([added.hash_string])] == [id]
    assert client.add_torrent(Path(path), paused=True).id == id, "a duplicate has another id"

    client.verify_torrent(id)
    until("it is checked", lambda: client.get_torrent(id).left_until_done == 0)
    client.start_torrent(id)
    until("it seeds", lambda: client.get_torrent(id).status == "seeding")
    torrent = client.get_torrent(id)
    assert torrent.percent_done == torrent.percent_complete == 1
    # This version of the library asks for it by name only.
    def has_every_piece():
        pieces = client.get_torrent(id, arguments=["id", "availability", "pieceCount"])
        assert len(pieces.fields["availability"]) == pieces.piece_count
        return set(pieces.fields["availability"]) == {-1}

    until("every piece is there", has_every_piece)
    client.reannounce_torrent(id)

    client.change_torrent(
        id, download_limit=50, download_limited=True, upload_limit=60, upload_limited=True,
        seed_ratio_limit=2.5, seed_ratio_mode=1, seed_idle_limit=20, seed_idle_mode=1,
        labels=["a", "b"], peer_limit=44, bandwidth_priority=-1, honors_session_limits=False,
        priority_high=[0], files_unwanted=[1])
    torrent = client.get_torrent(id)
    assert (torrent.download_limit, torrent.download_limited) == (50, True)
    assert (torrent.upload_limit, torrent.upload_limited) == (60, True)
    assert (torrent.seed_ratio_limit, torrent.seed_ratio_mode) == (2.5, 1)
    assert torrent.seed_idle_limit == 20
    assert sorted(torrent.labels) == ["a", "b"]
    assert not torrent.honors_session_limits
    files = torrent.get_files()
    assert files[0].priority == 1 and not files[1].selected, files
    client.change_torrent(id, files_wanted=[1], download_limited=False, upload_limited=False)
    torrent = client.get_torrent(id)
    assert torrent.get_files()[1].selected and not torrent.download_limited

    trackers = [["https://a.example/announce", "https://b.example/announce"],
                ["https://backup.example/announce"]]
    client.change_torrent(id, tracker_list=trackers)
    listed = client.get_torrent(id).tracker_list
    # Those of a tier are asked in any order (BEP 12), and told in that.
    assert [sorted(listed[:2]), listed[2:]] == trackers, listed
    assert [t.tier for t in client.get_torrent(id).trackers] == [0, 0, 1]

    client.set_group("slow", speed_limit_down=10, speed_limit_down_enabled=True)
    assert client.get_groups()["slow"].speed_limit_down == 10
    assert client.get_group("slow").name == "slow"
    client.change_torrent(id, group="slow")
    assert client.get_torrent(id).group == "slow"

    client.queue_top(id)
    client.queue_bottom(id)
    client.queue_up(id)
    client.queue_down(id)

    client.move_torrent_data(id, other)
    until("it is moved", lambda: client.get_torrent(id).download_dir == other
          and client.get_torrent(id).status in ("seeding", "stopped"))
    name = client.get_torrent(id).name
    assert (Path(other) / name).is_dir() and not (Path(folder) / name).exists()

    first = client.get_torrent(id).get_files()[0].name
    assert client.rename_torrent_path(id, name, "renamed") == (name, "renamed")
    inside = "renamed" + first[first.index("/"):]
    assert client.rename_torrent_path(id, inside, "first of them") == (inside, "first of them")
    assert client.get_torrent(id).name == "renamed"
    inside = inside[:inside.rindex("/") + 1] + "first of them"
    assert client.get_torrent(id).get_files()[0].name == inside
    assert (Path(other) / inside).is_file() and not (Path(other) / name).exists()
    until("it seeds", lambda: client.get_torrent(id).status == "seeding")
    name = "renamed"

    client.stop_torrent(id)
    until("it stops", lambda: client.get_torrent(id).status == "stopped")
    client.start_torrent(id, bypass_queue=True)
    until("it starts", lambda: client.get_torrent(id).status != "stopped")
    active, removed = client.get_recently_active_torrents()
    assert id in [t.id for t in active]

    client.set_session(speed_limit_down=70, speed_limit_down_enabled=True, seed_ratio_limit=3,
                       seed_ratio_limited=True, start_added_torrents=False)
    session = client.get_session()
    assert (session.speed_limit_down, session.speed_limit_down_enabled) == (70, True)
    assert (session.seed_ratio_limit, session.seed_ratio_limited) == (3, True)
    assert not session.start_added_torrents

    for refused in [client.blocklist_update, lambda: client.change_torrent(id, files_wanted=[99]),
                    lambda: client.add_torrent(b"no torrent"),
                    lambda: client.move_torrent_data(id, "/proc/elsewhere"),
                    lambda: client.rename_torrent_path(id, name, "../renamed")]:
        try:
            refused()
        except TransmissionError:
            continue
        raise AssertionError("what cannot be is not refused")

    client.remove_torrent(id, delete_data=True)
    until("it is gone", lambda: client.get_torrents() == [])
    until("its data are gone", lambda: not (Path(other) / name).exists())
    active, removed = client.get_recently_active_torrents()
    assert id in removed, removed
    print("ok")


main()
