//! RFC 7692 §5 and §7.1, negotiation of permessage-deflate.

use bowsprit_proto::{
    Deflate, DeflateParams,
    handshake::{
        HandshakeError::{self, InvalidExtensions, UnacceptableExtension, UnrequestedExtension},
        accept_value,
    },
};

use crate::deflate_support::{agree, client, extensions, serve};

/// What was agreed on, as `(server, client)` window bits, an `n` where there is no context takeover.
fn brief(params: Option<DeflateParams>) -> String {
    params.map_or_else(
        || "none".into(),
        |params| {
            let mark = |is_set| if is_set { "n" } else { "" };
            format!(
                "{}{} {}{}",
                params.server_max_window_bits,
                mark(params.server_no_context_takeover),
                params.client_max_window_bits,
                mark(params.client_no_context_takeover),
            )
        },
    )
}

/// Context takeover of the server and of the client, and their windows.
fn settings(server: (bool, u8), client: (bool, u8)) -> Deflate {
    let mut settings = Deflate::shared();
    (
        settings.server_context_takeover,
        settings.server_max_window_bits,
    ) = server;
    (
        settings.client_context_takeover,
        settings.client_max_window_bits,
    ) = client;
    settings
}

/// Agrees to whatever is offered.
fn free() -> Deflate {
    settings((true, 15), (true, 15))
}

