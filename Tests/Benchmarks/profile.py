#!/usr/bin/env python3
"""Where one match's CPU goes, by stage: `make profile`.

Lets `poolhub bench match` load a hub, looks at its gateway and scorer twice, and prints one table: CPU time from
perf's samples, and instructions from callgrind. Both give stacks; a stack belongs to the stage that the innermost of its
functions with a name in STAGES belongs to, so what a stage calls (memory, counting, the kernel) counts as its own.
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

BIN = os.path.join(os.path.dirname(__file__), "..", "..", ".build", "release")
PROGRAMS = ("poolhub-gateway", "poolhub-scorer")
# As the kernel shortens them.
COMMS = {name[:15]: name for name in PROGRAMS}
FREQUENCY = 1997
SECONDS = 6
MINERS = 100_000
# Under callgrind everything takes fifty times as long.
CALLGRIND_MINERS = 10_000

# In the order in which they are tried on one function, by what its demangled name contains.
STAGES = [
    ("JSON out", r"MatchResponse|MatchAnswer\.written|JSONWriter|Offers\.make|Matching\.answer|MatchHistory"),
    ("decode", r"PlainMatchReader|MatchRequest|matchRequest"),
    ("auth, limits", r"DirectHead|CoordinatorDesk\.take|Callers|CoordinatorTable|RateLimits|SignIns|ClientAddresses"),
    ("index", r"BlockIndex|BlockSearch|BlockMatch|AuditedIndex|Registry\.match|NewcomerPolicy"),
    ("encode, decode records", r"^(static )?Wire\.|Record\.|RecordHead|ByteReader|ByteWriter|MatchRecord"),
    ("messaging", r"DispatchState|ScorerClient|DispatchHandler|DispatchInbox|CoordinatorDesk\.(askWaiting|deliver|ask)|DealerSet|Router|ZMQ|zmq|Wakeup|IndexInbox|IndexLoop|ParkedMatches|MonotonicClock"),
    ("HTTP write", r"HTTPResponseEncoder|HTTPServerPipelineHandler|AnswerQueue|ReadyResponse|ConstantHandler|PendingStreamWrites|writev|sendmsg|__libc_write|DirectCallHandler\.(answered|write|flush)|CoordinatorDesk\.(write|finish)"),
    ("HTTP parse", r"HTTPDecoder|llhttp|ByteToMessageHandler|DirectCallHandler|PlainRequest|HTTPHeaders|HeadFieldHandler|readable0|readFromSocket|__libc_recv|__libc_read|NIOPosix\.\S*read"),
    ("waiting and waking", r"epoll|Selector|poll|eventfd|SelectableEventLoop|schedule|swapper"),
]
REST = "the rest"


class Stages:
    """Costs by process and stage."""

    def __init__(self):
        self.costs = collections.Counter()
        self.unknown = collections.Counter()

    def add(self, program, stack, cost):
        """`stack` begins with the innermost function."""
        for function in stack:
            for stage, pattern in COMPILED:
                if pattern.search(function):
                    self.costs[program, stage] += cost
                    return
        self.costs[program, REST] += cost
        self.unknown[" < ".join(stack[:4])] += cost


COMPILED = [(stage, re.compile(pattern)) for stage, pattern in STAGES]


def demangled(text):
    return subprocess.run(
        ["swift", "demangle", "--simplified"], input=text, capture_output=True, text=True, check=True
    ).stdout


def children(pid):
    """All processes that `pid` started, however deep."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        parents[int(path.split("/")[2])] = (name, int(rest.split()[1]))
    found, wanted = {}, {pid}
    while wanted:
        wanted = {child for child, (_, parent) in parents.items() if parent in wanted}
        found.update({child: parents[child][0] for child in wanted})
    return found


def load(miners, seconds, log, *more):
    command = [
        f"{BIN}/poolhub", "bench", "match", "--no-floor", "--json", "--rounds", "1",
        "--miners", str(miners), "--seconds", str(seconds), *more,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)


def wait_for_load(process, log, count):
    """Until wrk runs for the `count`th time; returns the programs' names by process."""
    seen = set()
    while process.poll() is None:
        found = children(process.pid)
        seen |= {pid for pid, name in found.items() if name == "wrk"}
        if len(seen) == count:
            return {str(pid): name for pid, name in found.items() if name in COMMS}
        time.sleep(0.05)
    sys.exit(open(log).read() or "poolhub bench match ended early")


