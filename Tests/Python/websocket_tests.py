"""RFC 6455 as the Autobahn suite tries it, with the `websockets` package as the peer: frames, fragments,
control frames, reserved bits and opcodes, UTF-8, the closing handshake, limits, and what comes before the
upgrade.

A gateway doesn't echo: a message has arrived when its `ack` bears its number."""

import json
import socket
import sys

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import connect

from hub import Hub, Run

TIMEOUT = 10
FRAME_LIMIT = 16 * 1024


class Peer:
    """One connection; frames go out just as told."""

    def __init__(self, hub, key, **options):
        url = hub.url.replace("http://", "ws://") + "/v1/miners/heartbeat"
        options.setdefault("compression", None)
        self.ws = connect(
            url, additional_headers={"Authorization": f"Bearer {key}"}, open_timeout=TIMEOUT,
            close_timeout=1, ping_interval=None, **options)
        self.sequence = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.socket.close()

    def raw(self, data):
        self.ws.socket.sendall(data)

    def frame(self, opcode, data=b"", fin=True, mask=True, rsv=0):
        frame = bytearray(Frame(opcode, data).serialize(mask=mask))
        # By hand, as the package sends nothing that is wrong.
        frame[0] = (0x80 if fin else 0) | rsv << 4 | opcode
        self.raw(frame)

    def beat(self, size=None, extra=""):
        """The next heartbeat's text, and its number."""
        self.sequence += 1
        text = json.dumps({"seq": self.sequence, "queue_len": 1, "note": extra}, ensure_ascii=False)
        data = text.encode()
        if size:
            data += b" " * (size - len(data))
        return self.sequence, data

    def expect_ack(self, sequence):
        answer = json.loads(self.ws.recv(TIMEOUT))
        assert answer["type"] == "ack" and answer["seq"] == sequence, answer

    def expect_error(self):
        answer = json.loads(self.ws.recv(TIMEOUT))
        assert answer["type"] == "error", answer

    def expect_close(self, code):
        try:
            while True:
                self.ws.recv(TIMEOUT)
        except ConnectionClosed as closed:
            found = closed.rcvd.code if closed.rcvd else None
            assert found == code, f"closed with {found} instead of {code}"

    def is_alive(self):
        sequence, text = self.beat()
        self.frame(Opcode.TEXT, text)
        self.expect_ack(sequence)


VALID_TEXTS = ["κόσμε", "\x7f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff", "日本語 🜂", "\ufeff\ufffe\ufdd0"]
INVALID_TEXTS = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xc3", b"\xe2\x82",
]
GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
BAD_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


