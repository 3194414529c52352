"""Runs the library over TLS against OpenSSL and Python's `websockets`, each in both roles.

    python tls_peers.py PROGRAM [--only TEXT] [--tally FILE]

PROGRAM is the library's example `tls_peer`. Certificates are made on the spot: good ones, expired ones,
some for other names, self-signed, without the intermediate that signed them, and those of clients. The
exit status is 1 if a session failed.
"""

import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from command import run_checks
from lab import Check
from tls_certs import make_tls_certificates
from tls_clients import CLIENTS
from tls_lab import TlsLab
from tls_servers import SERVERS


def main() -> int:
    return run_checks("TLS", prepare)


def prepare(program: Path, stack: ExitStack) -> Iterable[Check]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bowsprit-tls-")))
    make_tls_certificates(folder)
    lab = TlsLab(program, folder)
    return [Check(name, partial(look, lab)) for name, look in (SERVERS | CLIENTS).items()]


if __name__ == "__main__":
    sys.exit(main())
