"""HTTP that nobody should send: `http_abuse.py PATH-TO-DEV.JSON`.

Each case goes to a running gateway while well-behaved callers go on matching and beating; what they see,
and the gateway's memory, is checked behind each. The hub is started with POOLHUB_REQUEST_TIMEOUT_SEC=2.
"""

import json
import os
import resource
import socket
import sys
import threading
import time

from bystanders import PATIENCE, TIMEOUT, Bystanders
from hub import Hub, Run

REQUEST_TIMEOUT = 2
IDLE = 10_000
GROWTH_LIMIT = 64 * 1024 * 1024
# As many idle connections as may stay, 4,096, at what one of them takes in a debug build.
IDLE_GROWTH_LIMIT = 4_096 * 32 * 1024
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def caller(hub, request):
    """Somebody who asks the same again and again, on a connection of its own."""
    sock = dial(hub)

    def ask():
        sock.sendall(request)
        status = read_answer(sock)[0]
        assert status == 200, status
    return ask


def post(path, body, bearer):
    return (f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {bearer}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def dial(hub):
    host, port = hub.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), TIMEOUT)


def read_answer(sock):
    """One answer with its Content-Length: status, head, body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65_536)
        assert more, data
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += sock.recv(65_536)
    return int(head.split()[1]), head, body


def read_to_end(sock):
    """All that comes until the gateway closes; how long that took."""
    data, started = b"", time.monotonic()
    try:
        while more := sock.recv(65_536):
            data += more
    except ConnectionResetError:
        pass
    return data, time.monotonic() - started


def statuses(data):
    """The statuses of all the answers in what a connection gave."""
    return [int(part.split()[0]) for part in data.split(b"HTTP/1.1 ")[1:]]


def exchange(hub, request):
    """Sends bytes and no more; every answer's status."""
    with dial(hub) as sock:
        try:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return statuses(read_to_end(sock)[0])


def chunked(rest, headers=b""):
    return (b"POST /v1/feedback HTTP/1.1\r\nHost: h\r\n" + headers
            + b"Transfer-Encoding: chunked\r\n\r\n" + rest)


def head(*lines, start=b"POST /v1/feedback HTTP/1.1"):
    return b"\r\n".join((start, b"Host: h") + lines) + b"\r\n\r\n"


# Each is refused, once, and the connection with it: so nobody in front can be made to see other requests
# than the gateway does.
REFUSED = {
    "Content-Length and Transfer-Encoding": head(b"Content-Length: 4", b"Transfer-Encoding: chunked")
        + b"0\r\n\r\n" + SMUGGLED,
    "Transfer-Encoding and Content-Length": head(b"Transfer-Encoding: chunked", b"Content-Length: 40")
        + b"0\r\n\r\n" + SMUGGLED,
    "two different Content-Lengths": head(b"Content-Length: 0", b"Content-Length: 37") + SMUGGLED,
    "two equal Content-Lengths": head(b"Content-Length: 0", b"Content-Length: 0") + SMUGGLED,
    "a list of Content-Lengths": head(b"Content-Length: 0, 37") + SMUGGLED,
    "Content-Length with a sign": head(b"Content-Length: +0") + SMUGGLED,
    "Content-Length below 0": head(b"Content-Length: -1") + SMUGGLED,
    "Content-Length in hex": head(b"Content-Length: 0x0") + SMUGGLED,
    "Content-Length over 64 bits": head(b"Content-Length: 18446744073709551616") + SMUGGLED,
    "an empty Content-Length": head(b"Content-Length:") + SMUGGLED,
    "a coding that isn't known": head(b"Transfer-Encoding: xchunked") + SMUGGLED,
    "chunked that isn't last": head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n" + SMUGGLED,
    "chunked twice": head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n" + SMUGGLED,
    "chunked in quotes": head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n" + SMUGGLED,
    "chunked behind a tab of no use": head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n" + SMUGGLED,
    "a space before the colon": head(b"Content-Length : 37") + SMUGGLED,
    "a field folded over two lines": head(b"X-Folded: a", b" Content-Length: 37") + SMUGGLED,
    "a first field that is folded": b"GET /v1/live HTTP/1.1\r\n Host: h\r\n\r\n",
    "lines that end in a bare LF": b"GET /v1/live HTTP/1.1\nHost: h\n\n" + SMUGGLED,
    "a bare LF among the fields": head(b"X-A: b\nContent-Length: 37") + SMUGGLED,
    "a bare CR in a field": head(b"X-A: b\rContent-Length: 37") + SMUGGLED,
    "a NUL in a field": head(b"X-A: b\x00c") + SMUGGLED,
    "a NUL in a name": head(b"X\x00A: b") + SMUGGLED,
    "a field with no name": head(b": b") + SMUGGLED,
    "a space in the path": b"GET /v1/live /x HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "a version that isn't known": b"GET /v1/live HTTP/3.0\r\nHost: h\r\n\r\n" + SMUGGLED,
    "HTTP/0.9": b"GET /v1/live\r\n\r\n" + SMUGGLED,
    "no Host": b"GET /v1/live HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two Hosts": head(b"Host: other", start=b"GET /v1/live HTTP/1.1") + SMUGGLED,
    "a chunk's size over 64 bits": chunked(b"10000000000000000\r\nx"),
    "a chunk's size that is no number": chunked(b"xyz\r\nx"),
    "a chunk's size below 0": chunked(b"-1\r\nx"),
    "a chunk's size with 0x": chunked(b"0x1\r\nx\r\n0\r\n\r\n"),
    "a chunk that ends too late": chunked(b"1\r\nxx\r\n0\r\n\r\n"),
    "a chunk's size behind a space": chunked(b" 0\r\n\r\n"),
    "a chunk that ends in a bare LF": chunked(b"1\nx\n0\n\n"),
    "more trailers than there may be fields": chunked(b"0\r\n" + b"X-Trailer: y\r\n" * 1_000 + b"\r\n"),
    "a trailer as large as a house": chunked(b"0\r\nX-Trailer: " + b"y" * 100_000 + b"\r\n\r\n"),
}

