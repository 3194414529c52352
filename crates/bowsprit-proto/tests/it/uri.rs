//! RFC 6455 §3, WebSocket URIs.

use InvalidUri::*;
use bowsprit_proto::{InvalidUri, Uri};
use proptest::prelude::*;

#[test]
fn reads_every_part_of_a_uri() {
    // The text, then whether it is secure, authority, port, target.
    let table = [
        ("ws://localhost", false, "localhost", 80, "/"),
        ("ws://localhost/", false, "localhost", 80, "/"),
        ("wss://localhost", true, "localhost", 443, "/"),
        ("ws://localhost:80/", false, "localhost", 80, "/"),
        ("wss://localhost:443/", true, "localhost", 443, "/"),
        ("ws://localhost:443/", false, "localhost:443", 443, "/"),
        ("wss://localhost:80/", true, "localhost:80", 80, "/"),
        ("ws://localhost:65535", false, "localhost:65535", 65535, "/"),
        ("ws://localhost:09002", false, "localhost:9002", 9002, "/"),
        ("ws://localhost:", false, "localhost", 80, "/"),
        (
            "WS://LocalHost:9002/Path",
            false,
            "localhost:9002",
            9002,
            "/Path",
        ),
        ("wSs://h", true, "h", 443, "/"),
        ("ws://h?x=1", false, "h", 80, "/?x=1"),
        ("ws://h:1?x=1", false, "h:1", 1, "/?x=1"),
        ("ws://h/?x=a:b@c/d?e", false, "h", 80, "/?x=a:b@c/d?e"),
        ("ws://h/a/../b//c/./", false, "h", 80, "/a/../b//c/./"),
        (
            "ws://h/%23%20?a[]=%7B%7D",
            false,
            "h",
            80,
            "/%23%20?a[]=%7B%7D",
        ),
        ("ws://h/ü?q=日", false, "h", 80, "/%C3%BC?q=%E6%97%A5"),
        ("ws://h//evil.example", false, "h", 80, "//evil.example"),
    ];
    for (text, secure, authority, port, target) in table {
        let uri = Uri::parse(text).expect(text);
        assert_eq!(uri.is_secure(), secure, "{text}");
        assert_eq!(uri.authority(), authority, "{text}");
        assert_eq!(uri.port(), port, "{text}");
        assert_eq!(uri.target(), target, "{text}");
        let scheme = if secure { "wss" } else { "ws" };
        assert_eq!(uri.to_string(), format!("{scheme}://{authority}{target}"));
        assert_eq!(
            uri.to_string().parse(),
            Ok(uri),
            "{text} does not read back"
        );
    }
}

