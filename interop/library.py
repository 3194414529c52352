"""Runs the library against peers that nobody here wrote, each in both roles.

    python library.py [--only TEXT] [--tally FILE] [--subject NAME] --bowsprit PROGRAM
                      --node PEER_MJS --websocketpp PROGRAM --tungstenite PROGRAM --chromium PROGRAM

Every peer is met as client and as server, over ws and wss, with every mode of compression. A peer
that is not given is left out. With --subject another one takes the library's place, to see whose
fault a failure is. README.md says more. The exit status is 1 if a session failed.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from browser import Browser
from certs import make_certificates
from lab import Check, Tally
from library_sessions import End, checks


def ends(arguments: argparse.Namespace) -> dict[str, End]:
    python = Path(__file__).parent / "peers" / "peer.py"
    known = [
        End("bowsprit", (arguments.bowsprit,)),
        End("python", (sys.executable, "-B", python)),
        End("node", ("node", arguments.node)),
        End("websocketpp", (arguments.websocketpp,)),
        End("tungstenite", (arguments.tungstenite,), deflates=False),
    ]
    return {end.name: end for end in known if end.command[-1]}


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse_arguments()
    tally = Tally()
    peers = ends(arguments)
    subject = peers.pop(arguments.subject)
    with ExitStack() as stack:
        # The browser's helpers may still write when it has ended, and leave something behind.
        holder = tempfile.TemporaryDirectory(prefix="bowsprit-interop-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(holder))
        make_certificates(folder)
        # Only the library serves the page.
        browser = Browser(arguments.chromium, folder) if arguments.chromium and subject.name == "bowsprit" else None
        if browser:
            stack.callback(browser.close)
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        for check in all_checks(subject, list(peers.values()), browser, folder):
            if arguments.only in check.name:
                tally.run(check)
    print(f"library interop: {tally.passed} of {tally.passed + tally.failed} sessions passed")
    return 0 if tally.passed and not tally.failed else 1


def all_checks(subject: End, peers: list[End], browser: Browser | None, folder: Path) -> Iterator[Check]:
    to_peers = (checks(peer, [subject], None, folder) for peer in peers)
    return chain(checks(subject, peers, browser, folder), *to_peers)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the library's interop sessions.")
    for end in "bowsprit", "node", "websocketpp", "tungstenite", "chromium":
        parser.add_argument(f"--{end}")
    parser.add_argument("--subject", default="bowsprit")
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
