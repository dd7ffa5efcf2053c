"""What an operator does with the package, one step after the other, in a container that runs systemd.

Blocks of RUNBOOK.md that are marked ```sh NAME are carried out as they stand there."""

import glob
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from load import Load, MinerSocket, ask

CREDENTIALS = pathlib.Path("/etc/poolhub/credentials")
RUNBOOK = pathlib.Path("RUNBOOK.md").read_text()
UNITS = ["poolhub-gateway.service", "poolhub-scorer@.service", "poolhub-migrate.service"]
GATEWAY = "poolhub-gateway.service"
carried_out = set()


def run(*words, check=True, stdin=None, cwd=None):
    done = subprocess.run(words, text=True, input=stdin, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not check or done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def runbook(name, cwd=None):
    """Carries out the blocks of this name."""
    carried_out.add(name)
    blocks = re.findall(rf"^```sh {name}\n(.*?)^```$", RUNBOOK, re.M | re.S)
    assert blocks, f"RUNBOOK.md has no block `sh {name}`"
    return run("bash", "-euo", "pipefail", "-c", "\n".join(blocks), cwd=cwd)


def wait(what, condition, patience=30):
    end = time.monotonic() + patience
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.1)


def show(unit, *names):
    text = run("systemctl", "show", unit, *(f"--property={name}" for name in names))
    values = dict(line.split("=", 1) for line in text.splitlines())
    return values[names[0]] if len(names) == 1 else values


def main_pid(unit):
    return int(show(unit, "MainPID"))


def scorers():
    lines = run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "poolhub-scorer@*.service")
    return sorted(line.split()[0] for line in lines.splitlines())


def health():
    return ask("GET", "/v1/health").json


def is_well(count=None):
    now = health()
    return now["status"] == "ok" and (count is None or now["scorers"] == count)


def secret(name):
    return (CREDENTIALS / name).read_text().strip()


def issued_key():
    output = run("poolhub", "keys", "issue", "--coordinator", "load", "--url", "http://127.0.0.1:8203",
                 "--admin-secret-file", str(CREDENTIALS / "poolhub-admin-secret"))
    return re.search(r"^phc_\S+$", output, re.M)[0]


def coordinator():
    return secret("poolhub-coordinator-secrets").split(",")[0].split(":")[1]


def register(miner):
    answer = ask("POST", "/v1/miners/register", {"miner_id": miner, "api_key": f"the-key-of-{miner}", "addr": "10.1.2.3:9000"})
    assert answer.status == 200, answer
    return answer.json["session_token"]


def journal(unit, since):
    return run("journalctl", "--no-pager", "-o", "cat", "-u", unit, f"--since=@{int(since)}")


def install():
    output = runbook("install")
    assert '"miner_id":"my-gpu"' in output, f"the runbook's installation ended in no match:\n{output}"
    wait("health is ok", lambda: is_well(2))
    for unit in ["poolhub.target", GATEWAY, "poolhub-gateway.socket", "poolhub-scorer@1.service", "poolhub-migrate.service"]:
        assert show(unit, "ActiveState") == "active", unit


def verify():
    # Without --man=no it looks for the manual's pages, with a `man` that isn't installed here.
    output = run("systemd-analyze", "verify", "--man=no", *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS),
                 "/usr/lib/systemd/system/poolhub-gateway.socket", "/usr/lib/systemd/system/poolhub.target")
    faults = [line for line in output.splitlines() if "poolhub" in line]
    assert not faults, "\n".join(faults)


def security():
    for unit in [GATEWAY, "poolhub-scorer@1.service", "poolhub-migrate.service"]:
        output = run("systemd-analyze", "security", "--no-pager", unit, check=False)
        level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", output)[1])
        print(f"        {unit}: {level}")
        assert level <= 1.5, f"{unit} is exposed at {level}"


