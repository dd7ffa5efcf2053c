"""TLS in the gateway itself: certificates made by openssl, real handshakes, HTTP and WebSockets over them.

Usage: tls_tests.py GATEWAY ENVIRONMENT LINK…, the second as JSON; a scorer is at the links."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

GATEWAY, ENVIRONMENT, LINKS = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
COORDINATOR = ENVIRONMENT["POOLHUB_COORDINATOR_SECRETS"].split(":")[1]
PATIENCE = 20
# As short as a busy machine bears: it bounds handshakes too.
REQUEST_TIMEOUT = 3


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-days", "30", "-keyout", f"{name}.key", "-out", f"{name}.crt")


def certificate(name, signer, names, days="30"):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    with open(f"{name}.ext", "w") as file:
        file.write(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key",
            "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, number, **settings):
        self.port = free_port()
        self.log = open(f"gateway-{number}.log", "w+")
        own = {"POOLHUB_BIND": "127.0.0.1", "POOLHUB_PORT": str(self.port), "POOLHUB_LEASE_TTL_SEC": "60",
               "POOLHUB_GATEWAY_ID": f"tls-{number}", "POOLHUB_SCORER_BIND": LINKS[number - 1],
               "POOLHUB_TLS_CERTIFICATE": "server.crt", "POOLHUB_TLS_KEY": "server.key", **settings}
        self.process = subprocess.Popen([GATEWAY], env={**ENVIRONMENT, **own}, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        wait("the gateway serves", lambda: "listening" in self.text())

    def text(self):
        with open(self.log.name) as file:
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.text()

    def dial(self, client=None, trusted="ca"):
        context = ssl.create_default_context(cafile=f"{trusted}.crt")
        if client:
            context.load_cert_chain(f"{client}.crt", f"{client}.key")
        raw = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return context.wrap_socket(raw, server_hostname="localhost")

    def ask(self, method, path, body=None, token=None, client=None, headers=()):
        with self.dial(client) as link:
            return exchange(link, method, path, body, token, headers)


def exchange(link, method, path, body=None, token=None, headers=(), close=True):
    data = json.dumps(body).encode() if body is not None else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}", *headers]
    if close:
        lines.append("Connection: close")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    head, rest = read_until(link, b"\r\n\r\n")
    status = int(head.split()[1])
    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
              if line.lower().startswith(b"content-length")]
    while length and len(rest) < length[0]:
        rest += link.recv(65536)
    return status, rest.decode()


def read_until(link, end):
    data = b""
    while end not in data:
        chunk = link.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        data += chunk
    return data.split(end, 1)


def wait(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def refused(attempt):
    try:
        attempt()
    except (ssl.SSLError, ConnectionError) as error:
        return error
    raise AssertionError("it was let in")


def register(gateway, miner, client=None):
    status, text = gateway.ask("POST", "/v1/miners/register", {
        "miner_id": miner, "api_key": f"key-of-{miner}-0123456789"}, client=client)
    return status, json.loads(text).get("session_token")


def open_websocket(link, token):
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall((f"GET /v1/miners/heartbeat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                  f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                  f"Authorization: Bearer {token}\r\n\r\n").encode())
    head, _ = read_until(link, b"\r\n\r\n")
    return int(head.split()[1])


def beat(link, sequence):
    text = json.dumps({"seq": sequence, "queue_len": 0}).encode()
    link.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    while True:
        kind, length = link.recv(1)[0], link.recv(1)[0]
        payload = link.recv(length)
        if kind == 0x81 and json.loads(payload)["type"] == "ack":
            assert json.loads(payload)["seq"] == sequence
            return


def test_without_clients():
    gateway = Gateway(1, POOLHUB_REQUEST_TIMEOUT_SEC=str(REQUEST_TIMEOUT))
    assert gateway.ask("GET", "/v1/live")[0] == 200
    status, token = register(gateway, "plain")
    assert status == 200
    with gateway.dial() as link:
        assert link.version() == "TLSv1.3" and link.selected_alpn_protocol() is None
        for _ in range(3):
            assert exchange(link, "GET", "/v1/live", close=False)[0] == 200
        assert exchange(link, "POST", "/v1/match", {"job_id": "j"}, token=COORDINATOR)[0] == 200
    websocket = gateway.dial()
    assert open_websocket(websocket, token) == 101
    beat(websocket, 1)
    versions(gateway)
    slow_handshakes(gateway)
    # Plain HTTP isn't answered, and doesn't hurt.
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) as plain:
        plain.sendall(b"GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(1024).startswith(b"HTTP")
    reload(gateway, websocket)
    faults = [line for line in gateway.ask("GET", "/metrics")[1].splitlines()
              if line.startswith("poolhub_connection_faults_total")]
    assert any('fault="tls_handshake"' in line for line in faults), faults
    # A gateway that stops waits ten seconds for a peer that doesn't answer its farewell.
    websocket.close()
    gateway.stop()


def versions(gateway):
    for version, good in [("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False), ("-tls1", False)]:
        run = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", version, "-CAfile",
             "ca.crt", "-cipher", "DEFAULT@SECLEVEL=0", "-verify_return_error"],
            input=b"", capture_output=True, timeout=PATIENCE)
        assert (run.returncode == 0) == good, (version, run.stderr)


def slow_handshakes(gateway):
    """Who says half of a hello, or a byte now and then, is gone in the time that a first request has."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) as half, \
            socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) as drip:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        half.settimeout(PATIENCE)
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc":
            drip.sendall(bytes([byte]))
            time.sleep(REQUEST_TIMEOUT / 10)
        assert half.recv(1) == b""
        drip.settimeout(PATIENCE)
        assert drip.recv(1) == b""
    assert 0.8 * REQUEST_TIMEOUT < time.monotonic() - started < REQUEST_TIMEOUT + 5


