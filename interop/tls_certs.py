"""Makes what the sessions of tls_peers.py need besides certs.py's certificates.

For servers: `leaf`, signed by an intermediate authority and so only good with `middle.pem` behind it
(`leaf-chain.pem` has both), and `self-signed`. For clients: `mate`, signed by the authority `crews`, and
`pirate`, by one that no server trusts.
"""

from pathlib import Path

from certs import LOCAL_NAMES, make_certificates, make_key, openssl

AUTHORITY = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n"
SERVER = f"basicConstraints = CA:FALSE\nextendedKeyUsage = serverAuth\nsubjectAltName = {LOCAL_NAMES}\n"
CLIENT = "basicConstraints = CA:FALSE\nextendedKeyUsage = clientAuth\nsubjectAltName = email:{}@ship.example\n"


def make_tls_certificates(folder: Path) -> None:
    make_certificates(folder)
    sign(folder, "middle", AUTHORITY, by="ca")
    sign(folder, "leaf", SERVER, by="middle")
    (folder / "leaf-chain.pem").write_text((folder / "leaf.pem").read_text() + (folder / "middle.pem").read_text())
    sign(folder, "self-signed", SERVER)
    for authority, client in ("crews", "mate"), ("pirates", "pirate"):
        sign(folder, authority, AUTHORITY)
        sign(folder, client, CLIENT.format(client), by=authority)


def sign(folder: Path, name: str, extensions: str, by: str | None = None) -> None:
    """Makes a key and a certificate, signed by the authority of that name or by itself."""
    key, request, config = (folder / f"{name}.{end}" for end in ("key", "csr", "ext"))
    make_key(key)
    config.write_text(extensions)
    openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}")
    signer = ["-CA", folder / f"{by}.pem", "-CAkey", folder / f"{by}.key", "-CAcreateserial"] if by else ["-key", key]
    openssl(
        "x509", "-req", "-in", request, *signer, "-out", folder / f"{name}.pem", "-days", "2", "-extfile", config
    )


def fingerprint(certificate: Path) -> str:
    """As openssl prints it, behind its label."""
    printed = openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
    return printed.strip().partition("=")[2]