def secrets_stay_secret():
    words = [coordinator(), secret("poolhub-admin-secret"), secret("owner-db-dsn"), secret("poolhub-redis-url")]
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            text = pathlib.Path(path).read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(os.getpid()) not in path:
            assert not any(word in text for word in words), f"a secret stands in {path}"
    lines = run("journalctl", "--no-pager", "-o", "cat")
    assert not any(word in lines for word in words), "a secret stands in the journal"
    assert run("stat", "-c", "%a %U", str(CREDENTIALS)).strip() == "700 root"


def logs():
    """JSON lines with fields, in the journal."""
    lines = [line for line in journal(GATEWAY, 0).splitlines() if line.startswith("{")]
    assert lines, "no JSON in the journal"
    for line in lines:
        entry = json.loads(line)
        assert {"time", "level", "logger", "message"} <= set(entry), entry


def front():
    with Load(coordinator()) as load:
        output = runbook("front")
    load.expect_no_failure(least=10)
    assert '"status":"ok"' in output, output
    curl = ["curl", "-s", "-k", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {coordinator()}"]
    body = ["-H", "Content-Type: application/json", "-d", '{"job_id": "j"}']
    assert run(*curl, *body, "https://127.0.0.1/v1/match") == "200"
    # A stranger, whom the gateway knows by the front's word.
    run("ip", "address", "add", "203.0.113.9/32", "dev", "lo")
    assert run(*curl, *body, "--interface", "203.0.113.9", "https://127.0.0.1/v1/match") == "403"


def scale_by_hand():
    runbook("scale")
    wait("eight serve", lambda: is_well(8), patience=60)
    run("poolhub", "scale", "2")
    assert len(scorers()) == 2, scorers()
    wait("two serve", lambda: is_well(2))


def scale_under_load():
    with Load(coordinator()) as load:
        for count in (4, 2):
            run("poolhub", "scale", str(count))
            assert len(scorers()) == count, scorers()
            wait(f"{count} scorers serve", lambda: is_well(count))
            time.sleep(1)
    load.expect_no_failure()
    print(f"        {load.answered} matches, none failed")


def kill_each():
    with Load(coordinator()) as load:
        for unit in scorers():
            before = main_pid(unit)
            os.kill(before, signal.SIGKILL)
            wait(f"{unit} is back", lambda: main_pid(unit) not in (0, before) and is_well(2))
    load.expect_no_failure()
    before = main_pid(GATEWAY)
    os.kill(before, signal.SIGKILL)
    # Whoever comes now waits in the socket, and is answered.
    assert ask("POST", "/v1/match", {"job_id": "j"}, coordinator()).status == 200
    wait("the gateway is back", lambda: main_pid(GATEWAY) not in (0, before) and is_well(2))


def watchdog():
    """Two at once, as each takes its whole time."""
    stopped = {unit: main_pid(unit) for unit in [GATEWAY, scorers()[0]]}
    begin = time.time()
    for pid in stopped.values():
        os.kill(pid, signal.SIGSTOP)
    for unit, pid in stopped.items():
        wait(f"{unit} is killed and back", lambda: main_pid(unit) not in (0, pid), patience=180)
        assert "Watchdog timeout" in journal(unit, begin), unit
    wait("all is well again", lambda: is_well(2))
    print(f"        after {time.time() - begin:.0f} s")


def restart_through_the_socket():
    with Load(coordinator()) as load:
        for _ in range(3):
            time.sleep(0.5)
            before = main_pid(GATEWAY)
            run("systemctl", "restart", GATEWAY)
            assert main_pid(GATEWAY) not in (0, before)
        time.sleep(1)
    load.expect_no_failure()
    print(f"        3 restarts, {load.answered} matches, none refused or failed")


def upgrade_and_roll_back():
    for block, folder, ending in [("upgrade", "new", "+1"), ("roll-back", "old", "")]:
        before = {unit: main_pid(unit) for unit in [GATEWAY, *scorers()]}
        with Load(coordinator()) as load:
            time.sleep(1)
            runbook(block, cwd=folder)
            wait("all is well", lambda: is_well(2))
            time.sleep(1)
        load.expect_no_failure()
        version = run("dpkg-query", "-W", "-f", "${Version}", "poolhub")
        assert version.endswith(ending) and ("+1" in version) == bool(ending), version
        for unit, pid in before.items():
            assert main_pid(unit) not in (0, pid), f"{unit} still runs the old version"
        print(f"        {version}: {load.answered} matches, none failed")


def reload():
    link = MinerSocket(register("reloaded"))
    link.beat(1)
    path = CREDENTIALS / "poolhub-coordinator-secrets"
    old, before = path.read_text(), main_pid(GATEWAY)
    path.write_text(old.strip() + ",main:the-next-secret-of-main\n")
    with Load(coordinator()) as load:
        run("systemctl", "reload", GATEWAY, *scorers())
        wait("the new secret counts", lambda: ask("POST", "/v1/match", {"job_id": "j"}, "the-next-secret-of-main").status == 200)
        link.beat(2)

        # A bad file: the old values stay, and it is said.
        settings = pathlib.Path("/etc/poolhub/gateway.env")
        good, begin = settings.read_text(), time.time()
        settings.write_text(good + "\nPOOLHUB_COORDINATOR_ALLOW=nonsense\n")
        run("systemctl", "reload", GATEWAY, check=False)
        wait("it says what is wrong", lambda: "POOLHUB_COORDINATOR_ALLOW" in journal(GATEWAY, begin - 1))
        link.beat(3)
        for word in (coordinator(), "the-next-secret-of-main"):
            assert ask("POST", "/v1/match", {"job_id": "j"}, word).status == 200

        # An allowlist that lets nobody in, and away with it.
        settings.write_text(good + "\nPOOLHUB_OPERATOR_ALLOW=203.0.113.9\n")
        run("systemctl", "reload", GATEWAY)
        wait("the list counts", lambda: ask("GET", "/v1/keys", bearer=secret("poolhub-admin-secret")).status == 403)
        settings.write_text(good)
        path.write_text(old)
        run("systemctl", "reload", GATEWAY)
        wait("all is as before", lambda: ask("GET", "/v1/keys", bearer=secret("poolhub-admin-secret")).status == 200
             and ask("POST", "/v1/match", {"job_id": "j"}, "the-next-secret-of-main").status == 401)
        link.beat(4)
    load.expect_no_failure()
    assert main_pid(GATEWAY) == before, "it was restarted"


def back_up_and_restore():
    register("before-the-backup")
    runbook("backup")
    register("after-the-backup")
    runbook("restore")
    wait("all is well", lambda: is_well(2), patience=60)

    def status(miner):
        return ask("GET", f"/v1/pool/miners/{miner}", bearer=secret("poolhub-admin-secret")).status
    assert (status("before-the-backup"), status("after-the-backup")) == (200, 404)
    token = register("before-the-backup")
    MinerSocket(token).beat(1)
    answer = ask("POST", "/v1/match", {"job_id": "restored"}, coordinator())
    assert any(each["miner_id"] == "before-the-backup" for each in answer.json["candidates"]), answer


def status_of(path, bearer):
    return ask("GET", path, bearer=bearer).status


def rotate():
    """The gateway's own secrets."""
    olds = coordinator(), secret("poolhub-admin-secret")
    token, pid = register("before-the-rotation"), main_pid(GATEWAY)
    link = MinerSocket(token)
    link.beat(1)
    with Load(issued_key()) as load:
        for block in ("rotate-coordinator", "rotate-operator", "rotate-sessions"):
            runbook(block)
        wait("the new secrets count", lambda: status_of("/v1/matches/none", coordinator()) == 404
             and status_of("/v1/keys", secret("poolhub-admin-secret")) == 200)
        wait("the old ones don't", lambda: status_of("/v1/matches/none", olds[0]) == 401
             and status_of("/v1/keys", olds[1]) == 401 and status_of("/v1/miners/status", token) == 401)
        link.beat(2)
        assert status_of("/v1/miners/status", register("before-the-rotation")) == 200
        runbook("rotate-owner")
        runbook("settings")
        time.sleep(0.5)
    load.expect_no_failure()
    assert main_pid(GATEWAY) == pid, "it was restarted"


def links():
    runbook("links")
    wait("all is well", lambda: is_well(2))
    with Load(coordinator()) as load:
        runbook("rotate-links")
        wait("all is well", lambda: is_well(2))
    load.expect_no_failure()


def rotate_redis():
    old = secret("poolhub-redis-url")
    with Load(coordinator()) as load:
        runbook("rotate-redis")
        wait("all is well", lambda: is_well(2))
    load.expect_no_failure()
    assert secret("poolhub-redis-url") != old
    refused = run("redis-cli", "-u", old, "PING")
    assert "PONG" not in refused, "the old password still counts"


def stores_restart():
    with Load(coordinator()) as load:
        run("systemctl", "restart", "redis-server", "postgresql")
        wait("all is well", lambda: is_well(2))
    load.expect_no_failure()


def purge():
    files = [line for line in run("dpkg", "-L", "poolhub").splitlines() if os.path.isfile(line)]
    assert len(files) > 20
    run("apt-get", "purge", "-y", "-q", "poolhub")
    left = [path for path in files if os.path.exists(path)]
    left += [path for pattern in ("/etc/poolhub*", "/run/poolhub*", "/usr/share/poolhub*", "/var/lib/poolhub*",
                                  "/etc/systemd/system/*/poolhub*", "/run/systemd/units/*poolhub*")
             for path in glob.glob(pattern)]
    # What the administrator made himself stays his.
    left = [path for path in left if not path.startswith("/etc/systemd/system/poolhub-migrate.service.d")]
    assert not left, left
    active = run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "poolhub*")
    assert not active.strip(), active
    assert run("getent", "passwd", "poolhub"), "the user stays, as Debian's do"
    count = run("runuser", "-u", "postgres", "--", "psql", "-Atc", "SELECT count(*) FROM poolhub.miners", "poolhub")
    assert int(count.split()[-1]) > 0, "the data stays in the stores"


