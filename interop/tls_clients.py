"""Sessions of the library's server with `openssl s_client` and clients of Python's `websockets`."""

from openssl_peers import SClient
from tls_lab import TlsLab, expect, expect_text
from tls_servers import in_both_versions
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


def options(lab: TlsLab, version: str, *flags: object) -> list[object]:
    return [
        f"-tls{version.replace('.', '_')}", "-CAfile", lab.pem("ca"), "-verify_return_error",
        "-verify_hostname", "localhost", "-servername", "localhost", *flags,
    ]


def shown(lab: TlsLab, name: str) -> list[object]:
    certificate, key = lab.identity(name)
    return ["-cert", certificate, "-key", key]


def talks(lab: TlsLab, version: str) -> None:
    with lab.server() as server, SClient(server.port, *options(lab, version)) as client:
        expect(server.report(), version=f"TLS {version}", verified=False, peer=None, alpn=None)
        client.converse()


def refuses_an_old_version(lab: TlsLab) -> None:
    with lab.server("--tls-min", "1.3") as server:
        with SClient(server.port, *options(lab, "1.2")) as client:
            expect_text(expect(server.report(), kind="OldVersion"), "client does not support TLS 1.3")
            client.wait_for(rb"alert protocol version")
            assert client.ended() != 0
        with SClient(server.port, *options(lab, "1.3")) as client:
            expect(server.report(), version="TLS 1.3")
            client.converse()


def demands_a_certificate(lab: TlsLab, version: str) -> None:
    with lab.server("--demand", lab.pem("crews")) as server:
        with SClient(server.port, *options(lab, version, *shown(lab, "mate"))) as client:
            report = expect(server.report(), version=f"TLS {version}", verified=True)
            expect(report["peer"], subject="CN=mate", issuer="CN=crews", names=["mate@ship.example"])
            client.converse()
        with SClient(server.port, *options(lab, version)) as client:
            report = expect(server.report(), kind="ClientCertificateRequired")
            expect_text(report, "client presented no certificate")
            client.wait_for(rb"alert certificate required|alert number 116")
        with SClient(server.port, *options(lab, version, *shown(lab, "pirate"))) as client:
            report = expect(server.report(), kind="UnknownIssuer")
            expect_text(report, "client's certificate is signed by an unknown authority")
            client.wait_for(rb"alert unknown ca")


def allows_a_certificate(lab: TlsLab) -> None:
    with lab.server("--allow", lab.pem("crews")) as server:
        for flags, subject in ([], None), (shown(lab, "mate"), "CN=mate"):
            with SClient(server.port, *options(lab, "1.3", *flags)) as client:
                report = expect(server.report(), verified=subject is not None)
                assert (report["peer"] or {}).get("subject") == subject, report
                client.converse()


def agrees_on_a_protocol(lab: TlsLab) -> None:
    with lab.server() as server:
        with SClient(server.port, *options(lab, "1.3", "-alpn", "h2,http/1.1")) as client:
            expect(server.report(), alpn="http/1.1")
            client.converse()
        with SClient(server.port, *options(lab, "1.3", "-alpn", "h2")) as client:
            report = expect(server.report(), kind="Incompatible")
            expect_text(report, "no application protocol (ALPN) in common with the client")
            client.wait_for(rb"alert no application protocol")


def hears_why_it_is_not_trusted(lab: TlsLab) -> None:
    for name, alert in {"leaf": "unknown ca", "expired": "certificate expired", "self-signed": "unknown ca"}.items():
        with lab.server(name=name) as server, SClient(server.port, *options(lab, "1.3")):
            expect_text(expect(server.report(), kind="Refused"), f"(alert: {alert})")


def talks_with_python(lab: TlsLab, version: str) -> None:
    with lab.server("--allow", lab.pem("crews")) as server:
        for name, subject in (None, None), ("mate", "CN=mate"):
            uri = f"wss://localhost:{server.port}/"
            with connect(uri, ssl=lab.python_context(version, name)) as connection:
                report = expect(server.report(), version=f"TLS {version}")
                assert (report["peer"] or {}).get("subject") == subject, report
                connection.send("ahoy")
                assert connection.recv(30) == "ahoy"


def demands_a_certificate_of_python(lab: TlsLab, version: str) -> None:
    with lab.server("--demand", lab.pem("crews")) as server:
        for name, kind in (None, "ClientCertificateRequired"), ("pirate", "UnknownIssuer"):
            try:
                connect(f"wss://localhost:{server.port}/", ssl=lab.python_context(version, name))
            except (OSError, WebSocketException):
                expect(server.report(), kind=kind)
            else:
                raise AssertionError("a client was let in without a good certificate")


CLIENTS = {
    **in_both_versions("s_client: a message is echoed", talks),
    "s_client of TLS 1.2 is refused where 1.3 is the least": refuses_an_old_version,
    **in_both_versions("s_client has to show a certificate", demands_a_certificate),
    "s_client may show a certificate": allows_a_certificate,
    "s_client and an application protocol": agrees_on_a_protocol,
    "s_client does not trust the server": hears_why_it_is_not_trusted,
    **in_both_versions("python may show a certificate", talks_with_python),
    **in_both_versions("python has to show a certificate", demands_a_certificate_of_python),
}
