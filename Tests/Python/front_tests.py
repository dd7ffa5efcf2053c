"""The configurations in deploy/nginx and deploy/haproxy, in front of two running gateways: the real proxies,
a certificate made by openssl, callers from several addresses of the loopback.

Usage: front_tests.py nginx|haproxy HUB, the second as JSON: `folder` (the project's), `gateways` (each
`[port, pid]`), `coordinator`, `operator`. The gateways trust 127.0.0.1 and let operators in from 127.0.0.2."""

import asyncio
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from websockets.asyncio.client import connect

from hub import Run

KIND, HUB = sys.argv[1], json.loads(sys.argv[2])
DEPLOY = f"{HUB['folder']}/deploy"
PATIENCE = 15
# The allowlists of the files have these; the gateways themselves let operators in from the first alone.
FRIEND, OTHER_FRIEND, STRANGER, CROWD = "127.0.0.2", "127.0.0.3", "127.0.0.8", "127.0.0.9"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


def certificate():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=hub.example", "-addext", "subjectAltName=DNS:hub.example", "-days", "2",
         "-keyout", "key.pem", "-out", "chain.pem"], check=True, capture_output=True)
    with open("both.pem", "w") as both:
        both.write(open("chain.pem").read() + open("key.pem").read())


def adapted(name, *changes):
    """A file of deploy/ with what an operator would change; each place must be there."""
    with open(f"{DEPLOY}/{KIND}/{name}") as file:
        text = file.read()
    for old, new in changes:
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    with open(name, "w") as file:
        file.write(text)


def start_nginx(port):
    here = os.getcwd()
    servers = "\n".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=2s;" for each, _ in HUB["gateways"])
    adapted("poolhub.conf",
            ("server 127.0.0.1:8203 max_fails=1 fail_timeout=2s;", servers),
            ("127.0.0.1 1;", "127.0.0.2 1; 127.0.0.3 1;"), ("10.0.0.0/8 1;", ""),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
            ("listen [::]:443 ssl http2;", ""),
            ("/etc/nginx/", f"{here}/"))
    adapted("poolhub-server.conf", ("/var/log/nginx/poolhub.log", f"{here}/access.log"))
    folders = "".join(f"{kind}_temp_path {here}/{kind};" for kind in
                      ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.getuid() == 0 else ""
    with open("nginx.conf", "w") as file:
        file.write(f"{user} daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes 2;\n"
                   f"events {{ worker_connections 1024; }}\nhttp {{ {folders} include {here}/poolhub.conf; }}\n")
    return ["/usr/sbin/nginx", "-e", f"{here}/error.log", "-p", here, "-c", f"{here}/nginx.conf"]


def start_haproxy(port):
    here = os.getcwd()
    def servers(end=""):
        return "\n".join(f"  server gateway-{number} 127.0.0.1:{each}" + end.replace("-1", f"-{number}")
                         for number, (each, _) in enumerate(HUB["gateways"]))
    for status in (403, 413, 429, 503):
        adapted(f"problem-{status}.http")
    adapted("poolhub.cfg",
            ("  server gateway-1 127.0.0.1:8203 track gateways/gateway-1", servers(" track gateways/gateway-1")),
            ("  server gateway-1 127.0.0.1:8203", servers()),
            ("src 127.0.0.1 10.0.0.0/8", "src 127.0.0.2 127.0.0.3"),
            ("bind :::443 v4v6 ssl crt /etc/haproxy/poolhub.pem", f"bind 127.0.0.1:{port} ssl crt {here}/both.pem"),
            ("/etc/haproxy/", f"{here}/"), ("maxconn 50000", "maxconn 1000"))
    return ["/usr/sbin/haproxy", "-db", "-f", "poolhub.cfg"]


class Front:
    def __init__(self):
        certificate()
        self.port = free_port()
        command = {"nginx": start_nginx, "haproxy": start_haproxy}[KIND](self.port)
        self.log = open("front.log", "w")
        # It ends with us: the proxies' masters take SIGTERM, and this process is ended by its parent's.
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.trust = ssl.create_default_context(cafile="chain.pem")
        wait("health through the front", self.is_healthy)

    def is_healthy(self):
        assert self.process.poll() is None, self.text()
        try:
            return self.ask("GET", "/v1/health")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def text(self):
        return "".join(open(name).read() for name in ("front.log", "access.log", "error.log")
                       if os.path.exists(name))

    def socket(self, source):
        raw = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))
        return self.trust.wrap_socket(raw, server_hostname="hub.example")

    def connection(self, source):
        link = http.client.HTTPConnection("hub.example", self.port, timeout=PATIENCE)
        link.sock = self.socket(source)
        return link

    def ask(self, method, path, body=None, bearer=None, source=FRIEND, headers=None, link=None):
        """→ status, headers, body; problems are read."""
        headers = dict(headers or {})
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        own = link or self.connection(source)
        try:
            own.request(method, path, data, headers)
            answer = own.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            if not link:
                own.close()

    def match(self, **options):
        return self.ask("POST", "/v1/match", {"job_id": "j"}, HUB["coordinator"], **options)