STEPS = [
    ("RUNBOOK's installation, to the letter, ends in a match", install),
    ("systemd-analyze verify has nothing to say about the units", verify),
    ("systemd-analyze security: 1.5 or better", security),
    ("No secret stands in a command line, an environment or the journal", secrets_stay_secret),
    ("The journal holds JSON with fields", logs),
    ("RUNBOOK's front: nginx, and what it keeps closed", front),
    ("RUNBOOK's scaling, to 4 and by hand to 8", scale_by_hand),
    ("Scaled 2, 4, 2 under load, and no match failed", scale_under_load),
    ("kill -9 of each process, and its return", kill_each),
    ("A restart of the gateway through its socket refuses no connection", restart_through_the_socket),
    ("RUNBOOK's rotations of the gateway's secrets and the owner's, and no match failed", rotate),
    ("RUNBOOK's links with keys, and their rotation with no match failed", links),
    ("RUNBOOK's rotation of Redis's password, and no match failed", rotate_redis),
    ("Both stores are restarted, and no match fails", stores_restart),
    ("An upgrade and the way back, and no match failed", upgrade_and_roll_back),
    ("A reload takes what is new, refuses what is bad, and drops no connection", reload),
    ("A backup, and its restoration", back_up_and_restore),
    ("A stopped process is killed by its watchdog, and returns", watchdog),
    ("Purged: nothing is left but what should be", purge),
]


def main():
    chosen, failed = sys.argv[1:], 0
    for index, (name, step) in enumerate(STEPS):
        if chosen and index and not any(each in f"{name} {step.__name__}" for each in chosen):
            continue
        begin = time.monotonic()
        try:
            step()
        except Exception as error:  # Whatever it is, the others go on.
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
            print(run("journalctl", "--no-pager", "-o", "short-precise", "-n", "30", "-u", "poolhub*", check=False))
            if step is install:
                break
            continue
        print(f"ok      {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    forgotten = set(re.findall(r"^```sh (\S+)$", RUNBOOK, re.M)) - carried_out
    if forgotten and not chosen:
        failed += 1
        print(f"FAILED  blocks of RUNBOOK.md that nobody carried out: {sorted(forgotten)}")
    print(f"{failed} failed" if failed else "all passed")
    sys.exit(1 if failed else 0)


main()
