//! Messages as their users make and take them apart.

use bowsprit_proto::{Kind, Message, MessageRef, Prepared, Text};
use bytes::Bytes;

#[test]
fn text_is_made_of_whatever_holds_text() {
    let expected = Message::text("ahoy");
    let made: [Message; 4] = [
        "ahoy".into(),
        String::from("ahoy").into(),
        Text::from("ahoy").into(),
        MessageRef::from("ahoy").into(),
    ];
    for message in made {
        assert_eq!(message, expected);
        assert_eq!(message.kind(), Kind::Text);
        assert_eq!(message.as_text(), Some("ahoy"));
        assert_eq!(MessageRef::from(&message).as_text(), Some("ahoy"));
        assert_eq!(message.as_bytes(), b"ahoy");
        assert_eq!(message.into_bytes(), "ahoy");
    }
}

#[test]
fn binary_is_made_of_whatever_holds_bytes() {
    let expected = Message::binary(&b"\0\xff"[..]);
    let made: [Message; 5] = [
        b"\0\xff".into(),
        b"\0\xff".as_slice().into(),
        vec![0, 0xff].into(),
        Bytes::from_static(b"\0\xff").into(),
        MessageRef::from(&b"\0\xff"[..]).into(),
    ];
    for message in made {
        assert_eq!(message, expected);
        assert_eq!(message.kind(), Kind::Binary);
        assert_eq!(message.as_text(), None);
        assert_eq!(MessageRef::from(&message).as_text(), None);
        assert_eq!(message.into_bytes(), &b"\0\xff"[..]);
    }
}

#[test]
fn text_behaves_as_the_string_that_it_is() {
    const AHOY: Text = Text::from_static("ahoy");
    assert_eq!(AHOY, *"ahoy");
    assert_eq!(AHOY, "ahoy");
    assert_ne!(AHOY, *"avast");
    assert_ne!(AHOY, "avast");
    assert_eq!(AHOY.as_str(), "ahoy");
    assert_eq!(AHOY.as_ref(), "ahoy");
    assert_eq!(AHOY.len(), 4);
    assert_eq!(format!("{AHOY} {AHOY:?}"), r#"ahoy "ahoy""#);
    assert_eq!(AHOY.into_string(), "ahoy");
    assert_eq!(Text::from(String::from("ahoy")).into_bytes(), "ahoy");
    assert_eq!(Text::from_utf8(Bytes::from_static(b"ahoy")), Some(AHOY));
    assert_eq!(Text::from_utf8(Bytes::from_static(b"\xff")), None);
}

#[test]
fn a_prepared_message_is_made_of_whatever_makes_a_message() {
    let prepared = Prepared::from("ahoy");
    assert_eq!(prepared.message(), &Message::text("ahoy"));
    assert_eq!(format!("{prepared:?}"), r#"Prepared(Text("ahoy"))"#);
}
