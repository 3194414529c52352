"""The licence texts of all that is in the program. Usage: python3 packaging/licences.py [--target TRIPLE]

Prints Markdown: each text once, under the crates that it came with. Fails when a crate has none. Procedural macros
and build scripts are in no binary, so they are left out; deny.toml says which kinds of licences may come along.
"""

import argparse
import re
import sys
from pathlib import Path

from tree import crates_behind, packages

# What authors name such files.
TEXT = re.compile(r"(?i)(un)?licen[cs]e|copying|copyright|notice")


def texts(folder):
    """The texts in a crate's package: its own, and those of what it contains of others."""
    files = sorted(file for file in folder.rglob("*") if TEXT.match(file.name) and file.suffix != ".rs")
    return [file.read_text(errors="replace").strip() for file in files if file.is_file()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", metavar="TRIPLE", help="whom the program is built for [default: this machine]")
    target = parser.parse_args().target
    known, owners, without = packages(), {}, []
    for crate in crates_behind("bowsprit-cli", "normal,no-proc-macro", *(["--target", target] if target else [])):
        package = known[crate]
        found = texts(Path(package["manifest_path"]).parent)
        if not found:
            without.append(" ".join(crate))
        for text in found:
            # Alike but for line breaks and indents is the same text.
            owner = owners.setdefault(" ".join(text.split()), (text, []))
            owner[1].append(f"{package['name']} {package['version']} ({package['license']})")
    if without:
        sys.exit(f"no licence text: {', '.join(without)}")
    print("# Licences of the libraries in `bowsprit`\n")
    print("Where a line says OR, each of the licences is enough. Every text is as it came with the libraries named above it.")
    for text, crates in sorted(owners.values(), key=lambda owner: -len(owner[1])):
        print("\n---\n")
        print("".join(f"- {crate}\n" for crate in dict.fromkeys(crates)))
        print("".join(f"    {line}".rstrip() + "\n" for line in text.splitlines()), end="")


if __name__ == "__main__":
    main()
