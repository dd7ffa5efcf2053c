"""Writes the package's copyright file: copyright.py SCRATCH PROGRAM…

Says of everything that is linked into the programs where it is from and under which licence, with its notices.
What is linked is read from the linker's own lists of objects.
"""

import json
import pathlib
import re
import sys

APACHE = "/usr/share/common-licenses/Apache-2.0"
OWN = f"""The Pool Hub, directory of GPU miners and matchmaker.

Copyright: its authors.

Licensed under the Apache License, Version 2.0; on Debian systems its text is
in {APACHE}.

The programs contain what follows, linked in.
"""
# Not a package: it comes with the compiler.
RUNTIME = f"""Swift's standard library, Concurrency, Synchronization, String Processing, Foundation and Dispatch
https://www.swift.org
Copyright: Apple Inc. and the Swift project authors.
Licence: Apache License, Version 2.0, with Runtime Library Exception; the former's
text is in {APACHE}. The exception:

  As an exception, if you use this Software to compile your source code and
  portions of this Software are embedded into the binary product as a result,
  you may redistribute such product without providing attribution as would
  otherwise be required by Sections 4(a), 4(b) and 4(d) of the License.

Foundation contains the International Components for Unicode (ICU), under this
licence:

"""
COMMENT = re.compile(r"\A\s*((?:/\*.*?\*/\s*)+|(?://[^\n]*\n)+)", re.DOTALL)
SOURCES = {".c", ".cc", ".cpp", ".h", ".S", ".inc", ".hpp"}


def linked_targets(scratch, programs):
    """The modules whose objects are in any of the programs."""
    targets = set()
    for program in programs:
        objects = (scratch / "release" / f"{program}.product" / "Objects.LinkFileList").read_text()
        targets |= set(re.findall(r"/([^/\s]+)\.build/", objects))
    return targets


def folders(checkout):
    """Folders that can be a module, by name."""
    return {path.name: path for path in checkout.glob("Sources/**/") if path.is_dir()}


def plain(comment):
    """A comment's text without its decoration."""
    lines = [re.sub(r"^\s*(/\*+|\*/|\*|//+)?[ \t]?", "", line).rstrip(" */\t=-") for line in comment.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def other_licences(folder):
    """What single files of a module say of themselves, where it is not the Apache License."""
    texts = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SOURCES or not path.is_file():
            continue
        match = COMMENT.match(path.read_text(errors="replace"))
        text = plain(match[1]) if match else ""
        if re.search("Redistribution and use|Permission (is|to)|public domain|CC0", text) and "Apache License" not in text:
            texts.add(text)
    return sorted(texts)


def indented(text):
    return "\n".join(f"  {line}".rstrip() for line in text.strip("\n").splitlines())


def section(title, text):
    print("-" * 78 + f"\n\n{title}\n{text.rstrip()}\n")


def main():
    scratch, programs = pathlib.Path(sys.argv[1]), sys.argv[2:]
    targets = linked_targets(scratch, programs)
    state = json.loads((scratch / "workspace-state.json").read_text())["object"]["dependencies"]
    print(OWN)
    unicode_licence = (pathlib.Path(__file__).parent / "unicode-licence").read_text()
    section("The Swift runtime", RUNTIME + indented(unicode_licence))
    for package in sorted(state, key=lambda package: package["subpath"]):
        checkout = scratch / "checkouts" / package["subpath"]
        linked = [folder for name, folder in sorted(folders(checkout).items()) if name in targets]
        if not linked:
            continue
        if "Apache License" not in (checkout / "LICENSE.txt").read_text()[:200]:
            sys.exit(f"copyright.py: under which licence is {checkout}?")
        pin = package["state"]["checkoutState"]
        text = f"{package['packageRef']['location']} {pin['revision']}\n"
        text += f"Licence: Apache License, Version 2.0 ({APACHE})\n"
        notice = checkout / "NOTICE.txt"
        if notice.exists():
            text += f"Its notice:\n\n{indented(notice.read_text())}\n"
        others = {licence for folder in linked for licence in other_licences(folder)}
        others |= {(folder / "LICENSE").read_text() for folder in linked if (folder / "LICENSE").exists()}
        for other in sorted(others):
            text += f"\nParts of it are under this licence:\n\n{indented(other)}\n"
        section(f"{package['subpath']} {pin.get('version', '')}", text)


main()
