"""Says which info-hashes libtorrent's create_torrent gives.

Reads a file of lines, the fields between tabs: format (v1, v2 or hybrid), piece length, path.
Prints a line for each: the v1 and the v2 info-hash in hexadecimal, `-` for one that is not there.
Exits with 3 if there is no libtorrent, or one older than 2.1 whose create_torrent is another.
"""

import os
import sys
import warnings

warnings.simplefilter("ignore")

try:
    import libtorrent as lt
except ImportError:
    sys.exit(3)
if not hasattr(lt, "list_files"):
    sys.exit(3)

MODES = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


def elements(entry):
    return [os.fsencode(element) for element in entry.filename.split("/")]


def info_hashes(form, piece_length, path):
    links = lt.create_torrent.symlinks
    # The order of a v1 list is the caller's; a folder's own is as the system gives it.
    entries = sorted(lt.list_files(path, lambda _: True, links), key=elements)
    torrent = lt.create_torrent(entries, piece_length, MODES[form] | links)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    hashes = lt.torrent_info(lt.bencode(torrent.generate())).info_hashes()
    v1 = str(hashes.v1) if hashes.has_v1() else "-"
    v2 = str(hashes.v2) if hashes.has_v2() else "-"
    return v1 + "\t" + v2


with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        form, piece_length, path = line.rstrip("\n").split("\t")
        print(info_hashes(form, int(piece_length), path))
