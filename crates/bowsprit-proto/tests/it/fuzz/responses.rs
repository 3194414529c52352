//! Any bytes where the answer to a request should be: the reads make no difference, and a connection opens only for
//! the right accept value.

use bowsprit_proto::{
    Config, Deflate, Uri,
    handshake::{Agreed, ClientHandshake, HandshakeError, Request, accept_value},
};

use super::{input::Input, requests::whatever_was_read};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut config = Config::client();
    let has_deflate = input.byte() % 2 == 1;
    config.deflate = has_deflate.then(Deflate::dedicated);
    let reads = input.reads();
    let answer = input.rest();
    let mut request = Request::new(Uri::parse("wss://user.example/chat?a=1").expect("a URI"));
    request.subprotocol("chat").expect("a token");
    request.bearer("secret").expect("a token");
    let (client, verdict, used) = judged(&request, &config, answer, &[usize::MAX]);
    for reads in [&reads[..], &[1]] {
        let (_, other, others) = judged(&request, &config, answer, reads);
        assert_eq!((&other, others), (&verdict, used), "in reads of {reads:?}");
    }
    if let Ok(Some(agreed)) = &verdict {
        check_open(agreed, &answer[..used], has_deflate);
    }
    if let Some(head) = client.response() {
        check_redirection(&request, &client);
        assert!((100..=999).contains(&head.status()));
        assert!(
            head.headers()
                .all(|(_, value)| !value.contains(['\r', '\n', '\0']))
        );
    }
}

type Verdict = Result<Option<Agreed>, HandshakeError>;

fn judged(
    request: &Request,
    config: &Config,
    answer: &[u8],
    reads: &[usize],
) -> (ClientHandshake, Verdict, usize) {
    let mut client = ClientHandshake::new(request, [7; 16], config);
    let mut verdict = Ok(None);
    let mut rest = answer;
    for read in reads.iter().cycle() {
        let now = rest.len().min(*read);
        let mut given = &rest[..now];
        verdict = client.receive(&mut given);
        rest = &rest[now - given.len()..];
        if rest.is_empty() || !matches!(verdict, Ok(None)) {
            break;
        }
    }
    // What is left after an error is nobody's.
    let used = if verdict.is_ok() {
        answer.len() - rest.len()
    } else {
        0
    };
    (client, verdict.map_err(whatever_was_read), used)
}

fn check_open(agreed: &Agreed, head: &[u8], has_deflate: bool) {
    let text = String::from_utf8_lossy(head);
    // The key of the nonce above.
    assert!(text.contains(&accept_value("BwcHBwcHBwcHBwcHBwcHBw==")));
    assert!(text.starts_with("HTTP/1.1 101"));
    assert!(
        agreed
            .subprotocol
            .as_deref()
            .is_none_or(|chosen| chosen == "chat")
    );
    if let Some(params) = &agreed.deflate {
        assert!(has_deflate, "nothing was offered");
        for bits in [params.server_max_window_bits, params.client_max_window_bits] {
            assert!((8..=15).contains(&bits));
        }
    }
}

/// Never in the clear, and never with the credentials to somebody else.
fn check_redirection(request: &Request, client: &ClientHandshake) {
    let next = client.response().and_then(|head| request.redirected(head));
    let Some(Ok(next)) = next else { return };
    assert!(next.uri().is_secure());
    let is_same = next.uri().authority() == request.uri().authority();
    let has_token = next
        .headers()
        .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    assert!(is_same || !has_token, "the token goes to {}", next.uri());
}
