//! RFC 7617, RFC 6750, RFC 6265 §4.1: who a client says that it is.

use bowsprit_proto::{
    Uri,
    handshake::{InvalidRequest, Request},
};

fn request() -> Request {
    Request::new(Uri::parse("wss://example.com/").expect("a URI"))
}

fn header<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let lines = request.headers().filter(|(other, _)| *other == name);
    lines.map(|(_, value)| value).collect()
}

#[test]
fn sends_a_user_and_a_password_in_base64() {
    let mut request = request();
    request.basic_auth("", "").expect("both may be empty");
    request
        .basic_auth("test", "123\u{a3}:x")
        .expect("other than ASCII, and a colon in the password");
    assert_eq!(
        header(&request, "Authorization"),
        ["Basic dGVzdDoxMjPCozp4"]
    );
}

#[test]
fn the_last_way_to_authorize_counts() {
    let mut request = request();
    request.basic_auth("user", "secret").expect("a user");
    request.bearer("abc.def-123_~+/==").expect("a token");
    assert_eq!(
        header(&request, "Authorization"),
        ["Bearer abc.def-123_~+/=="]
    );
}

#[test]
fn joins_all_cookies_in_one_header() {
    let mut request = request();
    request.header("cookie", "before=1").expect("a header");
    request.cookie("a", "").expect("an empty cookie");
    request.cookie("b", "\"quoted\"").expect("a quoted cookie");
    assert_eq!(header(&request, "Cookie"), [r#"before=1; a=; b="quoted""#]);
}

#[test]
fn refuses_what_would_smuggle_something_in() {
    for (user, password) in [("a\r\nX", ""), ("a", "b\n"), ("a\0", "b")] {
        let refused = request().basic_auth(user, password).map(drop);
        assert!(
            matches!(refused, Err(InvalidRequest::HeaderValue { .. })),
            "{user:?} {password:?}: {refused:?}"
        );
    }
    let colon = request().basic_auth("a:b", "c").map(drop);
    assert_eq!(colon, Err(InvalidRequest::UserName));
    for token in ["", "two words", "a\r\nX: 1", "t\u{f6}ken"] {
        assert_eq!(
            request().bearer(token).map(drop),
            Err(InvalidRequest::Token),
            "{token:?}"
        );
    }
    for (name, value) in [
        ("", "1"),
        ("a b", "1"),
        ("a=b", "1"),
        ("a", "1; admin=1"),
        ("a", "1,2"),
        ("a", "x\r\nX: 1"),
        ("a", "\"half"),
        ("a", "back\\slash"),
        ("a", "\u{fc}"),
    ] {
        let refused = request().cookie(name, value).map(drop);
        assert_eq!(
            refused,
            Err(InvalidRequest::Cookie(name.to_owned())),
            "{name:?} {value:?}"
        );
    }
}

#[test]
fn errors_and_debug_output_repeat_no_secret() {
    let mut request = request();
    request.basic_auth("user", "hunter2").expect("a user");
    request.cookie("session", "hunter2").expect("a cookie");
    let error = request
        .bearer("hunter2\n")
        .map(drop)
        .expect_err("a control character");
    let cookie = request
        .cookie("a", "hunter2;")
        .map(drop)
        .expect_err("a semicolon");
    let told = format!("{request:?} {error} {error:?} {cookie} {cookie:?}");
    assert!(
        !told.contains("hunter2") && !told.contains("aHVudGVyMg"),
        "{told}"
    );
}
