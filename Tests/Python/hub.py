"""A running hub, as the tests here talk to it. Its `dev.json` says where it is."""

import json
import sys
import time
import urllib.error
import urllib.request


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Hub:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        self.url = state["gateways"][0]
        self.coordinator = state["coordinator_secret"]
        self.operator = state["admin_secret"]

    def ask(self, method, path, body=None, bearer=None, headers=None):
        """Sends a request; every status is an answer."""
        headers = dict(headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def register(self, miner_id, **fields):
        """Registers a miner and gives its API key."""
        key = f"key-of-{miner_id}-0123456789"
        answer = self.ask("POST", "/v1/miners/register", {"miner_id": miner_id, "api_key": key, **fields})
        assert answer.status == 200, answer
        return key


class Run:
    """Runs tests one after the other, and counts."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def test(self, name, body, *arguments):
        started = time.monotonic()
        try:
            body(*arguments)
            self.passed += 1
            print(f"ok      {name} ({time.monotonic() - started:.1f} s)", flush=True)
        except Exception as error:  # Whatever it is, the others go on.
            self.failed += 1
            line = error.__traceback__
            while line.tb_next and line.tb_next.tb_frame.f_code.co_filename.startswith(sys.path[0]):
                line = line.tb_next
            print(f"FAILED  {name}\n        line {line.tb_lineno}: {type(error).__name__}: {error}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)
