//! RFC 6455 §10.2: which sites' pages are let in.

use bowsprit::{AcceptError, InvalidRequest, Server, ServerBuilder};
use tokio::io::{AsyncWriteExt as _, duplex};

use super::support::{REQUEST, read_head};

/// Whether a page of this origin gets in, where the client asks for the host `in.memory`.
async fn admits(server: &Server, origin: &str) -> bool {
    let (near, mut far) = duplex(64 * 1024);
    let request = format!("{REQUEST}Origin: {origin}\r\n\r\n");
    far.write_all(request.as_bytes()).await.expect("a write");
    let answer = async {
        let head = read_head(&mut far).await;
        drop(far);
        head
    };
    let (head, accepted) = tokio::join!(answer, server.accept_on(near, None));
    match accepted {
        Ok(_) => assert!(head.starts_with("HTTP/1.1 101 "), "{origin}: {head}"),
        Err(ref error) => {
            assert!(head.starts_with("HTTP/1.1 403 "), "{origin}: {head}");
            assert!(matches!(error, AcceptError::Origin(_)), "{error}");
        }
    }
    accepted.is_ok()
}

fn allowing(origins: &[&str]) -> Server {
    let allow = |builder: ServerBuilder, origin: &&str| builder.allow_origin(origin);
    let builder = origins.iter().try_fold(Server::builder(), allow);
    builder.expect("origins").build()
}

async fn check(server: &Server, let_in: &[&str], kept_out: &[&str]) {
    for origin in let_in {
        assert!(admits(server, origin).await, "{origin:?} is kept out");
    }
    for origin in kept_out {
        assert!(!admits(server, origin).await, "{origin:?} is let in");
    }
}

#[tokio::test]
async fn one_site_is_that_scheme_host_and_port() {
    let server = allowing(&["https://App.Example.com"]);
    check(
        &server,
        &[
            "https://app.example.com",
            "https://app.example.com:443",
            "HTTPS://APP.EXAMPLE.COM",
            // The host that is asked for stays welcome.
            "http://in.memory",
        ],
        &[
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com:80",
            "https://example.com",
            "https://a.app.example.com",
            "https://app.example.com.evil.org",
            "https://app.example.com@evil.org",
            "https://evil.org/https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com#",
            "https://app.example.com?",
            "https://app.example.com, https://evil.org",
            "https://app.example.com https://evil.org",
            "https://app.example.com:",
            "https://app.example.com.",
            "https://app.example.com:443:443",
            "https://app.example.com:0443x",
            "wss://app.example.com",
            "app.example.com",
            "//app.example.com",
            "://app.example.com",
            "null",
            "*",
            "",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_wildcard_is_every_name_below_and_no_other() {
    let server = allowing(&["https://*.example.com"]);
    check(
        &server,
        &[
            "https://a.example.com",
            "https://a.b.c.example.com",
            "https://A.EXAMPLE.com",
        ],
        &[
            "https://example.com",
            "https://.example.com",
            "https://evil-example.com",
            "https://evilexample.com",
            "https://example.com.evil.org",
            "https://a.example.com.evil.org",
            "https://evil.org/.example.com",
            "https://evil.org#.example.com",
            "https://evil.org?.example.com",
            "https://evil.org:.example.com",
            "https://evil.org\\.example.com",
            "https://x@a.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://*.example.com",
            "null",
        ],
    )
    .await;
}

#[tokio::test]
async fn several_rules_hold_side_by_side() {
    let server = allowing(&[
        "http://localhost:3000",
        "https://*.example.com:8443",
        "chrome-extension://abcdefgh",
        "http://[::1]:8080",
        "https://b\u{fc}cher.example",
        "http://192.0.2.1",
    ]);
    check(
        &server,
        &[
            "http://localhost:3000",
            "https://a.example.com:8443",
            "chrome-extension://abcdefgh",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
            "http://192.0.2.1",
        ],
        &[
            "http://localhost",
            "http://localhost:3001",
            "https://a.example.com",
            "chrome-extension://other",
            "http://[::2]:8080",
            "http://192.0.2.10",
            "http://1192.0.2.1",
        ],
    )
    .await;
}

#[tokio::test]
async fn any_site_is_let_in_where_the_program_says_so() {
    let server = Server::builder().danger_any_origin().build();
    let anything = ["https://evil.example", "null", "*", "nonsense"];
    check(&server, &anything, &[]).await;
}

#[test]
fn what_is_no_origin_is_refused_when_it_is_set() {
    let wrong = [
        "",
        "null",
        "*",
        "example.com",
        "https://",
        "https://*",
        "https://*.",
        "https://*.*.example.com",
        "https://a*.example.com",
        "https://a.*.example.com",
        "https://*.192.0.2.1",
        "https://*.[::1]",
        "https://example.com/",
        "https://example.com/path",
        "https://user@example.com",
        "https://example.com:x",
        "https://example.com:70000",
        "https://exa mple.com",
        "https://example.com, https://example.org",
        "wss://example.com",
        "ht tp://example.com",
    ];
    for origin in wrong {
        let error = Server::builder().allow_origin(origin);
        let error = error.expect_err(origin);
        assert_eq!(error, InvalidRequest::Origin(origin.to_owned()));
        assert!(error.to_string().contains("is not an origin"), "{error}");
    }
}
