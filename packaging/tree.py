"""What is in a crate of ours: the crates behind it, as cargo tells."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cargo(*words):
    return subprocess.run(["cargo", *words, "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def packages():
    """All that cargo knows of each package, by name and version."""
    known = json.loads(cargo("metadata", "--format-version", "1", "--all-features"))["packages"]
    return {(package["name"], package["version"]): package for package in known}


def crates_behind(crate, edges, *options):
    """Name and version of each crate that this one of ours needs along those edges, but for our own."""
    shown = ["--prefix", "none", "--format", "{p}"]
    lines = cargo("tree", "--package", crate, "--edges", edges, *shown, *options).splitlines()
    # A line is: name vVERSION, and more in parentheses.
    named = {tuple(line.replace(" v", " ", 1).split()[:2]) for line in lines if line}
    return sorted(pair for pair in named if not pair[0].startswith("bowsprit"))
