"""What nobody should send, and what it costs: the gateway's memory stays where it was, and miners that
behave don't notice."""

import json
import os
import resource
import socket
import sys
import time

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from bystanders import TIMEOUT, Bystanders
from hub import Hub, Run

PATH = "/v1/miners/heartbeat"
HALF_OPEN = 10_000
# What buffers and the allocator may keep; 10,000 connections' worth of anything would be far more.
GROWTH_LIMIT = 48 * 1024 * 1024


def miner(ws):
    """Speaks once each time, and waits for its `ack`."""
    sequence = 0

    def ask():
        nonlocal sequence
        sequence += 1
        ws.send(json.dumps({"seq": sequence, "queue_len": 0}))
        answer = json.loads(ws.recv(TIMEOUT))
        assert answer["seq"] == sequence, answer
    return ask


def dial(hub, key):
    url = hub.url.replace("http://", "ws://") + PATH
    return connect(url, additional_headers={"Authorization": f"Bearer {key}"}, compression=None,
                   open_timeout=TIMEOUT, close_timeout=1, ping_interval=None)


def close_code(ws):
    try:
        while True:
            ws.recv(TIMEOUT)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def send_until_closed(ws, data, times):
    try:
        for _ in range(times):
            ws.socket.sendall(data)
    except OSError:
        pass


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    hub = Hub(sys.argv[1])
    with open(sys.argv[1], encoding="utf-8") as file:
        processes = json.load(file)["processes"]
    pid = next(process["pid"] for process in processes if process["name"] == "gateway-1")
    host, port = hub.url.removeprefix("http://").split(":")
    address = (host, int(port))

    def memory():
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def metric(line):
        text = hub.ask("GET", "/v1/metrics").body.decode()
        values = [float(found.split()[-1]) for found in text.splitlines() if found.startswith(line)]
        return sum(values)

    run = Run()
    sockets = [dial(hub, hub.register(f"witness-{number}")) for number in range(10)]
    witnesses = Bystanders([lambda ws=ws: miner(ws) for ws in sockets], pause=0.1)
    key = hub.register("abuser")

    def abuse(name, body):
        def measured():
            before = memory()
            body()
            witnesses.check()
            grown = memory() - before
            assert grown < GROWTH_LIMIT, f"the gateway grew by {grown / 1e6:.1f} MB"
        run.test(name, measured)

    def half_open():
        dropped = metric('poolhub_limit_hits_total{limit="handshakes"}')
        sockets = []
        for _ in range(min(HALF_OPEN, hard - 1_000)):
            sock = socket.create_connection(address, TIMEOUT)
            sock.sendall(b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: ")
            sockets.append(sock)
        # Whoever has something to say is let in meanwhile.
        dial(hub, key).socket.close()
        dropped = metric('poolhub_limit_hits_total{limit="handshakes"}') - dropped
        assert dropped >= len(sockets) - 2_000, f"only {dropped} of {len(sockets)} had to go"
        started = time.monotonic()
        for sock in sockets:
            sock.settimeout(15)
            try:
                while sock.recv(4_096):
                    pass
            except ConnectionResetError:
                pass
            sock.close()
        assert time.monotonic() - started < 15
    abuse("ten thousand half-open handshakes are bounded and end by themselves", half_open)

    def garbage_after():
        for number in range(200):
            ws = dial(hub, key)
            ws.socket.sendall(bytes((number * 7 + at * 131) % 256 for at in range(4_000)))
            assert close_code(ws) in (1002, 1007, 1009, 4409, None)
    abuse("garbage after the upgrade ends just that connection", garbage_after)

    def garbage_during():
        for number in range(500):
            sock = socket.create_connection(address, TIMEOUT)
            sock.sendall(b"GET " + PATH.encode() + b" HTTP/1.1\r\nUpgrade: websocket\r\n"
                         + bytes((number + at * 17) % 256 for at in range(600)) + b"\r\n\r\n")
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65_536):
                pass
            sock.close()
    abuse("garbage during the upgrade ends just that connection", garbage_during)

    def promises():
        for _ in range(300):
            ws = dial(hub, key)
            ws.socket.sendall(b"\x81\xff\x7f" + b"\xff" * 7 + b"abcd" + b"x" * 1_000)
            assert close_code(ws) in (1002, 1009)
    abuse("frames that promise 2^63 bytes are refused by their header", promises)

    def fragments():
        ws = dial(hub, key)
        ws.socket.sendall(Frame(Opcode.TEXT, b"", False).serialize(mask=True))
        piece = Frame(Opcode.CONT, b"", False).serialize(mask=True)
        send_until_closed(ws, piece * 10_000, 100)
        assert close_code(ws) in (4429, None)
    abuse("a million tiny fragments are cut off", fragments)

    def deaf():
        conns = []
        for number in range(50):
            ws = dial(hub, hub.register(f"deaf-{number}"))
            # Answers to these are never read.
            send_until_closed(ws, Frame(Opcode.TEXT, b"{" * 100).serialize(mask=True), 9)
            send_until_closed(ws, Frame(Opcode.PING, b"x" * 125).serialize(mask=True), 80)
            conns.append(ws)
        witnesses.check()
        for ws in conns:
            ws.socket.close()
    abuse("miners that never read hold nothing up", deaf)

    def revoked():
        ws = dial(hub, key)
        started = time.monotonic()
        assert hub.ask("POST", "/v1/miners/logout", bearer=key).status == 200
        assert close_code(ws) == 4401
        assert time.monotonic() - started < 2
    abuse("a token that is revoked ends its connection within two seconds", revoked)

    def two_places():
        last = dial(hub, key)
        for _ in range(300):
            newer = dial(hub, key)
            assert close_code(last) == 4409
            last = newer
        last.send(json.dumps({"seq": 1, "queue_len": 0}))
        assert json.loads(last.recv(TIMEOUT))["type"] == "ack"
        last.socket.close()
    abuse("one miner from two places in a loop: the newer stays", two_places)

    witnesses.end()
    run.end()


if __name__ == "__main__":
    main()
