//! RFC 9110 §15.4, RFC 6455 §4.1: a server that sends its client elsewhere.

use bowsprit_proto::{
    Config, InvalidUri, Uri,
    handshake::{ClientHandshake, InvalidRedirect, Request},
};

fn request(uri: &str) -> Request {
    let mut request = Request::new(Uri::parse(uri).expect("a URI"));
    request.bearer("secret").expect("a token");
    request.cookie("session", "secret").expect("a cookie");
    request.header("X-Client", "mine").expect("a header");
    request.subprotocol("chat").expect("a subprotocol");
    request
}

/// What follows an answer with this status and these header lines.
fn answered(
    request: &Request,
    status: u16,
    lines: &str,
) -> Option<Result<Request, InvalidRedirect>> {
    let mut client = ClientHandshake::new(request, [7; 16], &Config::client());
    let answer = format!("HTTP/1.1 {status} Elsewhere\r\n{lines}\r\n");
    client
        .receive(&mut answer.as_bytes())
        .expect_err("no status 101");
    request.redirected(client.response().expect("a response"))
}

fn redirected(from: &str, location: &str) -> Result<Request, InvalidRedirect> {
    let lines = format!("Location: {location}\r\n");
    answered(&request(from), 302, &lines).expect("a redirection")
}

fn target(from: &str, location: &str) -> String {
    let next = redirected(from, location);
    next.expect("a target").uri().to_string()
}

#[test]
fn resolves_the_location_against_the_uri() {
    let base = "ws://example.com:9002/a/b?c=1";
    for (location, expected) in [
        ("/new", "ws://example.com:9002/new"),
        ("d", "ws://example.com:9002/a/d"),
        ("../x?y=2", "ws://example.com:9002/x?y=2"),
        ("?z", "ws://example.com:9002/a/b?z"),
        ("//other.example/", "ws://other.example/"),
        ("ws://other.example:81/q#part", "ws://other.example:81/q"),
        ("HTTP://Other.Example", "ws://other.example/"),
        ("https://example.com/", "wss://example.com/"),
    ] {
        assert_eq!(target(base, location), expected, "{location}");
    }
}

#[test]
fn stays_behind_a_unix_socket_unless_it_is_led_away() {
    let base = "ws+unix:/run/app.sock:/a/b";
    for (location, expected) in [
        ("/new", "ws+unix:/run/app.sock:/new"),
        ("c?d=1", "ws+unix:/run/app.sock:/a/c?d=1"),
        ("http://localhost/e", "ws+unix:/run/app.sock:/e"),
        ("http://localhost:81/", "ws://localhost:81/"),
        ("wss://other.example/", "wss://other.example/"),
    ] {
        assert_eq!(target(base, location), expected, "{location}");
    }
    let away = redirected(base, "ws://localhost:81/").expect("a target");
    assert!(away.headers().all(|(name, _)| name == "X-Client"));
}

#[test]
fn follows_the_five_kinds_of_redirection_and_nothing_else() {
    let request = request("ws://a.example/");
    for status in [301, 302, 303, 307, 308] {
        let next = answered(&request, status, "Location: /b\r\n");
        assert!(matches!(next, Some(Ok(_))), "{status}");
    }
    for status in [200, 300, 304, 305, 306, 401, 404, 503] {
        let next = answered(&request, status, "Location: /b\r\n");
        assert!(next.is_none(), "{status}");
    }
}

#[test]
fn credentials_go_to_no_other_origin() {
    let names = |request: Request| {
        let names = request.headers().map(|(name, _)| name.to_owned());
        names.collect::<Vec<_>>()
    };
    let base = "wss://a.example/";
    for location in ["/b", "https://a.example/b", "wss://A.example:443/"] {
        let next = redirected(base, location).expect("a target");
        assert_eq!(
            names(next),
            ["Authorization", "Cookie", "X-Client"],
            "{location}"
        );
    }
    for location in [
        "wss://b.example/",
        "wss://a.example:444/",
        "//evil.a.example",
    ] {
        let next = redirected(base, location).expect("a target");
        assert_eq!(next.subprotocols().collect::<Vec<_>>(), ["chat"]);
        assert_eq!(names(next), ["X-Client"], "{location}");
    }
    let upgraded = redirected("ws://a.example/", "wss://a.example/").expect("a target");
    assert_eq!(names(upgraded), ["X-Client"]);
}

#[test]
fn credentials_of_any_name_go_to_no_other_origin() {
    let mut request = Request::new(Uri::parse("wss://a.example/").expect("a URI"));
    for (name, value) in [
        ("X-Api-Key", "secret"),
        ("X-Auth-Token", "secret"),
        ("Cookie2", "secret"),
        ("Accept-Language", "en"),
    ] {
        request.header(name, value).expect("a header");
    }
    for name in ["chat", "bearer", "secret", "eyJhbGciOiJub25lIn0.e30.", "v2"] {
        request.subprotocol(name).expect("a subprotocol");
    }
    let follow = |location: &str| {
        let lines = format!("Location: {location}\r\n");
        let next = answered(&request, 307, &lines).expect("a redirection");
        next.expect("a target")
    };
    let away = follow("https://b.example/");
    assert_eq!(
        away.headers().collect::<Vec<_>>(),
        [("Accept-Language", "en")]
    );
    assert_eq!(
        away.subprotocols().collect::<Vec<_>>(),
        ["chat", "bearer", "v2"]
    );
    let home = follow("/b");
    assert_eq!(
        (home.headers().count(), home.subprotocols().count()),
        (4, 5)
    );
}

#[test]
fn leads_from_wss_to_no_place_that_anybody_could_read() {
    for location in ["ws://a.example/", "http://a.example/"] {
        let refused = redirected("wss://a.example/", location).map(drop);
        assert_eq!(refused, Err(InvalidRedirect::Downgrade), "{location}");
    }
}

#[test]
fn refuses_locations_that_lead_nowhere() {
    let base = "ws://a.example/";
    let scheme = |scheme: &str| InvalidRedirect::Scheme(scheme.to_owned());
    for (location, expected) in [
        ("ftp://a.example/", scheme("ftp")),
        ("javascript:alert(1)", scheme("javascript")),
        ("file:///etc/passwd", scheme("file")),
        (
            "http://user:secret@a.example/",
            InvalidRedirect::Uri(InvalidUri::Userinfo),
        ),
        ("http://", InvalidRedirect::Location),
        ("http://[::1", InvalidRedirect::Location),
    ] {
        assert_eq!(
            redirected(base, location).map(drop),
            Err(expected),
            "{location}"
        );
    }
    for lines in ["", "Location: /a\r\nLocation: /b\r\n"] {
        let next = answered(&request(base), 302, lines).expect("a redirection");
        assert_eq!(next.map(drop), Err(InvalidRedirect::Location), "{lines:?}");
    }
}
