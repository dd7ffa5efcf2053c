"""Callers of the hub, as they come in a day: matches over new connections and over kept ones, and a miner's
WebSocket. What fails is noted, with the moment."""

import base64
import collections
import http.client
import json
import os
import socket
import struct
import threading
import time

HOST, PORT = "127.0.0.1", 8203


class Answer(collections.namedtuple("Answer", "status headers body")):
    @property
    def json(self):
        return json.loads(self.body)


def ask(method, path, body=None, bearer=None, link=None, timeout=20):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    own = link or http.client.HTTPConnection(HOST, PORT, timeout=timeout)
    try:
        own.request(method, path, data, headers)
        answer = own.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        if not link:
            own.close()


class Load:
    """Matches at some hundred a second, until it is stopped; every one must be answered with 200."""

    CALLERS = 4

    def __init__(self, secret):
        self.secret = secret
        self.answered = 0
        self.failures = []
        self.is_over = threading.Event()
        self.lock = threading.Lock()

    def __enter__(self):
        self.threads = [threading.Thread(target=self.call, args=(number % 2 == 0,)) for number in range(self.CALLERS)]
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for each in self.threads:
            each.join()

    def call(self, keeps):
        link = None
        while not self.is_over.is_set():
            try:
                if not keeps:
                    status = self.match(None)
                else:
                    link, status = self.match_again(link)
                fault = None if status == 200 else f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                link, fault = None, f"{type(error).__name__}: {error}"
            with self.lock:
                if fault:
                    self.failures.append((time.monotonic(), fault))
                else:
                    self.answered += 1
            time.sleep(0.01)

    def match(self, link):
        return ask("POST", "/v1/match", {"job_id": "load"}, self.secret, link).status

    def match_again(self, link):
        """Over a kept connection. One that was closed before a byte of the answer is made anew, as every client does."""
        if link:
            try:
                status = self.match(link)
                return (link if link.sock else None), status
            except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
                pass
        link = http.client.HTTPConnection(HOST, PORT, timeout=20)
        status = self.match(link)
        return (link if link.sock else None), status

    def expect_no_failure(self, least=50):
        with self.lock:
            assert not self.failures, f"{len(self.failures)} of {self.answered} failed: {self.failures[:5]}"
            assert self.answered >= least, f"only {self.answered} matches were asked"


class MinerSocket:
    """A miner's WebSocket, by hand."""

    def __init__(self, token):
        self.link = socket.create_connection((HOST, PORT), 10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.link.sendall(
            f"GET /v1/miners/heartbeat HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.link.recv(1)
            assert part, f"no WebSocket: {head}"
            head += part
        assert head.startswith(b"HTTP/1.1 101 "), head

    def beat(self, number):
        """Says a heartbeat and waits until it is acknowledged."""
        text = json.dumps({"seq": number, "queue_len": 0}).encode()
        mask = os.urandom(4)
        self.link.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        while True:
            opcode, data = self.frame()
            assert opcode != 8, f"closed with {data}"
            if opcode == 1 and json.loads(data).get("seq") == number:
                return

    def frame(self):
        first, length = self.exactly(2)
        if length == 126:
            length = struct.unpack(">H", self.exactly(2))[0]
        return first & 0xF, self.exactly(length)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.link.recv(count - len(data))
            assert part, "the WebSocket was cut"
            data += part
        return data