#[test]
fn writes_hosts_in_one_way() {
    let table = [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[2001:DB8:0:0::1]", "[2001:db8::1]"),
        ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ("LocalHost", "localhost"),
        ("_service.example", "_service.example"),
        ("example.com.", "example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("ＥＸＡＭＰＬＥ。com", "example.com"),
    ];
    for (text, host) in table {
        let uri = Uri::parse(&format!("ws://{text}:9002/")).expect(text);
        assert_eq!(uri.host().to_string(), host);
        assert_eq!(uri.to_string(), format!("ws://{host}:9002/"));
        let uri = Uri::parse(&format!("wss://{text}")).expect(text);
        assert_eq!((uri.authority().as_str(), uri.port()), (host, 443));
    }
}

#[test]
fn tells_names_and_addresses_apart() {
    let host = |text: &str| Uri::parse(text).expect(text).host().clone();
    assert_eq!(
        host("ws://a.example"),
        bowsprit_proto::Host::Domain("a.example".into())
    );
    assert_eq!(host("ws://1.a"), bowsprit_proto::Host::Domain("1.a".into()));
    assert_eq!(
        host("ws://192.0.2.1"),
        bowsprit_proto::Host::Ipv4([192, 0, 2, 1].into())
    );
    assert_eq!(
        host("ws://[::1]"),
        bowsprit_proto::Host::Ipv6([0, 0, 0, 0, 0, 0, 0, 1].into())
    );
}

/// Asserts that the text is refused for this reason.
fn refuses(text: &str, error: InvalidUri) {
    assert_eq!(Uri::parse(text), Err(error), "{text:?}");
}

#[test]
fn refuses_every_scheme_but_its_own_two() {
    let without = [
        "",
        "localhost",
        "localhost:9002",
        "//localhost",
        "://localhost",
        "ws:localhost",
        "ws:/localhost",
        "user:secret@host://",
        "host/?u=ws://x",
    ];
    for text in without {
        refuses(text, NoScheme);
    }
    for scheme in ["http", "https", "wsss", "w", "foo+1.x-y"] {
        refuses(&format!("{scheme}://h"), Scheme(scheme.into()));
    }
}

#[test]
fn refuses_a_missing_host() {
    for text in ["ws://", "ws:///x", "ws:////x", "ws://:9002", "ws://?x"] {
        refuses(text, EmptyHost);
    }
}

#[test]
fn refuses_ports_that_do_not_exist() {
    for port in [
        "0",
        "65536",
        "99999999999999999999",
        "+80",
        "-1",
        "80x",
        "８０",
    ] {
        refuses(&format!("ws://h:{port}"), Port(port.into()));
        refuses(&format!("ws://[::1]:{port}/x"), Port(port.into()));
    }
}

#[test]
fn refuses_fragments_and_userinfo() {
    for text in ["ws://h#", "ws://h/a#b", "ws://h?a#b"] {
        refuses(text, Fragment);
    }
    for text in [
        "ws://user@h",
        "ws://user:secret@h/",
        "ws://@h",
        "ws://a@b@h",
    ] {
        refuses(text, Userinfo);
    }
}

#[test]
fn refuses_characters_that_a_uri_must_encode() {
    let table = [
        (" ws://h", ' '),
        ("ws://h ", ' '),
        ("ws://h/a b", ' '),
        ("ws://h\t/", '\t'),
        ("w\ns://h/", '\n'),
        ("ws://h/\r\nX: y", '\r'),
        ("ws:\\\\h", '\\'),
        ("ws://user:secret\\@h", '\\'),
    ];
    for (text, forbidden) in table {
        refuses(text, ForbiddenCharacter(forbidden));
    }
    for forbidden in "\0\u{1}\u{7f}\u{85}\u{a0}\u{2028}\u{3000}\"<>^`{|}".chars() {
        refuses(
            &format!("ws://h/?{forbidden}"),
            ForbiddenCharacter(forbidden),
        );
        refuses(
            &format!("ws://a{forbidden}b/"),
            ForbiddenCharacter(forbidden),
        );
    }
    for end in ["%", "%2", "%zz", "%20%é0", "?%g0"] {
        refuses(&format!("ws://h/{end}"), PercentEncoding);
    }
}

#[test]
fn refuses_addresses_in_another_spelling() {
    for text in ["ws://::1", "ws://2001:db8::1:9002/", "ws://a:b:9002"] {
        refuses(text, UnbracketedColon);
    }
    for zone in ["%eth0", "%25eth0", "%"] {
        refuses(&format!("ws://[fe80::1{zone}]/"), ZoneId);
    }
    for host in [
        "[]",
        "[h]",
        "[v1.x]",
        "[127.0.0.1]",
        "[::1]x",
        "[::1]:80",
        "[1::2::3]",
    ] {
        refuses(&format!("ws://{host}:9002"), Ipv6(host.into()));
    }
    // Which colon begins the port is not known without the other bracket.
    for host in ["[::1", "[::1:9002"] {
        refuses(&format!("ws://{host}"), Ipv6(host.into()));
    }
    let addresses = [
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "2130706433",
        "256.0.0.1",
        "1.2.3.4.5",
        "127.0.0.1.",
        "１２７.0.0.1",
    ];
    for host in addresses {
        refuses(&format!("ws://{host}:9002"), Ipv4(host.into()));
    }
}

#[test]
fn refuses_names_that_are_none() {
    let names = [
        ".",
        "a..b",
        "a..",
        ".a",
        "%68ost",
        "a%2fb",
        "a;b",
        "a=b,c",
        "xn--",
        "a]",
        "a\u{202e}b",
    ];
    for host in names {
        refuses(&format!("ws://{host}:9002"), Host(host.into()));
    }
}

#[test]
fn refuses_names_that_dns_cannot_hold() {
    let label = "a".repeat(64);
    assert_eq!(Uri::parse(&format!("ws://{label}")), Err(Host(label)));
    let name = ["a"; 127].join(".");
    assert_eq!(name.len(), 253);
    assert!(Uri::parse(&format!("ws://{name}")).is_ok());
    let name = ["a"; 128].join(".");
    assert_eq!(Uri::parse(&format!("ws://{name}")), Err(Host(name)));
}

#[test]
fn takes_up_to_eight_kibibytes() {
    let text = format!("ws://h/{}", "a".repeat(Uri::MAX_LENGTH - 7));
    assert!(Uri::parse(&text).is_ok());
    assert_eq!(
        Uri::parse(&format!("{text}a")),
        Err(TooLong { limit: 8192 })
    );
}

#[test]
fn never_repeats_credentials() {
    for text in [
        "ws://user:secret/1@h",
        "ws://secret;1?@h",
        "ws://user:secret@h/",
        "http://user:secret@h",
        "user:secret@h://x",
        "ws://h/\t?user:secret@",
    ] {
        let error = Uri::parse(text).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("secret"), "{text}");
    }
}

