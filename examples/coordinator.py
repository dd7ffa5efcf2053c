#!/usr/bin/env python3
"""A coordinator of the Pool Hub, with nothing but Python: asks for miners, says how the job went, reads
the match again.

    POOLHUB_COORDINATOR_SECRET=… python3 coordinator.py --service whisper --max-price 0.8 --top-k 3

With --jobs it asks for many jobs at once, and no miner is given more than it has room for.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Hub:
    def __init__(self, url, secret):
        self.url = url.rstrip("/")
        self.secret = secret

    def call(self, method, path, body=None, headers=None):
        """The answer's JSON; ends the program with the hub's reason where it refuses."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, method=method,
            headers={"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json",
                     **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                # Prices keep all their digits as text.
                return json.load(answer, parse_float=str)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None
        except urllib.error.URLError as error:
            raise SystemExit(f"{self.url} is out of reach: {error.reason}") from None


def run_job(candidate, job_id):
    """Yours to write: send the job to `candidate["addr"]` and wait for its end."""
    print(f"job {job_id} would go to {candidate['miner_id']} at {candidate['addr']}")
    return {"outcome": "completed", "latency_ms": 120}


def place_many(hub, wish, count):
    """Asks for a miner for each of `count` jobs in one request; some may find none."""
    answer = hub.call("POST", "/v1/match/batch", {
        # Over all of them, no miner is offered more jobs than it has free slots.
        "spread": True,
        "requests": [{"job_id": str(uuid.uuid4()), **wish} for _ in range(count)],
    })
    placed = 0
    for result in answer["results"]:
        if result["status"] != 200:
            print(f"refused: {result['detail']}")
        elif not result["candidates"]:
            print(f"job {result['job_id']} finds nobody who is free")
        else:
            run_job(result["candidates"][0], result["job_id"])
            placed += 1
    print(f"{placed} of {count} placed")
    return 0 if placed else 1


def main():
    parser = argparse.ArgumentParser(description="A coordinator of the Pool Hub.")
    parser.add_argument("--url", default=os.environ.get("POOLHUB_URL", "http://127.0.0.1:8203"))
    parser.add_argument("--service")
    parser.add_argument("--capability", action="append", default=[])
    parser.add_argument("--min-vram", type=float, default=0, metavar="GB")
    parser.add_argument("--region")
    parser.add_argument("--max-price")
    parser.add_argument("--top-k", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="place so many at once, 1 to 256")
    options = parser.parse_args()
    secret = os.environ.get("POOLHUB_COORDINATOR_SECRET")
    if not secret:
        parser.error("POOLHUB_COORDINATOR_SECRET is needed")
    hub = Hub(options.url, secret)

    wish = {
        # What is null counts as left out.
        "requirements": {"service": options.service, "capabilities_any": options.capability,
                         "min_vram_gb": options.min_vram},
        "hints": {"region": options.region, "max_price": options.max_price},
    }
    if options.jobs > 1:
        return place_many(hub, wish, options.jobs)

    job_id = str(uuid.uuid4())
    match = hub.call("POST", "/v1/match", {"job_id": job_id, "top_k": options.top_k, **wish})
    for candidate in match["candidates"]:
        print(f"{candidate['miner_id']}  score {candidate['score']}  price {candidate['price']}  "
              f"{candidate['explain']}")
    if not match["candidates"]:
        reasons = ", ".join(f"{count} by {reason}" for reason, count in match["rejected"].items())
        print(f"nobody fits; of {match['considered']} were left out: {reasons}")
        return 1

    best = match["candidates"][0]
    result = run_job(best, job_id)
    # With the key a feedback that is sent again counts once.
    feedback = hub.call("POST", "/v1/feedback",
                        # The offer proves that the report is about this match: so it counts whole.
                        {"job_id": job_id, "miner_id": best["miner_id"],
                         "offer": best.get("offer"), **result},
                        {"Idempotency-Key": str(uuid.uuid4())})
    print(f"trust {feedback['previous_trust_score']} -> {feedback['trust_score']}")

    history = hub.call("GET", f"/v1/matches/{urllib.parse.quote(job_id, safe='')}")
    print(f"match {history['match_id']} at {history['matched_at']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
