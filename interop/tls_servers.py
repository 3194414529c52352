"""Sessions of the library's client with servers of OpenSSL and of Python's `websockets`."""

from collections.abc import Callable
from functools import partial

from tls_certs import fingerprint
from tls_lab import TlsLab, expect, expect_text


def speaks(lab: TlsLab, version: str) -> None:
    with lab.s_server("good", f"-tls{version.replace('.', '_')}") as server:
        report = expect(lab.trusting(server.port), version=f"TLS {version}", verified=True)
        assert report["cipher"].startswith("TLS_"), report


def tells_whose_certificate_it_is(lab: TlsLab) -> None:
    with lab.s_server("good") as server:
        peer = lab.trusting(server.port)["peer"]
    expect(peer, subject="CN=good", issuer="CN=interop authority", names=["localhost", "127.0.0.1", "::1"])
    expect(peer, fingerprint=fingerprint(lab.pem("good")))
    assert peer["days_left"] in (1, 2), peer


def refuses_an_old_version(lab: TlsLab) -> None:
    with lab.s_server("good", "-tls1_2") as server:
        report = expect(lab.trusting(server.port, "--tls-min", "1.3"), kind="OldVersion")
    expect_text(report, "server does not support TLS 1.3")
    with lab.s_server("good", "-tls1_3") as server:
        expect(lab.trusting(server.port, "--tls-min", "1.3"), version="TLS 1.3")


def asking(version: str) -> list[str]:
    return [f"-tls{version.replace('.', '_')}", "-Verify", "2", "-verify_return_error"]


def shows_its_certificate(lab: TlsLab, version: str) -> None:
    with lab.s_server("good", *asking(version), "-CAfile", lab.pem("crews")) as server:
        report = lab.trusting(server.port, "--cert", *lab.identity("mate"))
        expect(report, version=f"TLS {version}", verified=True)
        server.wait_for(rb"CN ?= ?mate")


def is_told_that_a_certificate_is_demanded(lab: TlsLab, version: str) -> None:
    with lab.s_server("good", *asking(version), "-CAfile", lab.pem("crews")) as server:
        report = expect(lab.trusting(server.port), kind="ClientCertificateRequired")
    expect_text(report, "server demands a client certificate", "give the client a certificate and its key")


def is_told_that_its_certificate_is_refused(lab: TlsLab, version: str) -> None:
    with lab.s_server("good", *asking(version), "-CAfile", lab.pem("crews")) as server:
        report = lab.trusting(server.port, "--cert", *lab.identity("pirate"))
    expect_text(expect(report, kind="ClientCertificateRefused"), "server does not accept the client certificate")


def suspects_a_missing_intermediate(lab: TlsLab) -> None:
    with lab.s_server("leaf") as server:
        report = expect(lab.trusting(server.port), kind="UnknownIssuer")
    expect_text(report, "(issuer: middle)", "does not send its intermediate certificates")
    with lab.s_server("leaf-chain") as server:
        expect(lab.trusting(server.port), verified=True)


def refuses_an_expired_certificate(lab: TlsLab) -> None:
    with lab.s_server("expired") as server:
        report = expect(lab.trusting(server.port), kind="Expired")
    expect_text(report, "certificate expired on 2020-02-01")
    with lab.s_server("expired") as server:
        report = expect(lab.client(server.port, "--insecure"), verified=False)
        assert report["peer"]["days_left"] < -1000, report


def refuses_a_wrong_name(lab: TlsLab) -> None:
    with lab.s_server("wrong-name") as server:
        report = expect(lab.trusting(server.port), kind="WrongName")
    expect_text(report, "not valid for localhost, only for elsewhere.example")


def asks_for_another_name(lab: TlsLab) -> None:
    certificate, key = lab.identity("wrong-name")
    other = ["-servername", "elsewhere.example", "-cert2", certificate, "-key2", key]
    with lab.s_server("good", *other) as server:
        report = lab.trusting(server.port, "--sni", "elsewhere.example")
        expect(report["peer"], names=["elsewhere.example"])
        server.wait_for(rb'Hostname in TLS extension: "elsewhere\.example"')


def refuses_a_self_signed_certificate(lab: TlsLab) -> None:
    with lab.s_server("self-signed") as server:
        expect_text(expect(lab.trusting(server.port), kind="SelfSigned"), "trust it as an extra CA")
    with lab.s_server("self-signed") as server:
        expect(lab.client(server.port, "--ca", lab.pem("self-signed"), "--only-ca"), verified=True)


def trusts_the_systems_roots(lab: TlsLab) -> None:
    with lab.s_server("good") as server:
        expect(lab.client(server.port, system_roots="ca"), verified=True)
    with lab.s_server("good") as server:
        flags = ["--ca", lab.pem("crews"), "--only-ca"]
        expect(lab.client(server.port, *flags, system_roots="ca"), kind="UnknownIssuer")


def trusts_nobody_without_roots(lab: TlsLab) -> None:
    with lab.s_server("good") as server:
        expect(lab.client(server.port, "--only-ca"), kind="NoRoots")


