"""Runs schemathesis with openapi.yaml against a running gateway: `fuzz.py PATH-TO-DEV.JSON SECONDS`.

Most of the time each operation is asked by whoever may; then all of them by each caller alike, allowed or
not, where every answer still has to be one that is described.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from hub import Hub

HERE = pathlib.Path(__file__).resolve().parent
SHARE_OF_EACH_CALLER = 0.1
# What holds for answers to callers who may not.
CHECKS = ",".join([
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
])


def run(hub, seconds, miner, coordinator, operator, *options):
    environment = {
        **os.environ,
        "FUZZ_MINER_KEY": miner,
        "FUZZ_COORDINATOR_SECRET": coordinator,
        "FUZZ_OPERATOR_SECRET": operator,
        "NO_COLOR": "1",
    }
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(HERE / "schemathesis.toml"),
        "run", str(HERE.parents[1] / "openapi.yaml"), "--url", hub.url,
        "--phases", "examples,coverage,fuzzing", "--max-time", str(seconds), "--max-examples", "60",
        "--seed", "1", "--suppress-health-check", "all", "--continue-on-failure", *options,
    ]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


def main():
    hub = Hub(sys.argv[1])
    key = hub.register("fuzzed", gpu_vram_gb=24, accel=["cuda"], max_parallel=4)
    callers = {"nobody": "nobody-knows-this-secret", "a miner": key, "a coordinator": hub.coordinator,
               "the operator": hub.operator}
    seconds = int(sys.argv[2])
    each = max(3, int(seconds * SHARE_OF_EACH_CALLER))
    failed = run(hub, seconds - each * len(callers), key, hub.coordinator, hub.operator)
    for name, secret in callers.items():
        print(f"---- everything as {name}", flush=True)
        failed |= run(hub, each, secret, secret, secret, "--checks", CHECKS)
    sys.exit(failed)


main()