# And these are too large, at the first request of a connection and at any later one.
TOO_LARGE = {
    "a path of 100 kB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "a field of 17 kB": head(b"X-Large: " + b"y" * 17_000, start=b"GET /v1/live HTTP/1.1"),
    "a field's name of 17 kB": head(b"Y" * 17_000 + b": y", start=b"GET /v1/live HTTP/1.1"),
    "101 fields": head(*[b"X-%d: y" % n for n in range(101)], start=b"GET /v1/live HTTP/1.1"),
    "33 kB of fields": head(*[b"X-%d: " % n + b"y" * 3_300 for n in range(10)],
                            start=b"GET /v1/live HTTP/1.1"),
}


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    hub = Hub(sys.argv[1])
    with open(sys.argv[1], encoding="utf-8") as file:
        processes = json.load(file)["processes"]
    pid = next(process["pid"] for process in processes if process["name"] == "gateway-1")
    live = head(start=b"GET /v1/live HTTP/1.1")
    key = hub.register("bystander")
    bystanders = Bystanders([
        lambda: caller(hub, post("/v1/match", b'{"job_id": "bystander"}', hub.coordinator)),
        lambda: caller(hub, post("/v1/miners/heartbeat", b'{"queue_len": 0}', key)),
    ], pause=0.05)
    run = Run()

    def memory():
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def metric(line):
        text = hub.ask("GET", "/v1/metrics").body.decode()
        return sum(float(found.split()[-1]) for found in text.splitlines() if found.startswith(line))

    def abuse(name, body, *arguments, limit=GROWTH_LIMIT):
        def measured():
            before = memory()
            body(*arguments)
            bystanders.check()
            grown = memory() - before
            assert grown < limit, f"the gateway grew by {grown / 1e6:.1f} MB"
        run.test(name, measured)

    def refused(request, status=400):
        # On a new connection, behind a usual request, and behind one that never sees Hummingbird.
        for before in (b"", live, post("/v1/match", b'{"job_id": "j"}', hub.coordinator)):
            found = exchange(hub, before + request)
            if before:
                assert found[:1] == [200], found
                found = found[1:]
            # Where the fault is in the body, its head may have been answered before.
            assert found in ([status], [401, status]), found

    def all_refused(requests, status):
        faults = []
        for name, request in requests.items():
            try:
                refused(request, status)
            except AssertionError as fault:
                faults.append(f"{name}: {fault}")
        assert not faults, "\n        ".join(faults)
    abuse("what two readers could read differently is refused, and its connection ends", all_refused, REFUSED, 400)
    abuse("a head over the limits gets 431", all_refused, TOO_LARGE, 431)

    def slow(cases):
        """Trickles pieces, of all cases at once, until the gateway has had enough of each."""
        started = time.monotonic()
        open_ = []
        for name, (first, piece) in cases.items():
            for _ in range(50):
                sock = dial(hub)
                sock.sendall(first)
                open_.append((name, sock, piece))
        while open_ and time.monotonic() - started < TIMEOUT:
            for each in list(open_):
                try:
                    each[1].sendall(each[2])
                except OSError:
                    open_.remove(each)
                    each[1].close()
            time.sleep(0.1)
        took = time.monotonic() - started
        assert not open_, f"still there after {took:.1f} s: {set(name for name, *_ in open_)}"
        assert took < REQUEST_TIMEOUT + PATIENCE + 1, f"it took {took:.1f} s"
    body = b"POST /v1/feedback HTTP/1.1\r\nHost: h\r\n"
    transfer = b"Transfer-Encoding: chunked\r\n\r\n"
    abuse("slow in every part of a request, 300 at once", slow, {
        "a request line": (b"GET /v1/li", b"v"),
        "headers": (body, b"X: y\r\n"),
        "a body": (body + b"Content-Length: 60000\r\n\r\n", b"x"),
        "chunks": (body + transfer, b"1\r\nx\r\n"),
        "an endless chunk extension": (body + transfer + b"1;", b"e" * 1_000),
        "trailers": (body + transfer + b"0\r\n", b"X: y\r\n"),
    })

    def flood(first, piece):
        """As fast as can be, until the gateway has had enough."""
        with dial(hub) as sock:
            sock.sendall(first)
            sent, started = 0, time.monotonic()
            try:
                while time.monotonic() - started < TIMEOUT:
                    sock.sendall(piece)
                    sent += len(piece)
            except OSError:
                return
        raise AssertionError(f"{sent} bytes were taken")
    abuse("an endless body is cut off", flood, body + transfer, b"1000\r\n" + b"x" * 4_096 + b"\r\n")
    abuse("also where no body belongs", flood, b"GET /v1/live HTTP/1.1\r\nHost: h\r\n" + transfer,
          b"1000\r\n" + b"x" * 4_096 + b"\r\n")
    abuse("so are endless extensions", flood, body + transfer + b"1;", b"e" * 65_536)
    abuse("and endless chunks of a byte", flood, body + transfer, b"1\r\nx\r\n" * 10_000)
    abuse("and the chunk that is said to be huge", flood, body + transfer + b"7fffffffffffffff\r\n", b"x" * 65_536)

    def pipelined(request, count, status):
        with dial(hub) as sock:
            # Answers are read meanwhile: both sides' buffers are smaller than all this.
            thread = threading.Thread(target=sock.sendall, args=(request * count,), daemon=True)
            thread.start()
            data = b""
            while data.count(b"HTTP/1.1 ") < count:
                more = sock.recv(1 << 20)
                assert more, f"only {data.count(b'HTTP/1.1 ')} of {count}"
                data += more
            assert set(statuses(data)) == {status}
    match = post("/v1/match", b'{"job_id": "j"}', hub.coordinator)
    abuse("2,000 pipelined matches are answered in their turn", pipelined, match, 2_000, 200)
    abuse("2,000 pipelined requests of the ordinary way, too", pipelined, live, 2_000, 200)

    def deaf():
        """Pipelines and never reads: answers may not gather."""
        socks = [dial(hub) for _ in range(20)]
        for sock in socks:
            sock.settimeout(0.3)
            try:
                for _ in range(200):
                    sock.sendall(head(start=b"GET /openapi.yaml HTTP/1.1") * 100)
            except OSError:
                pass
        bystanders.check()
        for sock in socks:
            sock.close()
    abuse("callers that never read their answers hold nothing up", deaf)

    def idle():
        """Each has asked once and keeps its connection."""
        dropped = metric('poolhub_limit_hits_total{limit="http_connections"}')
        count = min(IDLE, hard - 1_000)
        socks = []
        for number in range(count):
            sock = dial(hub)
            sock.sendall(live)
            socks.append(sock)
            if number >= 50:
                # So that it has been read before its connection may have to go.
                assert socks[number - 50].recv(4_096), "no answer"
        bystanders.check()
        assert hub.ask("GET", "/v1/live").status == 200
        gone = metric('poolhub_limit_hits_total{limit="http_connections"}') - dropped
        assert gone >= count - 4_200, f"only {gone} of {count} had to go"
        for sock in socks:
            sock.close()
    abuse("ten thousand idle connections are bounded, the longest idle going first", idle,
          limit=IDLE_GROWTH_LIMIT)

    bystanders.end()
    run.end()


if __name__ == "__main__":
    main()
