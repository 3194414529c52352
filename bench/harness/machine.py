"""What the report says about the machine and the tools: no host names, no paths."""

import os
import platform
import re
import subprocess
import zlib
from pathlib import Path


def describe() -> dict[str, str]:
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": memory(),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "rustc": first_line("rustc", "--version"),
        "g++": first_line("g++", "--version"),
        "node": first_line("node", "--version"),
        "Python": platform.python_version(),
        "zlib, for comparison": zlib.ZLIB_RUNTIME_VERSION,
        "valgrind": first_line("valgrind", "--version"),
        "strace": first_line("strace", "--version"),
        "openssl": first_line("openssl", "version"),
    }


def first_line(*command: str) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"
    return output.strip().splitlines()[0] if output.strip() else "unknown"


def processor() -> str:
    """The model and, if the kernel says it, who lent the machine."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else platform.processor() or "unknown"
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    return f"{name}, a virtual machine" if virtual else name


def memory() -> str:
    kib = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1])
    return f"{kib / 1024 / 1024:.0f} GiB"
