//! Words that end their line early, through everything that an application can set.

use bowsprit::{
    Accept, Client, ConnectRequest, InvalidRequest, Proxy, Response, Server, Tls,
    proto::{Uri, handshake::basic_credentials},
};

/// What follows would be a line of its own.
const ENDS: [&str; 6] = ["\r\n", "\n", "\r", "\0", "\u{b}", "\u{85}"];

/// The word with this inside, at its end and in front.
fn broken(word: &str) -> impl Iterator<Item = String> + use<'_> {
    ENDS.into_iter().flat_map(move |end| {
        let (before, after) = word.split_at(word.len() / 2);
        [
            format!("{before}{end}X-Injected: 1{end}{after}"),
            format!("{word}{end}X-Injected: 1"),
            format!("{end}X-Injected: 1{end}{word}"),
        ]
    })
}

fn request() -> ConnectRequest {
    Client::new().request("ws://localhost/").expect("a URI")
}

/// A setter with a good word for it.
type Setter = (&'static str, fn(&str) -> bool);

/// Whether a client takes the word.
const OF_CLIENTS: [Setter; 12] = [
    ("name", |word| request().header(word, "value").is_ok()),
    ("value", |word| request().header("X-Name", word).is_ok()),
    ("http://origin.example", |word| {
        request().origin(word).is_ok()
    }),
    ("agent/1.0", |word| request().user_agent(word).is_ok()),
    ("subprotocol", |word| request().subprotocol(word).is_ok()),
    ("token", |word| request().bearer(word).is_ok()),
    ("user", |word| {
        request().basic_auth(word, "password").is_ok()
    }),
    ("password", |word| {
        request().basic_auth("user", word).is_ok()
    }),
    ("cookie", |word| request().cookie(word, "value").is_ok()),
    ("value", |word| request().cookie("cookie", word).is_ok()),
    ("agent/1.0", |word| {
        let client = Client::builder().user_agent(word.to_owned()).build();
        client.request("ws://localhost/").is_ok()
    }),
    ("user", |word| basic_credentials(word, "password").is_ok()),
];

/// Whether a server takes the word.
const OF_SERVERS: [Setter; 7] = [
    ("server/1.0", |word| {
        Server::builder().server_header(word.to_owned()).is_ok()
    }),
    ("subprotocol", |word| {
        Server::builder().subprotocols([word]).is_ok()
    }),
    ("https://origin.example", |word| {
        Server::builder().allow_origin(word).is_ok()
    }),
    ("subprotocol", |word| {
        Accept::default().subprotocol(word).is_ok()
    }),
    ("value", |word| {
        Accept::default().header("X-Name", word).is_ok()
    }),
    ("name", |word| {
        Response::new(404)
            .expect("a status")
            .header(word, "value")
            .is_ok()
    }),
    ("value", |word| {
        Response::new(404)
            .expect("a status")
            .header("X-Name", word)
            .is_ok()
    }),
];

/// Whether a place to go to takes the word, in any of its parts.
const OF_PLACES: [Setter; 11] = [
    ("ws", |word| {
        Uri::parse(&format!("{word}://localhost/")).is_ok()
    }),
    ("localhost", |word| {
        Uri::parse(&format!("ws://{word}/")).is_ok()
    }),
    ("8080", |word| {
        Uri::parse(&format!("ws://localhost:{word}/")).is_ok()
    }),
    ("path", |word| {
        Uri::parse(&format!("ws://localhost/{word}")).is_ok()
    }),
    ("query", |word| {
        Uri::parse(&format!("ws://localhost/?{word}")).is_ok()
    }),
    ("path", |word| {
        Uri::parse(&format!("ws+unix:/tmp/socket:/{word}")).is_ok()
    }),
    ("user", |word| {
        Proxy::parse(&format!("http://{word}:password@proxy/")).is_ok()
    }),
    ("password", |word| {
        Proxy::parse(&format!("http://user:{word}@proxy/")).is_ok()
    }),
    ("proxy", |word| {
        Proxy::parse(&format!("socks5://{word}/")).is_ok()
    }),
    ("user", |word| {
        let proxy = Proxy::parse("http://proxy/").expect("a proxy");
        proxy.basic_auth(word, "password").is_ok()
    }),
    ("server.example", |word| {
        Tls::client().server_name(word).is_ok()
    }),
];

#[test]
fn no_setter_takes_the_end_of_a_line() {
    for (good, takes) in OF_CLIENTS.iter().chain(&OF_SERVERS).chain(&OF_PLACES) {
        assert!(takes(good), "{good:?}");
        for word in broken(good) {
            assert!(!takes(&word), "{word:?}");
        }
    }
}

#[test]
fn encoded_ends_of_lines_stay_encoded() {
    let uri = Uri::parse("ws://localhost/a%0D%0AX-Injected:1?%0d%0a").expect("a URI");
    assert_eq!(uri.target(), "/a%0D%0AX-Injected:1?%0d%0a");
    Uri::parse("ws://local%0d%0ahost/").expect_err("a name has nothing to hide");
    Proxy::parse("http://user%0d%0a:password@proxy/").expect_err("it would be decoded");
}

#[test]
fn a_space_is_in_no_part_of_a_request_line() {
    for uri in [
        "ws://localhost/a b",
        "ws://localhost/?a b",
        "ws://local host/",
        "ws://localhost /",
        " ws://localhost/",
        "ws://localhost/ ",
        "ws://localhost/\u{a0}",
        "ws://localhost/\u{2028}",
        "ws://good.example\\@evil.example/",
        "ws://good.example\\.evil.example/",
    ] {
        let error = Client::new().request(uri).expect_err(uri);
        assert!(matches!(error, InvalidRequest::Uri(_)), "{error}");
    }
}
