"""Whether the Rust that our crates ask for is enough for their dependencies. Usage: python3 packaging/rust.py

Compares `rust-version` of the manifests, for what Cargo.lock has, on every system and with all features. A crate that
declares none is counted and believed.
"""

import sys

from tree import crates_behind, packages


def number(version):
    """1.88 and 1.88.0 are the same."""
    return tuple(map(int, [*version.split("."), "0"][:3]))


def main():
    known, beyond = packages(), []
    for package in sorted(known.values(), key=lambda package: package["name"]):
        # Ours come from no registry.
        if package["source"]:
            continue
        ours, silent = package["rust_version"], 0
        for crate in crates_behind(package["name"], "normal,build", "--all-features", "--target", "all"):
            theirs = known[crate]["rust_version"]
            silent += theirs is None
            if theirs and number(theirs) > number(ours):
                beyond.append(f"{package['name']} ({ours}) needs {' '.join(crate)}, which needs {theirs}")
        print(f"{package['name']}: {ours}, with {silent} dependencies that do not say what they need")
    sys.exit("\n".join(beyond) or 0)


if __name__ == "__main__":
    main()
