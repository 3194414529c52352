//! Which proxy for which URI: texts, variables and lists; and that no answer panics. No test reads or
//! changes the environment.

use proptest::prelude::*;

use super::*;

/// The proxies of an environment with these variables.
fn environment(variables: &[(&str, &str)]) -> Proxy {
    Proxy::from_lookup(|name| {
        let value = variables.iter().find(|(known, _)| *known == name);
        value.map(|(_, value)| (*value).to_owned())
    })
}

/// The proxy for a connection to this URI, `direct`, or the error.
fn way(proxy: &Proxy, uri: &str) -> String {
    match proxy.for_uri(&Uri::parse(uri).expect(uri)) {
        Ok(Some(server)) => server.to_string(),
        Ok(None) => "direct".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn reads_every_part_of_a_proxy() {
    let table = [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://Proxy.Example/", "http://proxy.example:80"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("proxy", "http://proxy:80"),
        ("user@proxy", "http://proxy:80"),
        ("socks5://proxy.example", "socks5://proxy.example:1080"),
        ("socks5h://u:p@192.0.2.1:9050", "socks5://192.0.2.1:9050"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]:80"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://a:b@c@proxy:1", "http://proxy:1"),
    ];
    for (text, expected) in table {
        let server = ProxyServer::parse(text).expect(text);
        assert_eq!(server.to_string(), expected, "{text}");
    }
}

#[test]
fn refuses_what_is_no_proxy_and_repeats_no_password() {
    use InvalidProxy as E;
    let table = [
        ("https://secret:secret@proxy", E::Https),
        ("socks4://proxy", E::Scheme("socks4".into())),
        ("ftp://secret@proxy", E::Scheme("ftp".into())),
        ("http://user:sec/ret@proxy", E::Path),
        ("http://user:sec?ret@proxy", E::Path),
        ("http://user:sec#ret@proxy", E::Path),
        ("http://proxy/path", E::Path),
        ("user:secret://x@proxy", E::Path),
        ("http://proxy:secret", E::Port),
        ("http://proxy:0", E::Port),
        ("http://proxy:65536", E::Port),
        ("http://proxy:+1", E::Port),
        ("http://user:secret%@proxy", E::PercentEncoding),
        ("http://user:secret%zz@proxy", E::PercentEncoding),
        ("http://user:secret%ff@proxy", E::PercentEncoding),
        ("http://user:secret%0d%0aX:%20y@proxy", E::ControlCharacter),
        ("http://us\ner:secret@proxy", E::ControlCharacter),
        ("http://us%3Aer:secret@proxy", E::ColonInUser),
        ("socks5://user@proxy", E::LoginLength),
        ("socks5://:secret@proxy", E::LoginLength),
    ];
    for (text, expected) in table {
        let error = ProxyServer::parse(text).expect_err(text);
        assert_eq!(error, expected, "{text}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("secret"), "{text}: {shown}");
    }
    for text in [
        "http://",
        "",
        "http://user:secret@",
        "http://a b",
        "http://a\r\nb",
        "http://::1",
    ] {
        let error = ProxyServer::parse(text).expect_err(text);
        let host = matches!(error, E::Host(_) | E::Port);
        assert!(
            host && !error.to_string().contains("secret"),
            "{text}: {error}"
        );
    }
    let long = format!("http://{}", "a".repeat(Uri::MAX_LENGTH));
    let limit = Uri::MAX_LENGTH;
    assert_eq!(
        ProxyServer::parse(&long).expect_err("long"),
        E::TooLong { limit }
    );
}

#[test]
fn logs_in_to_named_proxies_only_and_within_what_the_protocol_carries() {
    let named = |text: &str| Proxy::parse(text).expect(text);
    for proxy in [
        Proxy::direct(),
        environment(&[("all_proxy", "http://proxy")]),
    ] {
        let error = proxy
            .basic_auth("user", "secret")
            .expect_err("nobody to tell");
        assert_eq!(error, InvalidProxy::NoServer);
    }
    let http = named("http://proxy");
    assert!(http.clone().basic_auth("user", "").is_ok());
    assert!(http.clone().basic_auth("user", "with:colon").is_ok());
    assert!(http.clone().basic_auth("us:er", "").is_err());
    assert!(http.basic_auth("user", "a\r\nb").is_err());
    let longest = "x".repeat(255);
    let socks = named("socks5://proxy");
    assert!(socks.clone().basic_auth(&longest, &longest).is_ok());
    for (user, password) in [("", "p"), ("u", ""), ("u", &*"x".repeat(256))] {
        let error = socks
            .clone()
            .basic_auth(user, password)
            .expect_err("a length");
        assert_eq!(error, InvalidProxy::LoginLength);
    }
}

#[test]
fn never_shows_user_or_password() {
    let proxies = [
        Proxy::parse("http://ann:secret@proxy").expect("a proxy"),
        environment(&[("all_proxy", "socks5://ann:secret@proxy")]),
        environment(&[("all_proxy", "https://ann:secret@proxy")]),
    ];
    for proxy in proxies {
        let shown = format!("{proxy:?} {}", way(&proxy, "ws://a.example"));
        assert!(
            !shown.contains("secret") && !shown.contains("ann"),
            "{shown}"
        );
    }
}

#[test]
fn the_most_particular_variable_wins_and_lower_case_before_upper() {
    let order = [
        "ws_proxy",
        "WS_PROXY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ];
    for secure in [false, true] {
        let names = order.map(|name| match (name, secure) {
            ("ws_proxy", true) => "wss_proxy",
            ("WS_PROXY", true) => "WSS_PROXY",
            ("http_proxy", true) => "https_proxy",
            ("HTTP_PROXY", true) => "HTTPS_PROXY",
            (name, _) => name,
        });
        let uri = if secure {
            "wss://a.example"
        } else {
            "ws://a.example"
        };
        let hosts = ["p0", "p1", "p2", "p3", "p4", "p5"];
        let all: Vec<_> = names.into_iter().zip(hosts).collect();
        for first in 0..all.len() {
            let proxy = environment(&all[first..]);
            assert_eq!(way(&proxy, uri), format!("http://{}:80", hosts[first]));
        }
    }
    assert_eq!(way(&environment(&[]), "ws://a.example"), "direct");
}

#[test]
fn an_empty_variable_is_none() {
    let proxy = environment(&[("ws_proxy", ""), ("all_proxy", "socks5://proxy")]);
    assert_eq!(way(&proxy, "ws://a.example"), "socks5://proxy:1080");
}

#[test]
fn each_scheme_has_its_own_proxy() {
    let proxy = environment(&[
        ("http_proxy", "http://plain"),
        ("wss_proxy", "http://secure"),
    ]);
    assert_eq!(way(&proxy, "ws://a.example"), "http://plain:80");
    assert_eq!(way(&proxy, "wss://a.example"), "http://secure:80");
}

#[test]
fn a_cgi_program_does_not_take_a_header_for_its_proxy() {
    let forged = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil")];
    assert_eq!(way(&environment(&forged), "ws://a.example"), "direct");
    assert_eq!(
        way(&environment(&forged[1..]), "ws://a.example"),
        "http://evil:80"
    );
    let lower = [("REQUEST_METHOD", "GET"), ("http_proxy", "http://own")];
    assert_eq!(way(&environment(&lower), "ws://a.example"), "http://own:80");
}

#[test]
fn a_variable_that_cannot_be_read_fails_what_it_is_for() {
    let proxy = environment(&[
        ("https_proxy", "ftp://u:secret@p"),
        ("NO_PROXY", "b.example"),
    ]);
    let error = way(&proxy, "wss://a.example");
    let expected = "environment variable https_proxy: scheme of the proxy is \"ftp\", expected http, \
                    socks5 or socks5h";
    assert_eq!(error, expected);
    assert_eq!(way(&proxy, "ws://a.example"), "direct");
    assert_eq!(way(&proxy, "wss://b.example"), "direct");
    let proxy = environment(&[("all_proxy", "http://proxy"), ("no_proxy", "10.0.0.0/33")]);
    let error = way(&proxy, "ws://a.example");
    let expected = "environment variable no_proxy: \"10.0.0.0/33\" is not a host, an address or a \
                    network to reach without a proxy";
    assert_eq!(error, expected);
    assert_eq!(
        way(&proxy.bypass("").expect("a list"), "ws://a.example"),
        "http://proxy:80"
    );
    let unused = environment(&[("no_proxy", "10.0.0.0/33")]);
    assert_eq!(way(&unused, "ws://a.example"), "direct");
}

#[test]
fn the_environment_never_comes_between_two_programs_of_this_machine() {
    let uris = [
        "ws://localhost",
        "ws://a.localhost",
        "ws://127.0.0.1",
        "ws://127.8.9.10:9002",
        "ws://[::1]",
        "ws://[::ffff:127.0.0.1]",
    ];
    let environment = environment(&[("all_proxy", "http://proxy")]);
    let named = Proxy::parse("http://proxy").expect("a proxy");
    for uri in uris {
        assert_eq!(way(&environment, uri), "direct", "{uri}");
        assert_eq!(way(&named, uri), "http://proxy:80", "{uri}");
    }
    assert_eq!(
        way(&environment, "ws://localhost.example"),
        "http://proxy:80"
    );
}

#[test]
fn a_list_names_hosts_below_names_ports_addresses_and_networks() {
    // The list, hosts that are on it, hosts that are not.
    let table: &[(&str, &[&str], &[&str])] = &[
        ("*", &["a.example", "192.0.2.1", "[::1]"], &[]),
        ("", &[], &["a.example"]),
        (
            "a.example",
            &["a.example", "b.a.example", "c.b.a.example"],
            &["xa.example", "example"],
        ),
        ("A.Example.", &["a.example"], &[]),
        (
            "bücher.example",
            &["xn--bcher-kva.example", "BÜCHER.example"],
            &["bucher.example"],
        ),
        (
            ".a.example",
            &["b.a.example", "c.b.a.example"],
            &["a.example", "xa.example"],
        ),
        ("*.a.example", &["b.a.example"], &["a.example"]),
        (
            "a.example:9002",
            &["a.example:9002", "b.a.example:9002"],
            &["a.example", "a.example:90"],
        ),
        ("*:9002", &["b.example:9002", "[::1]:9002"], &["b.example"]),
        (
            "192.0.2.1",
            &["192.0.2.1", "[::ffff:192.0.2.1]"],
            &["192.0.2.10", "192.0.2.2"],
        ),
        ("192.0.2.1:81", &["192.0.2.1:81"], &["192.0.2.1"]),
        ("::1", &["[::1]", "[::1]:9002"], &["[::2]"]),
        ("[::1]", &["[::1]", "[::1]:9002"], &["[::2]"]),
        ("[::1]:81", &["[::1]:81"], &["[::1]"]),
        (
            "10.0.0.0/8",
            &["10.255.0.1", "[::ffff:10.0.0.1]"],
            &["11.0.0.1", "a.example", "[a::]"],
        ),
        ("10.1.2.3/8", &["10.255.0.1"], &["11.0.0.1"]),
        (
            "2001:db8::/32",
            &["[2001:db8:1::1]"],
            &["[2001:db9::1]", "10.0.0.1"],
        ),
        ("0.0.0.0/0", &["10.0.0.1"], &["[2001:db8::1]", "a.example"]),
        (
            " a.example , ,b.example\tc.example,",
            &["a.example", "b.example", "c.example"],
            &["d.example"],
        ),
    ];
    for (list, on, off) in table {
        let proxy = Proxy::parse("http://proxy")
            .and_then(|proxy| proxy.bypass(list))
            .expect(list);
        for host in *on {
            assert_eq!(
                way(&proxy, &format!("ws://{host}")),
                "direct",
                "{list}: {host}"
            );
        }
        for host in *off {
            assert_eq!(
                way(&proxy, &format!("ws://{host}")),
                "http://proxy:80",
                "{list}: {host}"
            );
        }
    }
}

#[test]
fn refuses_entries_that_would_match_nothing() {
    let entries = [
        "10.0.0.0/33",
        "10.0.0.0/",
        "a.example/8",
        "10.*",
        "a.*.example",
        "http://a.example",
        "a.example:http",
        "a.example:+80",
        "a.example:65536",
        "a.example:",
        "[::1",
        "[::1]x",
        ".192.0.2.1",
        "1::2::3",
        "..",
        "<local>",
    ];
    for entry in entries {
        let list = format!("a.example,{entry}");
        let error = Proxy::direct().bypass(&list).expect_err(entry);
        assert_eq!(error, InvalidProxy::Bypass(entry.to_owned()));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Proxy::parse(&text);
        let _ = Proxy::parse(&format!("socks5://{text}"));
        let _ = Proxy::direct().bypass(&text);
    }

    #[test]
    fn no_error_repeats_a_password(before in "\\PC{0,8}", after in "\\PC{0,8}") {
        let text = format!("http://ann:{before}sesame{after}@proxy.example");
        let shown = format!("{:?}", Proxy::parse(&text));
        prop_assert!(!shown.contains("sesame"), "{}", shown);
    }

    #[test]
    fn no_answer_makes_a_tunnel_but_an_agreement(
        kind in 0_u8..4,
        known in prop::sample::select(vec![
            &b""[..], b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 407 \r\nProxy-Authenticate: realm=",
            &[5, 0], &[5, 2, 1, 0], &[5, 0, 5, 0, 0, 3],
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
        end in prop::sample::select(vec![&b""[..], b"\r\n\r\n"]),
    ) {
        fuzz::run(&[&[kind], known, &rest, end].concat());
    }
}

#[path = "../../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn what_fuzzing_left_makes_no_tunnel_but_an_agreement() {
    seeds::replay(&[("proxies", fuzz::run)]);
}

#[test]
fn a_whole_answer_is_a_tunnel_and_one_with_a_byte_more_or_less_is_none() {
    const HTTP: &str = "http://proxy";
    const SOCKS: &str = "socks5://proxy";
    let is_tunnel = |proxy, answer: &[u8]| fuzz::tunnel(proxy, answer).is_ok();
    assert!(is_tunnel(HTTP, b"HTTP/1.1 200 OK\r\n\r\n"));
    assert!(is_tunnel(SOCKS, &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    // As one piece, and a byte too many or too few.
    assert!(!is_tunnel(HTTP, b"HTTP/1.1 200 OK\r\n\r\nH"));
    assert!(!is_tunnel(SOCKS, &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
    assert!(!is_tunnel(SOCKS, &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0]));
}

#[test]
fn a_value_that_is_no_text_fails_its_connections() {
    // What `environment` hands on in place of such a value.
    for variable in ["ws_proxy", "no_proxy"] {
        let proxy = environment(&[(variable, "\0"), ("http_proxy", "http://proxy.example")]);
        let failed = way(&proxy, "ws://server.example/");
        assert!(failed.contains(variable), "{failed}");
    }
}