/// A request with these lines of offers.
fn request(lines: &[&str]) -> Vec<u8> {
    let mut head = String::from(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    );
    for line in lines {
        head += &format!("Sec-WebSocket-Extensions: {line}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// What a server makes of these lines, and the line that it answers with.
fn served(settings: Deflate, lines: &[&str]) -> Result<(String, Option<String>), HandshakeError> {
    let (agreed, answer) = serve(Some(settings), &request(lines))?;
    let mut extensions = extensions(&answer);
    assert!(extensions.len() <= 1, "{extensions:?}");
    Ok((brief(agreed.deflate), extensions.pop()))
}

/// What a client makes of an answer with these lines.
fn answered(settings: Option<Deflate>, lines: &[&str]) -> Result<String, HandshakeError> {
    let mut client = client(settings);
    let key = "BwcHBwcHBwcHBwcHBwcHBw==";
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accept_value(key)
    );
    for line in lines {
        head += &format!("Sec-WebSocket-Extensions: {line}\r\n");
    }
    head += "\r\n";
    let agreed = client.receive(&mut head.as_bytes())?;
    Ok(brief(agreed.expect("the whole answer").deflate))
}

/// What is offered, and what comes of it and is answered: where anything is welcome, and where the
/// server has settings of its own.
const OFFERS: [(&str, &str, &str, &str, &str); 11] = [
    (
        "",
        "15 15",
        "",
        "12n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    (
        "; server_no_context_takeover",
        "15n 15",
        "; server_no_context_takeover",
        "12n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    (
        "; client_no_context_takeover",
        "15 15n",
        "; client_no_context_takeover",
        "12n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    (
        "; server_max_window_bits=9",
        "9 15",
        "; server_max_window_bits=9",
        "9n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
    ),
    (
        "; server_max_window_bits=12",
        "12 15",
        "; server_max_window_bits=12",
        "12n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    (
        "; server_max_window_bits=15",
        "15 15",
        "; server_max_window_bits=15",
        "12n 15n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    (
        "; client_max_window_bits",
        "15 15",
        "",
        "12n 11n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11",
    ),
    (
        "; client_max_window_bits=15",
        "15 15",
        "",
        "12n 11n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11",
    ),
    (
        "; client_max_window_bits=10",
        "15 10",
        "; client_max_window_bits=10",
        "12n 10n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=10",
    ),
    (
        "; client_max_window_bits=8",
        "15 8",
        "; client_max_window_bits=8",
        "12n 8n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=8",
    ),
    (
        "; client_max_window_bits=\"10\";server_max_window_bits = \"1\\0\" ; client_no_context_takeover ;server_no_context_takeover",
        "10n 10n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10",
        "10n 10n",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10",
    ),
];

#[test]
fn answers_each_offer_with_what_it_may_have() {
    let own = settings((false, 12), (false, 11));
    for (offer, params, answer, own_params, own_answer) in OFFERS {
        let offer = format!("permessage-deflate{offer}");
        let expect = |params: &str, answer: &str| {
            let answer = format!("permessage-deflate{answer}");
            Ok((params.to_owned(), Some(answer)))
        };
        assert_eq!(served(free(), &[&offer]), expect(params, answer), "{offer}");
        let expected = expect(own_params, own_answer);
        assert_eq!(served(own, &[&offer]), expected, "{offer}");
    }
}

/// §7.1.2.2: it cannot be told to. So that the server need not remember more than it wants to, it is told
/// to do without context takeover.
#[test]
fn asks_no_context_of_a_client_that_cannot_keep_to_the_window() {
    let own = settings((true, 15), (true, 12));
    let expect = |params: &str, answer: &str| Ok((params.to_owned(), Some(answer.to_owned())));
    assert_eq!(
        served(own, &["permessage-deflate"]),
        expect("15 15n", "permessage-deflate; client_no_context_takeover")
    );
    assert_eq!(
        served(own, &["permessage-deflate; client_max_window_bits"]),
        expect("15 12", "permessage-deflate; client_max_window_bits=12")
    );
}

/// §7.1: parameters that a server must not accept.
const DECLINED: &[&str] = &[
    "; server_max_window_bits",
    "; server_max_window_bits=0",
    "; server_max_window_bits=7",
    "; server_max_window_bits=8",
    "; server_max_window_bits=16",
    "; server_max_window_bits=08",
    "; server_max_window_bits=09",
    "; server_max_window_bits=015",
    "; server_max_window_bits=+9",
    "; server_max_window_bits=-9",
    "; server_max_window_bits=9.0",
    "; server_max_window_bits=0x9",
    "; server_max_window_bits=256",
    "; server_max_window_bits=265",
    "; server_max_window_bits=99999999999999999999999",
    "; server_max_window_bits=ten",
    "; client_max_window_bits=0",
    "; client_max_window_bits=7",
    "; client_max_window_bits=16",
    "; client_max_window_bits=08",
    "; client_max_window_bits=\"08\"",
    "; client_max_window_bits=+8",
    "; client_max_window_bits=271",
    "; server_no_context_takeover=1",
    "; server_no_context_takeover=true",
    "; client_no_context_takeover=\"1\"",
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=10; server_max_window_bits=10",
    "; server_max_window_bits=10; server_max_window_bits=11",
    "; client_max_window_bits; client_max_window_bits",
    "; client_max_window_bits; client_max_window_bits=10",
    "; client_max_window_bits=10; client_max_window_bits",
    "; unknown",
    "; unknown=1",
    "; server_no_context_takeover; unknown",
    "; Server_No_Context_Takeover",
    "; SERVER_MAX_WINDOW_BITS=10",
    "; server_max_window_bit=10",
    "; permessage-deflate",
];

#[test]
fn declines_an_offer_with_a_parameter_that_it_may_not_accept() {
    for parameters in DECLINED {
        let offer = format!("permessage-deflate{parameters}");
        assert_eq!(
            served(free(), &[&offer]),
            Ok(("none".into(), None)),
            "{offer}"
        );
        // The second choice is as good as if it were the only one.
        let accepted = Ok((
            "10 15".into(),
            Some("permessage-deflate; server_max_window_bits=10".into()),
        ));
        let second = "permessage-deflate; server_max_window_bits=10";
        let one_line = format!("{offer}, {second}, permessage-deflate");
        assert_eq!(served(free(), &[&one_line]), accepted, "{offer}");
        assert_eq!(served(free(), &[&offer, second]), accepted, "{offer}");
    }
}

#[test]
fn refuses_a_request_whose_offers_are_no_list_of_extensions() {
    for parameters in [
        "; server_max_window_bits=",
        "; server_max_window_bits=\"\"",
        "; server_max_window_bits=\"9 \"",
        "; server_max_window_bits=\" 9\"",
        "; server_max_window_bits=\"9",
        "; server_max_window_bits=9 9",
        "; server_max_window_bits=10=10",
        "; server_max_window_bits=(9)",
        ";",
        ";;",
        "; ; server_no_context_takeover",
        "; =9",
        " server_no_context_takeover",
        "/1",
    ] {
        let offer = format!("permessage-deflate{parameters}");
        let expected = Err(InvalidExtensions(offer.clone()));
        assert_eq!(served(free(), &[&offer]), expected, "{offer}");
        assert_eq!(served(free(), &["permessage-deflate", &offer]), expected);
        let expected = Err(InvalidExtensions(offer.clone()));
        assert_eq!(answered(Some(Deflate::shared()), &[&offer]), expected);
    }
}

#[test]
fn finds_the_first_good_offer_among_everything_else() {
    let ten = "permessage-deflate; server_max_window_bits=10";
    let eleven = "permessage-deflate; server_max_window_bits=11";
    let table: &[(&[&str], &str)] = &[
        (&[], "none"),
        (&["x-webkit-deflate-frame"], "none"),
        (&["Permessage-Deflate"], "none"),
        (
            &["PERMESSAGE-DEFLATE; server_max_window_bits=9", ten],
            "10 15",
        ),
        (&["permessage-deflate2"], "none"),
        (&["permessage"], "none"),
        (&["x; permessage-deflate"], "none"),
        (&["x; y=permessage-deflate, z"], "none"),
        (
            &["x; y=\"permessage-deflate\", permessage-bzip2", ten],
            "10 15",
        ),
        (&[ten, eleven], "10 15"),
        (&[eleven, ten], "11 15"),
        (
            &[", ,, permessage-deflate; server_max_window_bits=10,,"],
            "10 15",
        ),
        (
            &[",permessage-deflate;\tserver_max_window_bits\t=\t10\t,"],
            "10 15",
        ),
        (
            &["permessage-deflate;server_max_window_bits=10,permessage-deflate"],
            "10 15",
        ),
        (
            &["a; b=c", "permessage-deflate; unknown, d", eleven, ten],
            "11 15",
        ),
    ];
    for (lines, expected) in table {
        let (params, answer) = served(free(), lines).expect("sound offers");
        assert_eq!(params, *expected, "{lines:?}");
        assert_eq!(answer.is_some(), params != "none", "{lines:?}");
    }
}

#[test]
fn says_nothing_of_extensions_where_compression_is_off() {
    let (agreed, answer) = serve(None, &request(&["permessage-deflate"])).expect("a sound request");
    assert_eq!(agreed.deflate, None);
    assert_eq!(extensions(&answer), [""; 0]);
    assert_eq!(extensions(client(None).request_bytes()), [""; 0]);
    for (ours, theirs) in [
        (None, None),
        (Some(Deflate::shared()), None),
        (None, Some(Deflate::shared())),
    ] {
        let (client, server) = agree(ours, theirs);
        assert_eq!((client.deflate, server.deflate), (None, None));
    }
}

#[test]
fn offers_what_it_wants_first_and_what_it_would_take_second() {
    let table = [
        (((true, 15), (true, 15)), "; client_max_window_bits", ""),
        (
            ((true, 15), (true, 12)),
            "; client_max_window_bits=12",
            "; client_max_window_bits",
        ),
        (
            ((true, 15), (true, 9)),
            "; client_max_window_bits=9",
            "; client_max_window_bits",
        ),
        (
            ((true, 12), (true, 15)),
            "; server_max_window_bits=12; client_max_window_bits",
            "; client_max_window_bits",
        ),
        (
            ((false, 15), (true, 15)),
            "; server_no_context_takeover; client_max_window_bits",
            "; client_max_window_bits",
        ),
        (
            ((true, 15), (false, 15)),
            "; client_no_context_takeover; client_max_window_bits",
            "",
        ),
        (
            ((false, 9), (false, 10)),
            "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10",
            "; client_max_window_bits",
        ),
        // Out of range: the next that is in it.
        (
            ((true, 8), (true, 0)),
            "; server_max_window_bits=9; client_max_window_bits=9",
            "; client_max_window_bits",
        ),
        (((true, 16), (true, 255)), "; client_max_window_bits", ""),
    ];
    for ((server, own), first, second) in table {
        let mut settings = settings(server, own);
        let expected = match second {
            "" => format!("permessage-deflate{first}"),
            second => format!("permessage-deflate{first}, permessage-deflate{second}"),
        };
        assert_eq!(
            extensions(client(Some(settings)).request_bytes()),
            [expected]
        );
        settings.fallback = false;
        let expected = format!("permessage-deflate{first}");
        assert_eq!(
            extensions(client(Some(settings)).request_bytes()),
            [expected]
        );
    }
}

#[test]
fn takes_an_answer_that_keeps_to_an_offer() {
    let wants = |fallback| {
        let mut settings = settings((false, 12), (true, 11));
        settings.fallback = fallback;
        settings
    };
    // What the answer says, and what it comes to: where it is the first choice, and where it is not.
    let table = [
        (
            "; server_no_context_takeover; server_max_window_bits=12",
            Some("12n 11"),
            "12n 11",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=9",
            Some("9n 11"),
            "9n 11",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=8",
            Some("8n 11"),
            "8n 11",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=12; client_no_context_takeover",
            Some("12n 11n"),
            "12n 11n",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11",
            Some("12n 11"),
            "12n 11",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=\"10\"; client_max_window_bits=9",
            Some("10n 9"),
            "10n 9",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=8",
            Some("12n 8"),
            "12n 8",
        ),
        // §7.1.2.2: a hint that the server may pass over; the client keeps to its own word.
        (
            "; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=15",
            Some("12n 11"),
            "12n 11",
        ),
        ("", None, "15 11"),
        ("; server_no_context_takeover", None, "15n 11"),
        ("; server_max_window_bits=12", None, "12 11"),
        (
            "; server_no_context_takeover; server_max_window_bits=13",
            None,
            "13n 11",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits=10",
            None,
            "15n 10",
        ),
        ("; client_max_window_bits=15", None, "15 11"),
        (
            "; client_no_context_takeover; client_max_window_bits=12",
            None,
            "15 11n",
        ),
    ];
    for (parameters, strict, lenient) in table {
        let line = format!("permessage-deflate{parameters}");
        assert_eq!(
            answered(Some(wants(true)), &[&line]),
            Ok(lenient.into()),
            "{line}"
        );
        let refused = || UnacceptableExtension(line.clone());
        let strict = strict.map(str::to_owned).ok_or_else(refused);
        assert_eq!(answered(Some(wants(false)), &[&line]), strict, "{line}");
    }
    for wants in [wants(true), wants(false)] {
        assert_eq!(answered(Some(wants), &[]), Ok("none".into()), "declined");
    }
}

#[test]
fn fails_on_an_answer_with_a_parameter_that_it_may_not_have() {
    let in_answers_only = [
        "; client_max_window_bits",
        "; client_max_window_bits; server_no_context_takeover",
    ];
    for parameters in DECLINED.iter().chain(&in_answers_only) {
        // A window of 256 bytes is fine for whoever has to inflate it.
        if parameters.ends_with("server_max_window_bits=8") {
            continue;
        }
        let line = format!("permessage-deflate{parameters}");
        let refused = Err(UnacceptableExtension(line.clone()));
        for wants in [free(), Deflate::shared()] {
            assert_eq!(answered(Some(wants), &[&line]), refused, "{line}");
        }
    }
}

#[test]
fn fails_on_an_answer_with_more_than_it_asked_for() {
    let settings = Some(Deflate::shared());
    let deflate = "permessage-deflate";
    let twice = "permessage-deflate, permessage-deflate";
    assert_eq!(answered(settings, &[deflate]), Ok("15 15n".into()));
    assert_eq!(
        answered(settings, &[", permessage-deflate ,"]),
        Ok("15 15n".into())
    );
    let refused = |line: &str| Err(UnacceptableExtension(line.into()));
    assert_eq!(answered(settings, &[twice]), refused(twice));
    assert_eq!(answered(settings, &[deflate, deflate]), refused(deflate));
    let unrequested = |name: &str| Err(UnrequestedExtension(name.into()));
    assert_eq!(
        answered(settings, &["permessage-deflate, x"]),
        unrequested("x")
    );
    assert_eq!(answered(settings, &[deflate, "x; y"]), unrequested("x"));
    assert_eq!(
        answered(settings, &["Permessage-Deflate"]),
        unrequested("Permessage-Deflate")
    );
    assert_eq!(
        answered(settings, &["permessage-deflate2"]),
        unrequested("permessage-deflate2")
    );
    assert_eq!(answered(None, &[deflate]), unrequested(deflate));
    assert_eq!(
        answered(settings, &[""]),
        Err(InvalidExtensions(String::new()))
    );
}

#[test]
fn both_ends_know_the_same_and_each_gets_what_it_asks_for() {
    let windows = [9, 12, 15];
    let all: Vec<Deflate> = (0..36)
        .map(|n: usize| {
            let (server, client) = (windows[n / 4 % 3], windows[n / 12]);
            settings((n & 1 == 0, server), (n & 2 == 0, client))
        })
        .collect();
    for (ours, theirs) in all
        .iter()
        .flat_map(|ours| all.iter().map(move |theirs| (ours, theirs)))
    {
        let (client, server) = agree(Some(*ours), Some(*theirs));
        let (client, server) = (
            client.deflate.expect("agreed"),
            server.deflate.expect("agreed"),
        );
        assert_eq!(client, server, "{ours:?} {theirs:?}");
        let takeover = [
            (
                client.server_no_context_takeover,
                ours.server_context_takeover && theirs.server_context_takeover,
            ),
            (
                client.client_no_context_takeover,
                ours.client_context_takeover && theirs.client_context_takeover,
            ),
        ];
        for (is_refused, is_wanted) in takeover {
            assert_eq!(is_refused, !is_wanted, "{ours:?} {theirs:?}");
        }
        let bits = ours
            .server_max_window_bits
            .min(theirs.server_max_window_bits);
        assert_eq!(client.server_max_window_bits, bits);
        let bits = ours
            .client_max_window_bits
            .min(theirs.client_max_window_bits);
        assert_eq!(client.client_max_window_bits, bits);
    }
}
