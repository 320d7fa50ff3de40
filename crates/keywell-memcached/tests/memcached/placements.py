"""Writes which servers libmemcached puts keys on: placements.txt, for tests.

Needs pylibmc (Debian: python3-pylibmc) and memcached, and the ports below on this machine:

    python3 placements.py > placements.txt
"""

import socket
import subprocess
import time

import pylibmc

SERVERS = ["127.0.0.1:11211", "127.0.0.1:11212", "127.0.0.1:11213", "localhost:11214"]


def ports():
    return [int(server.rsplit(":", 1)[1]) for server in SERVERS]


def has(port, key):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"mg {key}\r\n".encode())
        return connection.recv(100).startswith(b"HD")


def main():
    command = ["memcached", "-l", "127.0.0.1", "-u", "root", "-p"]
    processes = [subprocess.Popen(command + [str(port)]) for port in ports()]
    try:
        time.sleep(1)
        behaviors = {"ketama_weighted": True}
        client = pylibmc.Client(SERVERS, behaviors=behaviors)
        print(" ".join(SERVERS))
        for number in range(500):
            key = f"orders:{number}"
            client.set(key, "v")
            (server,) = [at for at, port in enumerate(ports()) if has(port, key)]
            print(server, key)
    finally:
        for process in processes:
            process.terminate()


main()
