"""Writes a manual page.

manual.py program VERSION: from a program's own description of itself, `--experimental-dump-help`.
manual.py settings VERSION: from the example of all settings.
"""

import json
import re
import sys

SEE_ALSO = r".BR poolhub (1), poolhub-gateway (1), poolhub-scorer (1), poolhub.env (5), systemctl (1)"
FILES = {
    "/etc/poolhub/*.env": "Settings, as poolhub.env(5) tells.",
    "/etc/poolhub/credentials/": "Secrets, which systemd hands to the services.",
    "/usr/share/poolhub/migrations/": "The database's schema, step by step.",
}


def escaped(text):
    """Text as roff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("–", "\\(en").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def paragraphs(text):
    return "\n.PP\n".join(escaped(part) for part in text.strip().split("\n\n"))


def names(argument):
    """An option as it is written: `\\-\\-url url`."""
    shown = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names") or []]
    value = argument.get("valueName", "")
    if argument["kind"] == "positional":
        return f"\\fI{escaped(value)}\\fR"
    text = ", ".join(f"\\fB{escaped(name)}\\fR" for name in shown)
    return text + (f" \\fI{escaped(value)}\\fR" if argument["kind"] == "option" else "")


def arguments(command):
    lines = []
    for argument in command.get("arguments", []):
        if not argument.get("shouldDisplay", True):
            continue
        text = " ".join(filter(None, [argument.get("abstract"), argument.get("discussion")]))
        if argument.get("defaultValue"):
            text += f" (default: {argument['defaultValue']})"
        lines += [".TP", names(argument), escaped(text or "")]
    return lines


def synopsis(path, command):
    words = [f"\\fB{escaped(path)}\\fR"]
    for argument in command.get("arguments", []):
        if argument.get("shouldDisplay", True) and argument["kind"] == "positional":
            words.append(names(argument))
    if any(argument["kind"] != "positional" for argument in command.get("arguments", [])):
        words.append("[\\fIoptions\\fR]")
    return " ".join(words)


def commands(path, command):
    """All commands that do something, with their whole names."""
    inner = [
        sub
        for sub in command.get("subcommands", [])
        if sub["commandName"] != "help" and sub.get("shouldDisplay", True)
    ]
    if not inner:
        yield path, command
    for sub in inner:
        yield from commands(f"{path} {sub['commandName']}", sub)


def heading(name, section, version, what):
    return [f'.TH "{name.upper()}" {section} "" "Pool Hub {version}" "Pool Hub"', ".SH NAME", f"{name} \\- {escaped(what)}"]


def program(version):
    tool = json.load(sys.stdin)["command"]
    name = tool["commandName"]
    lines = heading(name, 1, version, tool["abstract"].rstrip("."))
    all_commands = list(commands(name, tool))
    lines.append(".SH SYNOPSIS")
    for path, command in all_commands:
        lines += [synopsis(path, command), ".br"]
    lines += [".SH DESCRIPTION", paragraphs(tool.get("discussion") or tool["abstract"])]
    if all_commands == [(name, tool)]:
        lines += [".SH OPTIONS", *arguments(tool)]
    else:
        lines.append(".SH COMMANDS")
        for path, command in all_commands:
            lines += [f'.SS "{escaped(path)}"', paragraphs(command.get("abstract", ""))]
            if command.get("discussion"):
                lines += [".PP", paragraphs(command["discussion"])]
            lines += arguments(command)
    lines += [".SH EXIT STATUS", "0 when all went well, 64 when it was called wrongly, 78 when a setting is wrong, 1 otherwise."]
    lines.append(".SH FILES")
    for path, text in FILES.items():
        lines += [".TP", f".I {escaped(path)}", escaped(text)]
    lines += [".SH SEE ALSO", SEE_ALSO]
    print("\n".join(lines))


def settings(version):
    lines = heading("poolhub.env", 5, version, "settings of the Pool Hub's gateways and scorers")
    lines += [
        ".SH DESCRIPTION",
        escaped(
            "Each setting is taken from the environment, else from a credential (a file named like the setting in lower "
            "case with dashes, as poolhub-admin-secret), else from the files of KEY=value lines that --settings names. "
            "The units name /etc/poolhub/gateway.env or scorer.env, and then poolhub.env; their credentials come from "
            "/etc/poolhub/credentials."
        ),
        ".PP",
        escaped(
            "SIGHUP, or systemctl reload, makes gateways take new secrets, stores' addresses, allowlists, certificates and log "
            "level, and scorers new stores' addresses, weights and log level. What is wrong changes nothing, and is told in the log and in systemctl "
            "status; what takes a restart is named there, too."
        ),
    ]
    comment = []
    text = sys.stdin.read()
    for line in text[text.index("# ---- ") :].splitlines():
        if match := re.match(r"# ---- (.*?) -+$", line):
            lines.append(f'.SH "{escaped(match[1]).upper()}"')
            comment = []
        elif match := re.match(r"(?:# )?(POOLHUB_[A-Z_]+=.*)$", line):
            lines += [".TP", f".B {escaped(match[1])}", escaped(" ".join(comment))]
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
    lines += [".SH SEE ALSO", SEE_ALSO]
    print("\n".join(lines))


{"program": program, "settings": settings}[sys.argv[1]](sys.argv[2])
