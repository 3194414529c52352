//! Servers that send a client elsewhere: off unless asked for, with a limit, and without credentials.

use bowsprit::{
    Client, ConnectError, Server,
    proto::handshake::{HandshakeError, InvalidRedirect},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinHandle};

use super::support::{echo, listen, read_head, run, within};

/// Answers so many requests with a redirection, and returns their heads.
fn redirect(listener: TcpListener, times: usize, location: String) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut heads = Vec::new();
        for _ in 0..times {
            let (mut socket, _) = listener.accept().await.expect("a client");
            heads.push(read_head(&mut socket).await);
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 5\r\n\r\nthere"
            );
            socket.write_all(answer.as_bytes()).await.expect("a write");
        }
        heads
    })
}

#[tokio::test]
async fn no_redirection_is_followed_unless_asked_for() {
    let (listener, uri) = listen().await;
    let heads = redirect(listener, 1, "/elsewhere".into());
    let request = Client::new().request(&uri).expect("a URI");
    let error = within(request.connect()).await.expect_err("a redirection");
    assert_eq!(error.to_string(), "server answered with HTTP 302 Found");
    let location = error.response().and_then(|head| head.header("location"));
    assert_eq!(location, Some("/elsewhere"));
    assert_eq!(heads.await.expect("a server").len(), 1);
}

#[tokio::test]
async fn follows_to_another_server_and_leaves_the_credentials_behind() {
    let telling = run(Server::builder(), || {
        bowsprit::Handlers::new().on_open(|cx| {
            let header = |name: &str| cx.info().request_header(name).unwrap_or("none").to_owned();
            let told = ["authorization", "cookie", "x-client"]
                .map(header)
                .join(" ");
            cx.send(told.as_str()).expect("room");
        })
    })
    .await;
    let (listener, uri) = listen().await;
    let heads = redirect(listener, 1, telling.uri.replace("ws:", "http:"));
    let request = Client::builder().redirects(1).build().request(&uri);
    let request = request
        .and_then(|request| request.bearer("secret"))
        .and_then(|request| request.cookie("session", "secret"))
        .and_then(|request| request.header("X-Client", "mine"))
        .expect("a request");
    let mut ws = within(request.connect()).await.expect("a connection");
    assert_eq!(ws.info().uri(), telling.uri);
    let told = within(ws.recv())
        .await
        .expect("no error")
        .expect("a message");
    assert_eq!(told.as_text(), Some("none none mine"));
    let first = heads.await.expect("a server").concat();
    assert!(
        first.contains("Authorization: Bearer secret\r\n"),
        "{first}"
    );
    assert!(first.contains("Cookie: session=secret\r\n"), "{first}");
}

#[tokio::test]
async fn a_loop_ends_at_the_limit() {
    let (listener, uri) = listen().await;
    let heads = redirect(listener, 4, "/again".into());
    let request = Client::new().request(&uri).expect("a URI").redirects(3);
    let request = request.basic_auth("user", "pass").expect("a user");
    let error = within(request.connect()).await.expect_err("a loop");
    assert!(
        matches!(error, ConnectError::TooManyRedirects { limit: 3 }),
        "{error}"
    );
    assert_eq!(error.to_string(), "redirected more than 3 times in a row");
    let heads = heads.await.expect("a server");
    assert_eq!(heads.len(), 4);
    // The same origin keeps its credentials.
    assert!(
        heads
            .iter()
            .all(|head| head.contains("Authorization: Basic "))
    );
    assert!(heads[3].starts_with("GET /again HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_redirection_to_nowhere_names_its_fault() {
    let (listener, uri) = listen().await;
    redirect(listener, 1, "ftp://example.com/".into());
    let request = Client::new().request(&uri).expect("a URI").redirects(3);
    let error = within(request.connect()).await.expect_err("no such scheme");
    let ConnectError::Redirect(InvalidRedirect::Scheme(scheme)) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(scheme, "ftp");
}

#[tokio::test]
async fn other_answers_and_connections_that_open_are_as_without_redirections() {
    let echo = echo().await;
    let client = Client::builder().redirects(3).build();
    let request = client.request(&echo.uri).expect("a URI");
    within(request.connect()).await.expect("a connection");

    let (listener, uri) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        read_head(&mut socket).await;
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        socket.write_all(answer).await.expect("a write");
    });
    let error = within(client.request(&uri).expect("a URI").connect()).await;
    let error = error.expect_err("a refusal");
    let is_refusal = matches!(
        &error,
        ConnectError::Handshake {
            error: HandshakeError::Status(403),
            ..
        }
    );
    assert!(is_refusal, "{error:?}");
}
