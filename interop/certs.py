"""Makes the certificates of the TLS sessions: an authority, and server certificates that it signed.

`good` is valid for localhost, 127.0.0.1 and ::1; `expired` ended years ago; `wrong-name` is for
another host. Nothing is kept: each run makes its own.
"""

import subprocess
from pathlib import Path

LOCAL_NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
OTHER_NAMES = "DNS:elsewhere.example"

AUTHORITY_CONFIG = """
[ca]
default_ca = interop
[interop]
database = {folder}/index.txt
new_certs_dir = {folder}
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any_name
[any_name]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""

SERVER_EXTENSIONS = """
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make_certificates(folder: Path) -> None:
    """Writes `ca.pem` and, for each server certificate, `NAME.pem` and `NAME.key`."""
    config = folder / "authority.cnf"
    config.write_text(AUTHORITY_CONFIG.format(folder=folder))
    (folder / "index.txt").touch()
    make_key(folder / "ca.key")
    openssl(
        "req", "-x509", "-new", "-key", folder / "ca.key", "-out", folder / "ca.pem",
        "-days", "2", "-subj", "/CN=interop authority",
        "-config", config, "-extensions", "authority",
    )
    sign(folder, "good", LOCAL_NAMES, "-days", "2")
    sign(folder, "wrong-name", OTHER_NAMES, "-days", "2")
    sign(folder, "expired", LOCAL_NAMES, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")


def sign(folder: Path, name: str, names: str, *validity: str) -> None:
    """Makes a key and a certificate for `names`, signed by the authority in `folder`."""
    key, request, extensions = (folder / f"{name}.{end}" for end in ("key", "csr", "ext"))
    make_key(key)
    extensions.write_text(SERVER_EXTENSIONS.format(names=names))
    config = folder / "authority.cnf"
    openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}", "-config", config)
    openssl(
        "ca", "-batch", "-notext", "-config", config, "-cert", folder / "ca.pem",
        "-keyfile", folder / "ca.key", "-in", request, "-out", folder / f"{name}.pem",
        "-extfile", extensions, *validity,
    )


def make_key(path: Path) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def openssl(*arguments: object) -> str:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout
