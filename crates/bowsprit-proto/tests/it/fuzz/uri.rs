//! Any text as a URI: what is taken says the same when it is read again, and nothing in it can break out of the
//! request.

use bowsprit_proto::{
    Config, Uri,
    handshake::{ClientHandshake, Request},
};

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(uri) = Uri::parse(&text) else { return };
    let again = uri.to_string();
    assert_eq!(Uri::parse(&again).as_ref(), Ok(&uri), "{again}");
    for part in [uri.authority().as_str(), uri.target(), &again] {
        assert!(
            part.bytes().all(|byte| (0x21..=0x7E).contains(&byte)),
            "{part:?}"
        );
        assert!(!part.contains('#'));
    }
    assert!(uri.target().starts_with('/'));
    assert!(!uri.authority().contains(['@', '/', '?']));
    let client = ClientHandshake::new(&Request::new(uri), [7; 16], &Config::client());
    let request = String::from_utf8(client.request_bytes().to_vec()).expect("a head in ASCII");
    assert_eq!(request.matches("\r\n\r\n").count(), 1);
    let (first, _) = request.split_once("\r\n").expect("a line");
    assert_eq!(first.split(' ').count(), 3, "{first:?}");
}
