"""A libtorrent DHT node that does what a file tells it.

  lt_dht.py ADDRESS PORT BOOTSTRAP COMMANDS       ADDRESS and BOOTSTRAP: an IPv6 one in brackets

COMMANDS is a file to which lines are appended:

  peers HASH | announce HASH PORT | put TEXT | get TARGET
  sign SECRET PUBLIC SALT TEXT | signed PUBLIC SALT        SALT: - for none

Each answer is a JSON object on a line.
"""
import hashlib
import json
import os
import sys

import libtorrent as lt


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def text(item):
    """The value of an item; libtorrent's alerts wrap it differently from version to version."""
    value = item["value"] if isinstance(item, dict) and "value" in item else item
    return value.decode() if isinstance(value, bytes) else str(value)


def expanded(secret):
    """libtorrent signs with what RFC 8032, section 5.1.5, makes of the secret key."""
    key = bytearray(hashlib.sha512(secret).digest())
    key[0] &= 248
    key[31] = key[31] & 63 | 64
    return bytes(key)


def salt_of(word):
    return b"" if word == "-" else word.encode()


def obey(session, words):
    command, *rest = words
    if command == "peers":
        session.dht_get_peers(lt.sha1_hash(bytes.fromhex(rest[0])))
    elif command == "announce":
        session.dht_announce(lt.sha1_hash(bytes.fromhex(rest[0])), int(rest[1]), 0)
    elif command == "put":
        say("target", target=str(session.dht_put_immutable_item(rest[0].encode())))
    elif command == "get":
        session.dht_get_immutable_item(lt.sha1_hash(bytes.fromhex(rest[0])))
    elif command == "sign":
        secret, public, salt, value = rest
        session.dht_put_mutable_item(
            expanded(bytes.fromhex(secret)), bytes.fromhex(public), value.encode(), salt_of(salt))
    elif command == "signed":
        session.dht_get_mutable_item(bytes.fromhex(rest[0]), salt_of(rest[1]))


def tell(alert):
    name = type(alert).__name__
    if name == "dht_get_peers_reply_alert":
        peers = [f"[{a}]:{p}" if ":" in a else f"{a}:{p}" for a, p in alert.peers()]
        say("peers", info_hash=str(alert.info_hash), peers=peers)
    elif name == "dht_immutable_item_alert":
        say("item", target=str(alert.target), value=text(alert.item))
    elif name == "dht_mutable_item_alert":
        say("signed", value=text(alert.item), sequence=alert.seq)
    elif name == "dht_put_alert":
        say("stored", message=alert.message())
    elif name == "dht_bootstrap_alert":
        say("bootstrapped")


def main(address, port, bootstrap, commands):
    session = lt.session({
        "listen_interfaces": f"{address}:{port}", "enable_dht": True, "enable_lsd": False,
        "enable_upnp": False, "enable_natpmp": False, "dht_bootstrap_nodes": bootstrap,
        "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False,
        "dht_prefer_verified_node_ids": False,
        # Tests ask more in a second than it takes from one address.
        "dht_block_ratelimit": 1000, "dht_upload_rate_limit": 1000000,
        "alert_mask": lt.alert.category_t.all_categories,
    })
    say("ready", version=lt.__version__)
    place = 0
    while True:
        session.wait_for_alert(50)
        for alert in session.pop_alerts():
            tell(alert)
        if os.path.getsize(commands) == place:
            continue
        with open(commands, encoding="utf-8") as file:
            file.seek(place)
            lines = file.read()
        place += len(lines.encode())
        for line in lines.splitlines():
            obey(session, line.split(" "))


if __name__ == "__main__":
    main(*sys.argv[1:])
