#!/usr/bin/env python3
"""A miner of the Pool Hub, in one file: registers, offers a service, streams heartbeats, logs out.

    pip install websockets
    python3 miner.py --url http://127.0.0.1:8203 --miner-id my-miner --api-key a-long-random-key \
        --addr 10.0.0.5:9000 --region eu --vram 24 --service whisper

Ctrl-C ends it and takes it offline. What runs the jobs is yours to write: report its load in `load()`.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import urllib.error
import urllib.request

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# Close codes: the token is of no use any more; trying again would not help, as this miner now speaks from
# elsewhere.
REVOKED = 4401
REPLACED = 4409


class Refused(Exception):
    """The hub said no; its problem document says why."""

    def __init__(self, status, problem):
        self.status = status
        fields = "; ".join(f"{e['field']}: {e['detail']}" for e in problem.get("errors", []))
        super().__init__(f"{status} {problem.get('detail', '')} {fields}".strip())


def retry_after(answer):
    """How long a busy hub asks to wait, in whole seconds: a random part of one more keeps miners apart."""
    seconds = answer.headers.get("Retry-After", "")
    return int(seconds) + random.random() if seconds.isdigit() else None


class Hub:
    """The hub's HTTP side, blocking."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            try:
                problem = json.load(error)
            except ValueError:
                problem = {}
            raise Refused(error.code, problem) from None


class Miner:
    def __init__(self, options):
        self.options = options
        self.hub = Hub(options.url)
        self.token = None
        self.pause = 20.0

    def register(self):
        options = self.options
        answer = self.hub.call("POST", "/v1/miners/register", {
            "miner_id": options.miner_id,
            "api_key": options.api_key,
            "addr": options.addr,
            "region": options.region,
            "gpu_name": options.gpu_name,
            "gpu_count": 1 if options.vram else 0,
            "gpu_vram_gb": options.vram,
            "ram_gb": options.ram,
            "max_parallel": options.max_parallel,
            # Prices are exact decimals, so they go as text.
            "price_token_per_ksec": options.price,
            "accel": options.accel,
            "capabilities": options.capability,
        })
        self.token = answer["session_token"]
        self.pause = answer["next_heartbeat_sec"]
        print(f"registered {answer['miner_id']}, heartbeat every {self.pause:g} s", flush=True)

    def offer(self, service):
        """Switches a service on with its template, unless it was set before."""
        path = f"/v1/services/{service}"
        if self.hub.call("GET", path, token=self.token)["created_at"] is None:
            template = self.hub.call("GET", f"/v1/services/templates/{service}")
            body = {key: template[key] for key in ("config", "pricing", "capabilities",
                                                   "max_concurrent")}
            found = self.hub.call("POST", f"/v1/services/validate/{service}", body, self.token)
            for message in found["errors"] + found["warnings"]:
                print(f"{service}: {message}", flush=True)
            self.hub.call("POST", path, {**body, "enabled": True}, self.token)
        print(f"offering {service}", flush=True)

    def load(self):
        """What the miner is doing now: replace this with the truth."""
        return {"queue_len": 0, "avg_latency_ms": 120.0, "temp_c": 55.0}

    async def speak(self):
        """Holds one WebSocket for as long as it lives."""
        url = self.hub.url.replace("http", "ws", 1) + "/v1/miners/heartbeat"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with connect(url, additional_headers=headers, open_timeout=10) as socket:
            print("connected", flush=True)
            hearing = asyncio.create_task(self.hear(socket))
            try:
                sequence = 0
                while not hearing.done():
                    sequence += 1
                    await socket.send(json.dumps({"seq": sequence, **self.load()}))
                    # A little earlier than asked, each at its own moment.
                    await asyncio.wait([hearing], timeout=self.pause * random.uniform(0.8, 1.0))
                return await hearing
            finally:
                hearing.cancel()

    async def hear(self, socket):
        """Takes what the hub says. Returns how long to wait before coming back, when told so."""
        async for frame in socket:
            message = json.loads(frame)
            kind = message.get("type")
            if kind == "ack":
                self.pause = message["next_heartbeat_sec"]
            elif kind == "command":
                print(f"command {message['command']}", flush=True)
                await socket.send(json.dumps(
                    {"type": "command_ack", "id": message["id"], "ok": False,
                     "error": "not done by this example"}))
            elif kind == "error":
                print(f"the hub didn't take a frame: {message['detail']}", file=sys.stderr)
            elif kind == "going_away":
                return message["retry_after_ms"] / 1000
        return None

    async def run(self):
        """Stays connected, come what may; each new try waits longer, up to half a minute."""
        delay = 0.5
        while True:
            try:
                if self.token is None:
                    await asyncio.to_thread(self.register)
                    for service in self.options.service:
                        await asyncio.to_thread(self.offer, service)
                wait = await self.speak()
                delay = 0.5
            except Refused as error:
                # Nothing gets better by asking again, unless the hub is only busy.
                if error.status < 500 and error.status not in (401, 429):
                    raise
                print(error, file=sys.stderr)
                wait, self.token = None, None
            except InvalidStatus as error:
                if error.response.status_code == 401:
                    self.token = None
                wait = retry_after(error.response)
            except ConnectionClosed as error:
                if error.rcvd and error.rcvd.code == REPLACED:
                    raise SystemExit("this miner now speaks from elsewhere") from None
                print(f"the connection ended: {error}", file=sys.stderr)
                wait = None
                # Any gateway takes the token; to register anew for each lost connection would cost far more.
                if error.rcvd and error.rcvd.code == REVOKED:
                    self.token = None
            except (OSError, TimeoutError) as error:
                print(f"the hub is out of reach: {error}", file=sys.stderr)
                wait = None
            await asyncio.sleep(wait if wait is not None else delay * random.uniform(0.5, 1))
            delay = min(delay * 2, 30)

    def log_out(self):
        if self.token:
            self.hub.call("POST", "/v1/miners/logout", {}, self.token)
            print("logged out", flush=True)


def read_options():
    parser = argparse.ArgumentParser(description="A miner of the Pool Hub.")
    parser.add_argument("--url", default=os.environ.get("POOLHUB_URL", "http://127.0.0.1:8203"))
    parser.add_argument("--miner-id", required=True)
    parser.add_argument("--api-key", default=os.environ.get("POOLHUB_API_KEY"),
                        help="16 to 256 characters; the first registration claims the id with it "
                             "(or POOLHUB_API_KEY)")
    parser.add_argument("--addr", default="127.0.0.1:9000", help="where coordinators send jobs")
    parser.add_argument("--region", default="")
    parser.add_argument("--gpu-name", default="")
    parser.add_argument("--vram", type=float, default=0, metavar="GB")
    parser.add_argument("--ram", type=float, default=0, metavar="GB")
    parser.add_argument("--max-parallel", type=int, default=1)
    parser.add_argument("--price", default="0", help="tokens for 1,000 seconds")
    parser.add_argument("--accel", action="append", default=[])
    parser.add_argument("--capability", action="append", default=[])
    parser.add_argument("--service", action="append", default=[], help="whisper, ffmpeg …")
    options = parser.parse_args()
    if not options.api_key:
        parser.error("--api-key or POOLHUB_API_KEY is needed")
    return options


async def main():
    miner = Miner(read_options())
    running = asyncio.create_task(miner.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        miner.log_out()
    except Refused as error:
        raise SystemExit(f"the hub refused: {error}") from None


if __name__ == "__main__":
    asyncio.run(main())
