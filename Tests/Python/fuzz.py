"""Runs schemathesis with openapi.yaml against a running gateway: `fuzz.py PATH-TO-DEV.JSON SECONDS`."""

import os
import pathlib
import subprocess
import sys
import tempfile

from hub import Hub

HERE = pathlib.Path(__file__).resolve().parent


def main():
    hub = Hub(sys.argv[1])
    key = hub.register("fuzzed", gpu_vram_gb=24, accel=["cuda"], max_parallel=4)
    environment = {
        **os.environ,
        "FUZZ_MINER_KEY": key,
        "FUZZ_COORDINATOR_SECRET": hub.coordinator,
        "FUZZ_OPERATOR_SECRET": hub.operator,
        "NO_COLOR": "1",
    }
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(HERE / "schemathesis.toml"),
        "run", str(HERE.parents[1] / "openapi.yaml"), "--url", hub.url,
        "--phases", "examples,coverage,fuzzing", "--max-time", sys.argv[2], "--max-examples", "60",
        "--seed", "1", "--suppress-health-check", "all", "--continue-on-failure",
    ] + sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(subprocess.run(command, env=environment, cwd=folder, check=False).returncode)


main()
