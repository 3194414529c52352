"""Runs the library over TLS against OpenSSL and Python's `websockets`, each in both roles.

    python tls_peers.py PROGRAM [--only TEXT] [--tally FILE]

PROGRAM is the library's example `tls_peer`. Certificates are made on the spot: good ones, expired ones,
some for other names, self-signed, without the intermediate that signed them, and those of clients. The
exit status is 1 if a session failed.
"""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from lab import Check, Tally
from tls_certs import make_tls_certificates
from tls_clients import CLIENTS
from tls_lab import TlsLab
from tls_servers import SERVERS


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description="Runs the sessions over TLS.")
    parser.add_argument("program", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bowsprit-tls-")))
        make_tls_certificates(folder)
        lab = TlsLab(arguments.program, folder)
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        for name, look in (SERVERS | CLIENTS).items():
            if arguments.only in name:
                tally.run(Check(name, lambda look=look: look(lab)))
    print(f"TLS interop: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