#[test]
fn shows_invisible_characters_with_escapes() {
    let message = |text| Uri::parse(text).expect_err(text).to_string();
    assert_eq!(
        message("ws://h/\u{1b}[2J"),
        r"URI contains the character '\u{1b}'"
    );
    assert_eq!(
        message("ws://a\u{202e}b"),
        r#""a\u{202e}b" is not a host name"#
    );
}

#[test]
fn reads_unix_sockets_by_their_path() {
    // The text, then the path, the resource, and the text in its usual form.
    let table = [
        ("ws+unix:/a.sock", "/a.sock", "/", "ws+unix:/a.sock:/"),
        ("ws+unix:/a.sock:", "/a.sock", "/", "ws+unix:/a.sock:/"),
        (
            "WS+Unix:///run/A:/x?y=1",
            "/run/A",
            "/x?y=1",
            "ws+unix:/run/A:/x?y=1",
        ),
        ("ws+unix:/a:?y", "/a", "/?y", "ws+unix:/a:/?y"),
        ("ws+unix:/%2Fa", "//a", "/", "ws+unix:////a:/"),
        (
            "ws+unix:/a:/b:9002/c",
            "/a",
            "/b:9002/c",
            "ws+unix:/a:/b:9002/c",
        ),
        (
            "ws+unix:/a@b%3Ac%20%25:/%20",
            "/a@b:c %",
            "/%20",
            "ws+unix:/a@b%3Ac%20%25:/%20",
        ),
        ("ws+unix:/%3f%23%0A:/", "/?#\n", "/", "ws+unix:/%3F%23%0A:/"),
        (
            "ws+unix:/ü%C3%BC:/ü",
            "/üü",
            "/%C3%BC",
            "ws+unix:/%C3%BC%C3%BC:/%C3%BC",
        ),
    ];
    for (text, path, target, usual) in table {
        let uri = Uri::parse(text).expect(text);
        assert_eq!(uri.socket_path(), Some(path), "{text}");
        assert_eq!(uri.target(), target, "{text}");
        assert_eq!(uri.to_string(), usual, "{text}");
        assert_eq!(uri.to_string().parse(), Ok(uri.clone()), "{text}");
        assert_eq!(
            (uri.authority().as_str(), uri.is_secure()),
            ("localhost", false)
        );
    }
    assert_eq!(
        Uri::parse("ws://localhost").map(|uri| uri.socket_path().is_some()),
        Ok(false)
    );
}

#[test]
fn refuses_unix_sockets_without_an_absolute_path() {
    let texts = [
        "ws+unix:",
        "ws+unix:a.sock",
        "ws+unix:./a.sock:/x",
        "ws+unix://host/a.sock",
        "ws+unix:///%00:/x",
        "ws+unix:/%ff:/x",
        "ws+unix:/a?x:/y",
        "ws+unix:/a:9002",
        "ws+unix::/x",
    ];
    for text in texts {
        refuses(text, SocketPath);
    }
    refuses("ws+unix:/a#b:/x", Fragment);
    refuses("ws+unix:/a:/x#b", Fragment);
    refuses("ws+unix:/a%2:/x", PercentEncoding);
    refuses("ws+unix:/a:/x%", PercentEncoding);
    refuses("ws+unix:/a b:/", ForbiddenCharacter(' '));
    refuses("wss+unix:/a.sock:/", SecureSocket);
    refuses("WSS+UNIX:///a", SecureSocket);
    refuses("http+unix:/a", NoScheme);
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Uri::parse(&format!("ws+unix:/{text}"));
        let _ = Uri::parse(&text);
        let _ = Uri::parse(&format!("ws://{text}"));
        let _ = Uri::parse(&format!("ws://h/{text}"));
    }

    #[test]
    fn what_is_read_is_plain_and_reads_back(text in "(ws|WSS)://[a-z0-9.:\\[\\]é-]{1,12}[/?]\\PC{0,12}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(uri.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(uri.target().starts_with('/'));
            prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
        }
    }

    #[test]
    fn what_is_read_of_a_path_is_plain_and_reads_back(text in "ws\\+unix:/([a-z:/?@é]|%[2-7][0-9A-F]){1,12}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(uri.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(uri.socket_path().is_some_and(|path| path.starts_with('/')));
            prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
        }
    }
}