def main():
    hub = Hub(sys.argv[1])
    key = hub.register("autobahn")
    run = Run()

    def peer(**options):
        return Peer(hub, key, **options)

    def closes(name, code, send):
        def body():
            with peer() as p:
                send(p)
                p.expect_close(code)
        run.test(name, body)

    def lives(name, send):
        def body():
            with peer() as p:
                send(p)
                p.is_alive()
        run.test(name, body)

    # 1: framing.
    def sizes(p):
        for size in [120, 125, 126, 127, 128, 1024, FRAME_LIMIT - 1, FRAME_LIMIT]:
            sequence, text = p.beat(size)
            p.frame(Opcode.TEXT, text)
            p.expect_ack(sequence)
    lives("texts of all forms of length arrive", sizes)

    def byte_by_byte(p):
        sequence, text = p.beat()
        for byte in Frame(Opcode.TEXT, text).serialize(mask=True):
            p.raw(bytes([byte]))
        p.expect_ack(sequence)
    lives("a frame that comes byte by byte arrives", byte_by_byte)

    def empty(p):
        p.frame(Opcode.TEXT)
        p.expect_error()
    lives("an empty text is a bad heartbeat and no more", empty)

    def binary(p):
        p.frame(Opcode.BINARY, b"\x00\xff")
        p.expect_error()
    lives("a binary message is a bad heartbeat and no more", binary)
    closes("a text over 16 KiB closes with 1009", 1009,
           lambda p: p.frame(Opcode.TEXT, p.beat(FRAME_LIMIT + 1)[1]))
    for name, length in [("2^63", 1 << 63), ("2^64 - 1", (1 << 64) - 1), ("2^40", 1 << 40)]:
        def huge(length=length):
            with peer() as p:
                p.raw(b"\x81\xff" + length.to_bytes(8, "big") + b"abcd")
                try:
                    p.expect_close(1009)
                except AssertionError:
                    pass
                # 1002 would do as well; what counts is that nothing is waited for.
                assert p.ws.close_code in (1002, 1009), p.ws.close_code
        run.test(f"a header that promises {name} bytes closes at once", huge)

    # 2: pings and pongs.
    for size in [0, 1, 125]:
        def ping(p, size=size):
            waiter = p.ws.ping(b"x" * size)
            p.is_alive()
            assert waiter.wait(TIMEOUT)
        lives(f"a ping of {size} bytes is answered", ping)

    def pings(p):
        waiters = [p.ws.ping(f"ping {n}") for n in range(10)]
        p.is_alive()
        assert all(waiter.wait(TIMEOUT) for waiter in waiters)
    lives("ten pings are answered in their order", pings)
    lives("a pong that nobody asked for is ignored", lambda p: p.frame(Opcode.PONG, b"hello"))
    closes("a ping of 126 bytes closes with 1002", 1002,
           lambda p: p.raw(b"\x89\xfe\x00\x7eabcd" + b"x" * 126))
    closes("a ping in fragments closes with 1002", 1002,
           lambda p: p.frame(Opcode.PING, b"x", fin=False))

    # 3 and 4: reserved bits and opcodes, masks.
    for rsv in range(1, 8):
        closes(f"reserved bits {rsv:03b} close with 1002", 1002,
               lambda p, rsv=rsv: p.frame(Opcode.TEXT, p.beat()[1], rsv=rsv))
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]:
        closes(f"opcode {opcode} closes with 1002", 1002,
               lambda p, opcode=opcode: p.raw(bytes([0x80 | opcode, 0x80]) + b"abcd"))
    closes("a frame without a mask closes with 1002", 1002,
           lambda p: p.frame(Opcode.TEXT, p.beat()[1], mask=False))

    # 5: fragments.
    def fragments(p, parts, between=None):
        sequence, text = p.beat(extra="fragmented ü")
        step = -(-len(text) // parts)
        pieces = [text[at:at + step] for at in range(0, len(text), step)]
        for number, piece in enumerate(pieces):
            p.frame(Opcode.TEXT if number == 0 else Opcode.CONT, piece,
                    fin=number == len(pieces) - 1)
            if between:
                between(p)
        p.expect_ack(sequence)
    lives("a message in two fragments arrives", lambda p: fragments(p, 2))
    lives("a message in single bytes arrives", lambda p: fragments(p, 60))
    lives("pings between fragments are answered",
          lambda p: fragments(p, 5, lambda p: p.frame(Opcode.PING, b"between")))

    def empty_fragments(p):
        sequence, text = p.beat()
        p.frame(Opcode.TEXT, b"", fin=False)
        p.frame(Opcode.CONT, text, fin=False)
        p.frame(Opcode.CONT, b"", fin=True)
        p.expect_ack(sequence)
    lives("empty fragments count for nothing", empty_fragments)
    closes("a continuation of nothing closes with 1002", 1002,
           lambda p: p.frame(Opcode.CONT, b"x"))

    def two_at_once(p):
        p.frame(Opcode.TEXT, b"{", fin=False)
        p.frame(Opcode.TEXT, b"{}")
    closes("a new message inside of another closes with 1002", 1002, two_at_once)

    def long_message(p):
        p.frame(Opcode.TEXT, b"x" * 10_000, fin=False)
        p.frame(Opcode.CONT, b"x" * 10_000)
    closes("fragments over 16 KiB together close with 1009", 1009, long_message)

    # 6: UTF-8.
    for text in VALID_TEXTS:
        def valid(p, text=text):
            sequence, data = p.beat(extra=text)
            p.frame(Opcode.TEXT, data)
            p.expect_ack(sequence)
        lives(f"valid text arrives: {text!a}", valid)
    for text in INVALID_TEXTS:
        closes(f"invalid text closes with 1007: {text!r}", 1007,
               lambda p, text=text: p.frame(Opcode.TEXT, b'{"note":"' + text + b'"}'))

    def split_character(p):
        sequence, data = p.beat(extra="ü")
        at = data.index("ü".encode()) + 1
        p.frame(Opcode.TEXT, data[:at], fin=False)
        p.frame(Opcode.CONT, data[at:])
        p.expect_ack(sequence)
    lives("a character split by fragments arrives whole", split_character)

    # 7: closing.
    for code in GOOD_CODES:
        closes(f"close code {code} is answered with itself", code,
               lambda p, code=code: p.frame(Opcode.CLOSE, Close(code, "bye").serialize()))
    for code in BAD_CODES:
        closes(f"close code {code} is answered with 1002", 1002,
               lambda p, code=code: p.frame(Opcode.CLOSE, code.to_bytes(2, "big")))
    closes("a close of one byte is answered with 1002", 1002,
           lambda p: p.frame(Opcode.CLOSE, b"x"))
    closes("a reason that is no UTF-8 is answered with 1007", 1007,
           lambda p: p.frame(Opcode.CLOSE, b"\x03\xe8\xff\xfe"))
    closes("a close of 126 bytes is answered with 1002", 1002,
           lambda p: p.raw(b"\x88\xfe\x00\x7eabcd" + b"x" * 126))
    closes("a close without a code is answered without one", 1005,
           lambda p: p.frame(Opcode.CLOSE))

    def after_close(p):
        p.frame(Opcode.CLOSE, Close(1000, "").serialize())
        p.frame(Opcode.TEXT, b"too late")
    closes("what follows a close is dropped", 1000, after_close)

    # 9: limits.
    def flood(p):
        try:
            for _ in range(400):
                p.frame(Opcode.PONG)
        except OSError:
            # Closed before all were out; with which code is in what came.
            pass
    closes("too many frames close with 4429", 4429, flood)

    # 12: compression, and the opening.
    def no_compression():
        with peer(compression="deflate") as p:
            assert not p.ws.protocol.extensions
            p.is_alive()
    run.test("compression is refused, and all goes on without", no_compression)

    def garbage(sent):
        host, port = hub.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), TIMEOUT) as sock:
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65_536):
                pass
    for sent in [b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01", b"GET /v1/miners/heartbeat HTTP/1.1\r\n\xff\xfe:",
                 b"\x81\x85abcdhello", b"POST " + b"x" * 70_000]:
        run.test(f"garbage before the upgrade ends the connection: {sent[:12]!r}",
                 lambda sent=sent: garbage(sent))

    run.end()


if __name__ == "__main__":
    main()