def serial(gateway, trusted="ca"):
    with gateway.dial(trusted=trusted) as link:
        return link.getpeercert()["serialNumber"]


def reload(gateway, websocket):
    before = serial(gateway)
    # By signal, while connections are open.
    certificate("server", "ca", "DNS:localhost")
    gateway.process.send_signal(signal.SIGHUP)
    wait("the new certificate is shown", lambda: serial(gateway) != before)
    beat(websocket, 2)
    # A broken file changes nothing, and is told.
    good = open("server.crt").read()
    current = serial(gateway)
    open("server.crt", "w").write("no certificate")
    wait("the fault is logged", lambda: "could not be read anew" in gateway.text())
    assert serial(gateway) == current
    # By itself, when files change.
    open("server.crt", "w").write(good)
    certificate("server", "ca", "DNS:localhost")
    wait("the newest certificate is shown", lambda: serial(gateway) != current)
    beat(websocket, 3)


def test_optional_clients():
    gateway = Gateway(2, POOLHUB_TLS_CLIENT_CA="ca.crt")
    assert gateway.ask("GET", "/v1/live")[0] == 200
    assert gateway.ask("GET", "/v1/live", client="one")[0] == 200
    for name in ("expired", "stranger"):
        refused(lambda: gateway.ask("GET", "/v1/live", client=name))
    names(gateway)
    gateway.stop()


def names(gateway):
    """A certificate that names callers binds its connections to them; their tokens are needed all the same."""
    status, one = register(gateway, "one", client="one")
    assert status == 200
    status, two = register(gateway, "two")
    assert status == 200
    assert register(gateway, "two", client="one")[0] == 403
    assert gateway.ask("GET", "/v1/miners/status", token=one, client="one")[0] == 200
    assert gateway.ask("GET", "/v1/miners/status", token=two, client="one")[0] == 403
    assert gateway.ask("GET", "/v1/miners/status", client="one")[0] == 401
    assert gateway.ask("GET", "/v1/miners/status", token="key-of-two-0123456789", client="one")[0] == 403
    assert gateway.ask("GET", "/v1/miners/status", token=two, client="nameless")[0] == 200
    for token, status in [(one, 101), (two, 403), ("key-of-two-0123456789", 403)]:
        with gateway.dial("one") as link:
            assert open_websocket(link, token) == status, token
    body = {"job_id": "j"}
    for client, good in [("one", False), ("tests", True), ("other", False), (None, True)]:
        for headers, token in [((), COORDINATOR), ((f"X-PoolHub-Key: {COORDINATOR}",), None)]:
            status, _ = gateway.ask("POST", "/v1/match", body, token, client, headers)
            assert status == (200 if good else 403), (client, status)
    admin = ENVIRONMENT["POOLHUB_ADMIN_SECRET"]
    assert gateway.ask("GET", "/v1/miners", token=admin, client="one")[0] == 403
    assert gateway.ask("GET", "/v1/miners", token=admin, client="operator")[0] == 200


def test_required_clients():
    gateway = Gateway(3, POOLHUB_TLS_CLIENT_CA="ca.crt", POOLHUB_TLS_CLIENTS="required")
    assert gateway.ask("GET", "/v1/live", client="nameless")[0] == 200
    refused(lambda: gateway.ask("GET", "/v1/live"))
    for name in ("expired", "stranger"):
        refused(lambda: gateway.ask("GET", "/v1/live", client=name))
    gateway.stop()


def test_bad_files():
    for settings, key in [
        ({"POOLHUB_TLS_KEY": "one.key"}, "POOLHUB_TLS_KEY"),
        ({"POOLHUB_TLS_KEY": "none.key"}, "POOLHUB_TLS_KEY"),
        ({"POOLHUB_TLS_KEY": ""}, "POOLHUB_TLS_KEY"),
        ({"POOLHUB_TLS_CERTIFICATE": "server.key"}, "POOLHUB_TLS_CERTIFICATE"),
        ({"POOLHUB_TLS_CLIENT_CA": "none.crt"}, "POOLHUB_TLS_CLIENT_CA"),
        ({"POOLHUB_TLS_CLIENTS": "required"}, "POOLHUB_TLS_CLIENTS"),
    ]:
        own = {"POOLHUB_TLS_CERTIFICATE": "server.crt", "POOLHUB_TLS_KEY": "server.key", **settings}
        run = subprocess.run([GATEWAY, "--check-config"], env={**ENVIRONMENT, **own},
                             capture_output=True, text=True, timeout=PATIENCE)
        said = run.stdout + run.stderr
        assert run.returncode != 0 and key in said and said.count("\n") == 1, (settings, said)


def main():
    for name in ("ca", "strangers"):
        authority(name)
    certificate("server", "ca", "DNS:localhost")
    certificate("one", "ca", "URI:urn:poolhub:miner:one")
    certificate("nameless", "ca", "DNS:fleet.example")
    certificate("tests", "ca", "URI:urn:poolhub:coordinator:tests")
    certificate("other", "ca", "URI:urn:poolhub:coordinator:other")
    certificate("operator", "ca", "URI:urn:poolhub:operator")
    certificate("stranger", "strangers", "URI:urn:poolhub:miner:one")
    certificate("expired", "ca", "URI:urn:poolhub:miner:one", days="-1")
    for test in (test_bad_files, test_without_clients, test_optional_clients, test_required_clients):
        started = time.monotonic()
        test()
        print(f"ok      {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)


main()
