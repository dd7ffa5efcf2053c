"""Splits the example of all settings, on standard input, into the package's: who reads what.

settings.py FOLDER writes poolhub.env (both programs), gateway.env and scorer.env there. All of their lines are
commented out, since each shows a default, or a secret, which belongs into /etc/poolhub/credentials.
"""

import pathlib
import re
import sys

HEADING = re.compile(r"^# ---- (.*?) -+$")
HEADS = {
    "poolhub.env": "Settings of the Pool Hub that its gateways and scorers on this host share.",
    "gateway.env": "Settings of the Pool Hub's gateway; what poolhub.env has counts here, too.\n"
    "# Where it listens says poolhub-gateway.socket, and its name is gateway@HOST.",
    "scorer.env": "Settings of the Pool Hub's scorers; what poolhub.env has counts here, too.\n"
    "# Their names are scorer-NUMBER@HOST.",
}
# Given by the units.
BY_UNIT = {"POOLHUB_SCORER_ID", "POOLHUB_GATEWAY_ID", "POOLHUB_BIND", "POOLHUB_PORT"}
SECRETS = {
    "POOLHUB_DB_DSN", "POOLHUB_REDIS_URL", "POOLHUB_CURVE_SECRET_KEY", "POOLHUB_COORDINATOR_SECRETS",
    "POOLHUB_COORDINATOR_SHARED_SECRET", "POOLHUB_ADMIN_SECRET", "POOLHUB_SESSION_SIGNING_KEYS",
    "POOLHUB_OFFER_KEYS",
}


def place(heading):
    """The file of a section, by its heading; None for the tool's."""
    if heading.startswith("The tool"):
        return None
    if "gateway and scorer" in heading or heading.startswith("Links"):
        return "poolhub.env"
    if heading.startswith("Gateway") or "(gateway" in heading:
        return "gateway.env"
    if heading.startswith("Scorer"):
        return "scorer.env"
    sys.exit(f"settings.py: whose settings are those of “{heading}”?")


def sections(text):
    """(heading, entries): an entry is a setting with the comment before it."""
    heading, entries, comment = None, [], []
    for line in text.splitlines():
        if match := HEADING.match(line):
            if heading:
                yield heading, entries
            heading, entries, comment = match[1], [], []
        elif match := re.match(r"^(?:# )?(POOLHUB_[A-Z_]+)=", line):
            entries.append((match[1], comment, line))
            comment = []
        elif line:
            comment.append(line)
    yield heading, entries


def main():
    folder = pathlib.Path(sys.argv[1])
    files = {
        name: f"# {head}\n# `systemctl reload` takes new secrets, stores, allowlists, weights and log level; the rest a restart.\n"
        "# Secrets stand in /etc/poolhub/credentials, a file each. poolhub.env(5) tells of all settings.\n"
        for name, head in HEADS.items()
    }
    for heading, entries in sections(sys.stdin.read()):
        name = place(heading)
        entries = [entry for entry in entries if entry[0] not in SECRETS | BY_UNIT]
        if not name or not entries:
            continue
        files[name] += f"\n# ---- {heading} ".ljust(99, "-") + "\n\n"
        for _, comment, line in entries:
            files[name] += "\n".join([*comment, line if line.startswith("#") else f"# {line}"]) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text)


main()