def accepts_the_pinned_certificate(lab: TlsLab) -> None:
    pin, other = fingerprint(lab.pem("self-signed")), fingerprint(lab.pem("good"))
    for pins in ["--pin", pin], ["--pin", other, "--pin", pin.lower().replace(":", "")]:
        with lab.s_server("self-signed") as server:
            expect(lab.client(server.port, "--insecure", *pins), verified=True)
    with lab.s_server("good") as server:
        expect(lab.trusting(server.port, "--pin", other), verified=True)
    for flags in ["--insecure"], ["--ca", lab.pem("self-signed")]:
        with lab.s_server("self-signed") as server:
            report = expect(lab.client(server.port, "--pin", other, *flags), kind="PinMismatch")
        expect_text(report, pin)


def agrees_on_a_protocol(lab: TlsLab) -> None:
    with lab.s_server("good", "-alpn", "h2,http/1.1") as server:
        expect(lab.trusting(server.port), alpn="http/1.1")
        server.wait_for(rb"ALPN protocols selected: http/1\.1")
    with lab.s_server("good", "-alpn", "ship/1") as server:
        expect(lab.trusting(server.port, "--alpn", "http/1.1", "--alpn", "ship/1"), alpn="ship/1")
    with lab.s_server("good") as server:
        expect(lab.trusting(server.port), alpn=None)


def refuses_http_2(lab: TlsLab) -> None:
    with lab.s_server("good", "-alpn", "h2") as server:
        report = expect(lab.trusting(server.port), kind="Incompatible")
    expect_text(report, "no application protocol (ALPN) in common with the server")
    with lab.s_server("good", "-alpn", "h2") as server:
        report = expect(lab.trusting(server.port, "--alpn", "h2"), kind="Incompatible")
    expect_text(report, "server chose HTTP/2")


def logs_the_keys_that_the_server_has(lab: TlsLab, version: str) -> None:
    ours, theirs = (lab.folder / f"{who}-{version}.keys" for who in ("ours", "theirs"))
    flags = [f"-tls{version.replace('.', '_')}", "-keylogfile", theirs]
    with lab.s_server("good", *flags) as server:
        expect(lab.trusting(server.port, "--key-log", ours), version=f"TLS {version}")
    # OpenSSL begins its file with a comment.
    expected = {line.lower() for line in theirs.read_text().splitlines() if not line.startswith("#")}
    assert {line.lower() for line in ours.read_text().splitlines()} == expected, (ours.read_text(), expected)
    assert ours.stat().st_mode & 0o777 == 0o600


def python_demands_a_certificate(lab: TlsLab, version: str) -> None:
    with lab.python_server("leaf-chain", version, demand=True) as server:
        report = lab.trusting(server.port, "--cert", *lab.identity("mate"))
        expect(report, version=f"TLS {version}", verified=True)
        assert server.subjects == ["mate"], server.subjects
        expect(lab.trusting(server.port), kind="ClientCertificateRequired")
        report = lab.trusting(server.port, "--cert", *lab.identity("pirate"))
        expect(report, kind="ClientCertificateRefused")


def python_shows_a_bad_certificate(lab: TlsLab, version: str) -> None:
    for name, kind in {
        "leaf": "UnknownIssuer",
        "expired": "Expired",
        "wrong-name": "WrongName",
        "self-signed": "SelfSigned",
    }.items():
        with lab.python_server(name, version) as server:
            expect(lab.trusting(server.port), kind=kind)


def in_both_versions(name: str, look: Callable[[TlsLab, str], None]) -> dict[str, Callable[[TlsLab], None]]:
    return {f"{name}, TLS {version}": partial(look, version=version) for version in ("1.2", "1.3")}


SERVERS = {
    **in_both_versions("s_server: a message is echoed", speaks),
    "s_server: whose certificate it is, and how long it lasts": tells_whose_certificate_it_is,
    "s_server of TLS 1.2 is refused where 1.3 is the least": refuses_an_old_version,
    **in_both_versions("s_server demands a client certificate and gets it", shows_its_certificate),
    **in_both_versions("s_server demands a client certificate in vain", is_told_that_a_certificate_is_demanded),
    **in_both_versions("s_server refuses a client certificate", is_told_that_its_certificate_is_refused),
    "s_server without its intermediate is suspected of that": suspects_a_missing_intermediate,
    "s_server with an expired certificate is refused": refuses_an_expired_certificate,
    "s_server with a certificate for another name is refused": refuses_a_wrong_name,
    "s_server is asked for another name": asks_for_another_name,
    "s_server with a self-signed certificate is refused": refuses_a_self_signed_certificate,
    "s_server: the system's roots are trusted, unless they are left out": trusts_the_systems_roots,
    "s_server: nobody is trusted without roots": trusts_nobody_without_roots,
    "s_server with the pinned certificate is accepted": accepts_the_pinned_certificate,
    "s_server and an application protocol": agrees_on_a_protocol,
    "s_server of HTTP/2 is refused": refuses_http_2,
    **in_both_versions("s_server logs the same keys", logs_the_keys_that_the_server_has),
    **in_both_versions("python demands a client certificate", python_demands_a_certificate),
    **in_both_versions("python with a bad certificate is refused", python_shows_a_bad_certificate),
}
