"""A libtorrent peer, and a maker of torrents.

  lt_peer.py create CONTENT OUT TRACKER KIND PIECE     KIND: v1, v2 or hybrid
  lt_peer.py peer TORRENT FOLDER PORT [SETTINGS PEER…] TORRENT: a file or a magnet link;
                                                       SETTINGS: JSON, with upload_limit and
                                                       download_limit of the torrent;
                                                       PEER: ADDRESS:PORT
  lt_peer.py hashes TORRENT                            the info-hashes, 20 bytes each, in hex

A peer prints a JSON object a line: `ready`, `complete`, and whatever it holds against others.
"""
import json
import os
import sys
import time

import libtorrent as lt


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def create(content, out, tracker, kind, piece):
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[kind]
    if hasattr(lt, "list_files"):
        torrent = lt.create_torrent(lt.list_files(content), int(piece), flags)
    else:
        storage = lt.file_storage()
        lt.add_files(storage, content)
        torrent = lt.create_torrent(storage, int(piece), flags)
    torrent.add_tracker(tracker)
    lt.set_piece_hashes(torrent, os.path.dirname(content))
    with open(out, "wb") as file:
        file.write(lt.bencode(torrent.generate()))


def params_of(torrent):
    if torrent.startswith("magnet:"):
        return lt.parse_magnet_uri(torrent)
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.info_hashes = params.ti.info_hashes()
    return params


def hashes(torrent):
    known = params_of(torrent).info_hashes
    if known.has_v1():
        print(known.v1)
    if known.has_v2():
        print(str(known.v2)[:40])


def peer(torrent, folder, port, settings="{}", *peers):
    settings = json.loads(settings)
    limits = {key: settings.pop(key, -1) for key in ("upload_limit", "download_limit")}
    session = lt.session({
        "listen_interfaces": f"0.0.0.0:{port},[::]:{port}",
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.all_categories,
        **settings,
    })
    params = params_of(torrent)
    params.save_path = folder
    params.upload_limit, params.download_limit = limits.values()
    handle = session.add_torrent(params)
    for known in peers:
        address, _, at = known.rpartition(":")
        handle.connect_peer((address.strip("[]"), int(at)))
    say("ready", version=lt.__version__)
    flushing = False
    held_against = ("hash_failed_alert", "peer_ban_alert", "torrent_error_alert",
                    "file_error_alert", "invalid_request_alert")
    while True:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            name = type(alert).__name__
            if name == "cache_flushed_alert" and flushing:
                say("complete")
            elif name in held_against:
                say(name, text=alert.message())
            elif name in ("peer_error_alert", "peer_disconnected_alert"):
                print(f"{name}: {alert.message()}", flush=True)
        if not flushing and handle.status().is_seeding:
            flushing = True
            handle.flush_cache()


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    {"create": create, "hashes": hashes, "peer": peer}[command](*rest)