def by_perf(folder):
    """CPU seconds by stage, and matches, of the same while."""
    log, data = f"{folder}/perf.log", f"{folder}/perf.data"
    process = load(MINERS, SECONDS, log)
    # The first is to warm up.
    names = wait_for_load(process, log, 2)
    time.sleep(1)
    subprocess.run(
        ["perf", "record", "-q", "-F", str(FREQUENCY), "-g", "-p", ",".join(names), "-o", data,
         "--", "sleep", str(SECONDS - 2)], check=True, stderr=subprocess.DEVNULL)
    output, _ = process.communicate()
    rate = json.loads(output)[0]["poolhub"]["per_s"]["median"]
    script = subprocess.run(
        ["perf", "script", "-i", data, "-F", "pid,ip,sym"], capture_output=True, text=True, check=True).stdout
    stages = Stages()
    for sample in demangled(script).split("\n\n"):
        lines = sample.strip().split("\n")
        head = lines[0].split()
        if not head or not head[0].isdigit():
            continue
        stack = [line.strip().split(None, 1)[1] for line in lines[1:] if len(line.split(None, 1)) > 1]
        stages.add(COMMS[names[head[0]]], stack, 1 / FREQUENCY)
    return stages, rate * (SECONDS - 2)


def by_callgrind(folder):
    """Instructions by stage, and matches, of the same while."""
    programs = f"{folder}/programs"
    os.makedirs(programs)
    for name in PROGRAMS:
        # Valgrind gives up on Swift's debug information; names are in the symbol table, too.
        subprocess.run(["strip", "--strip-debug", "-o", f"{folder}/{name}", f"{BIN}/{name}"], check=True)
        with open(f"{programs}/{name}", "w") as file:
            file.write(
                "#!/bin/sh\nexec valgrind -q --tool=callgrind --separate-callers=16 --separate-threads=no "
                f"--callgrind-out-file={folder}/{name}.%p.out {folder}/{name} \"$@\"\n")
        os.chmod(f"{programs}/{name}", 0o755)
    log = f"{folder}/callgrind.log"
    process = load(CALLGRIND_MINERS, SECONDS, log, "--executables", programs)
    process.communicate()
    if process.returncode != 0:
        # Some versions of valgrind don't survive Swift's libraries; what perf found still counts.
        print("callgrind failed: " + open(log).read()[-600:], file=sys.stderr)
        return Stages(), 0
    stages, matches = Stages(), 0
    for name in PROGRAMS:
        for path in glob.glob(f"{folder}/{name}.*.out"):
            matches += read_callgrind(path, name, stages)
    return stages, matches


def read_callgrind(path, program, stages):
    """Adds what functions cost themselves, by their callers; returns how many matches were finished."""
    names, costs, calls = {}, collections.Counter(), collections.Counter()
    current, skips, called = None, False, None
    number = re.compile(r"^\((\d+)\)(?: (.*))?$")

    def name_of(text):
        match = number.match(text)
        if match.group(2):
            names[match.group(1)] = match.group(2)
        return names[match.group(1)]

    with open(path, errors="replace") as file:
        for line in file:
            if line.startswith("fn="):
                current = name_of(line[3:].rstrip("\n"))
            elif line.startswith("cfn="):
                called = name_of(line[4:].rstrip("\n"))
            elif line.startswith("calls="):
                calls[called] += int(line[6:].split()[0])
                skips = True
            elif line[0] in "+-*0123456789":
                if not skips:
                    costs[current] += int(line.split()[1])
                skips = False
    contexts = list(costs)
    readable = demangled("\n".join(name.replace("'", " @@ ") for name in contexts)).split("\n")
    for context, text in zip(contexts, readable):
        stages.add(program, text.split(" @@ "), costs[context])
    asked = demangled("\n".join(name.split("'")[0] for name in calls)).split("\n")
    # The function itself, not closures in it.
    return sum(count for (_, count), name in zip(calls.items(), asked) if re.match(r"(\w+\.)?MatchResponse\.body\(\)", name))


def main():
    with tempfile.TemporaryDirectory(prefix="poolhub-profile-") as folder:
        os.chmod(folder, 0o755)
        perf, perf_matches = by_perf(folder)
        callgrind, callgrind_matches = by_callgrind(folder)
    print("| stage | gateway µs | scorer µs | gateway instructions | scorer instructions |\n|---|---|---|---|---|")
    totals = collections.Counter()
    for stage in [stage for stage, _ in STAGES] + [REST]:
        cells = []
        for program in PROGRAMS:
            value = perf.costs[program, stage] * 1e6 / perf_matches
            totals[program, "µs"] += value
            cells.append(f"{value:.1f}")
        for program in PROGRAMS:
            if callgrind_matches == 0:
                cells.append("–")
                continue
            value = callgrind.costs[program, stage] / callgrind_matches
            totals[program, "instructions"] += value
            cells.append(f"{value:,.0f}")
        print(f"| {stage} | " + " | ".join(cells) + " |")
    print("| all | " + " | ".join(f"{totals[p, 'µs']:.1f}" for p in PROGRAMS) + " | "
          + " | ".join(f"{totals[p, 'instructions']:,.0f}" if callgrind_matches else "–" for p in PROGRAMS) + " |")
    print(f"\n{perf_matches:,.0f} matches under perf, {callgrind_matches:,} under callgrind")
    if "-v" in sys.argv:
        for stages in (perf, callgrind):
            for stack, cost in stages.unknown.most_common(25):
                print(f"{cost:12.3f} {stack}", file=sys.stderr)


main()