def expect_problem(answer, status, code):
    assert answer[0] == status, answer
    assert answer[1]["Content-Type"].startswith("application/problem+json"), answer
    assert json.loads(answer[2])["code"] == code, answer
    assert json.loads(answer[2])["type"] == f"urn:poolhub:problem:{code}", answer


def a_miner_registers_beats_over_a_websocket_and_is_matched():
    status, _, body = front.ask(
        "POST", "/v1/miners/register", {"miner_id": "m", "api_key": "key-of-m-0123456789", "addr": "10.0.0.1:1"},
        source=STRANGER)
    assert status == 200, body
    token = json.loads(body)["session_token"]
    asyncio.run(beat_and_be_matched(token))
    wait("the log is written", lambda: "heartbeat" in front.text())
    assert token not in front.text() and "session_token" not in front.text(), "a token is in the log"


async def beat_and_be_matched(token):
    # Not the client with a thread that reads: OpenSSL's connection isn't made for two threads at once, and
    # one in 200 of those never sends its request.
    async with connect(f"wss://hub.example:{front.port}/v1/miners/heartbeat?session_token={token}",
                       sock=socket.create_connection(("127.0.0.1", front.port), PATIENCE, (STRANGER, 0)),
                       ssl=front.trust, server_hostname="hub.example", open_timeout=PATIENCE) as link:
        async def beat(seq, queue_len):
            await link.send(json.dumps({"seq": seq, "queue_len": queue_len}))
            answer = json.loads(await asyncio.wait_for(link.recv(), PATIENCE))
            assert answer["type"] == "ack" and answer["seq"] == seq, answer

        await beat(7, 0)
        status, _, body = front.match()
        assert status == 200 and json.loads(body)["candidates"][0]["miner_id"] == "m", body
        # Longer than nothing is said between pings it must not be cut; the frame after a pause gets there.
        await asyncio.sleep(1)
        await beat(8, 1)


def coordinators_and_operators_paths_are_closed_to_strangers():
    expect_problem(front.match(source=STRANGER), 403, "forbidden")
    for method, path in [("POST", "/v1/feedback"), ("GET", "/v1/matches/j"), ("GET", "/v1/keys"),
                         ("DELETE", "/v1/keys/1"), ("GET", "/v1/audit"), ("GET", "/v1/miners"),
                         ("PUT", "/v1/miners/m/price-override"), ("GET", "/v1/pool/miners/m"),
                         ("POST", "/v1/pool/match"), ("POST", "/v1/match/batch")]:
        expect_problem(front.ask(method, path, bearer=HUB["operator"], source=STRANGER), 403, "forbidden")
    # Other spellings are refused here, or lead nowhere in the hub, which lets coordinators in from anywhere,
    # operators from FRIEND's proxy and metrics to all.
    for method, path, bearer in [("GET", "/v1/matches/j", HUB["coordinator"]), ("GET", "/v1/matches/..", HUB["coordinator"]),
                                 ("POST", "/v1/match", HUB["coordinator"]), ("GET", "/v1/keys", HUB["operator"]),
                                 ("GET", "/v1/pool/miners/..", HUB["operator"]), ("GET", "/v1/miners", HUB["operator"]),
                                 ("DELETE", "/v1/miners/../price-override", HUB["operator"]), ("GET", "/metrics", None)]:
        closed = [path, "/" + path, path + "/", path + "//", path.replace("/", "//"), path + "?x=1"]
        for spelling in closed:
            expect_problem(front.ask(method, spelling, bearer=bearer, source=STRANGER), 403, "forbidden")
        rest = path[1:]
        for spelling in ["/./" + rest, "/x/.." + path, "/%2e" + path, "/x/%2E%2e" + path, "/%2f" + rest, "/%2F" + rest,
                         "/" + rest.replace("/", "%2F"), f"/%{ord(rest[0]):x}{rest[1:]}", path.replace("/", "/./"),
                         path.upper(), path + "#", path + ";x", "/\\" + rest, "https://hub.example" + path,
                         "https://hub.example/" + path, path + "/%2e%2E", path + "/x%2F..%2F..%2F.."]:
            answer = front.ask(method, spelling, bearer=bearer, source=STRANGER)
            # nginx and HAProxy have pages of their own for what is no request.
            code = json.loads(answer[2])["code"] if answer[0] != 400 else "bad_request"
            assert code in ("forbidden", "not_found", "bad_request"), (spelling, answer)
    for path in ("/metrics", "/v1/metrics", "/metrics/", "//metrics"):
        expect_problem(front.ask("GET", path), 403, "forbidden")
    for path in ("/", "/v1/pool", "/openapi.yaml", "/v1/services/templates"):
        assert front.ask("GET", path, source=STRANGER)[0] == 200, path


