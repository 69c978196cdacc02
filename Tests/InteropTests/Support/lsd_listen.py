"""Prints what is announced to the local network (BEP 14), a datagram a line.

  lsd_listen.py ADDRESS      the IPv4 address of the interface to listen on
"""
import socket
import struct
import sys

GROUP, PORT = "239.192.152.143", 6771

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((GROUP, PORT))
    membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(sys.argv[1]))
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    print("listening", flush=True)
    while True:
        datagram, sender = listener.recvfrom(2048)
        words = datagram.decode("ascii", "replace").lower().split("\r\n")
        print(sender[0], " ".join(w for w in words if w), flush=True)