def a_body_may_have_64_kib_and_no_more():
    padding = b" " * (65_536 - len(b'{"job_id":"j"}'))
    answer = front.ask("POST", "/v1/match", b'{"job_id":"j"}' + padding, HUB["coordinator"])
    assert answer[0] == 200, answer
    # Refused by its head alone, before it is sent.
    larger = front.connection(FRIEND)
    larger.putrequest("POST", "/v1/match")
    for name, value in [("Authorization", f"Bearer {HUB['coordinator']}"), ("Content-Type", "application/json"),
                        ("Content-Length", "65537")]:
        larger.putheader(name, value)
    larger.endheaders()
    answer = larger.getresponse()
    expect_problem((answer.status, answer.headers, answer.read()), 413, "too_large")
    chunks = front.connection(FRIEND)
    chunks.request("POST", "/v1/match", iter([b" " * 40_000] * 2), {
        "Authorization": f"Bearer {HUB['coordinator']}", "Content-Type": "application/json"},
        encode_chunked=True)
    assert chunks.getresponse().status == 413


def the_hub_knows_the_client_and_believes_no_client():
    # The gateways let operators in from FRIEND alone; the front lets both through.
    assert front.ask("GET", "/v1/keys", bearer=HUB["operator"])[0] == 200
    for forged in ({}, {"X-Forwarded-For": FRIEND}, {"Forwarded": f"for={FRIEND}"}):
        answer = front.ask("GET", "/v1/keys", bearer=HUB["operator"], source=OTHER_FRIEND, headers=forged)
        expect_problem(answer, 403, "forbidden")
    status, _, body = front.ask("POST", "/v1/keys", {"kind": "coordinator", "coordinator": "c"}, HUB["operator"])
    assert status in (200, 201), body
    status, _, body = front.ask("GET", "/v1/audit", bearer=HUB["operator"])
    assert json.loads(body)["entries"][0]["origin"] == FRIEND, body


def old_tls_is_refused():
    old = ssl.create_default_context(cafile="chain.pem")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection(("127.0.0.1", front.port), PATIENCE) as raw:
            old.wrap_socket(raw, server_hostname="hub.example")
    except (ssl.SSLError, ConnectionError):
        return
    raise AssertionError("TLS 1.1 was taken")


def one_gateway_is_restarted_and_no_match_fails():
    def ask_often(link):
        for number in range(100):
            # Now and then on a connection of its own, for which the front may make another one to a gateway.
            answer = front.match(link=None if number % 5 == 0 else link)
            assert answer[0] == 200, (number, answer)
            if number == 30:
                at_thirty.wait(PATIENCE)

    def stop_one():
        os.kill(HUB["gateways"][1][1], signal.SIGTERM)
    at_thirty = threading.Barrier(4, stop_one)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask_often, [front.connection(FRIEND) for _ in range(4)]))


def one_address_that_asks_too_often_is_slowed_down_and_nobody_else_is():
    seen = []

    def hammer():
        link = front.connection(CROWD)
        for _ in range(1_300):
            seen.append(front.ask("GET", "/v1/live", link=link))
            if seen[-1][0] == 429:
                return
    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    limited = [answer for answer in seen if answer[0] == 429]
    assert limited, f"{len(seen)} requests and none was too many"
    expect_problem(limited[0], 429, "rate_limited")
    assert limited[0][1]["Retry-After"]
    assert front.ask("GET", "/v1/live", source=STRANGER)[0] == 200
    assert front.match()[0] == 200


def with_no_gateway_left_the_answer_is_a_problem():
    os.kill(HUB["gateways"][0][1], signal.SIGTERM)
    wait("503", lambda: front.ask("GET", "/v1/live")[0] == 503)
    answer = front.ask("GET", "/v1/live")
    expect_problem(answer, 503, "no_gateway")
    assert answer[1]["Retry-After"]


TESTS = [
    a_miner_registers_beats_over_a_websocket_and_is_matched,
    coordinators_and_operators_paths_are_closed_to_strangers,
    a_body_may_have_64_kib_and_no_more,
    the_hub_knows_the_client_and_believes_no_client,
    old_tls_is_refused,
    one_gateway_is_restarted_and_no_match_fails,
    one_address_that_asks_too_often_is_slowed_down_and_nobody_else_is,
    with_no_gateway_left_the_answer_is_a_problem,
]

run, front = Run(), Front()
try:
    for each in TESTS:
        run.test(each.__name__.replace("_", " "), each)
    if run.failed:
        print("\n".join(line for line in front.text().splitlines() if '"status":200' not in line)[-6_000:])
finally:
    front.stop()
run.end()
