//! HAR files: what a record becomes, and what of a browser's is played.

use std::fs;

use crate::recording::{Folder, echo_uri, text};
use crate::support::{Program, run, serve};

#[test]
fn writes_what_browsers_write() {
    let folder = Folder::new();
    let (path, har) = (folder.file("s.jsonl"), folder.file("s.har"));
    let uri = echo_uri();
    let script = format!(
        "connect --cookie a=s3cret {uri}/x?room=1&token=s3cret\nsend 0 hi\nwait 0 message\nsend 0 --hex 00ff\n\
         wait 0 message\nclose 0 4001 bye\nconnect ws://127.0.0.1:1/\n"
    );
    run(&["--record", &path], script);
    let outcome = run(&["replay", &path, "--export", &har], "");
    assert_eq!(
        (outcome.status, outcome.stdout.as_str()),
        (Some(0), ""),
        "{}",
        outcome.stderr
    );
    let written: String = text(&har).lines().map(str::trim).collect();
    for part in [
        r#"{"log": {"version": "1.2","creator": {"name": "bowsprit","#,
        r#""_resourceType": "websocket","#,
        r#""queryString": [{"name": "room","value": "1"},{"name": "token","value": "***"}]"#,
        r#""cookies": [{"name": "a","value": "***"}]"#,
        r#""status": 101,"statusText": "Switching Protocols","httpVersion": "HTTP/1.1","#,
        r#""type": "send","time": 1"#,
        r#""opcode": 1,"data": "hi""#,
        r#""opcode": 2,"data": "AP8=""#,
        r#""_error": "connection refused (127.0.0.1:1)""#,
    ] {
        assert!(written.contains(part), "{part} is not in\n{written}");
    }
    assert!(!written.contains("s3cret"), "{written}");
    let again = run(&["replay", &path, "--export", &har], "");
    assert_eq!(again.status, Some(2));
    assert!(
        again.stderr.contains("s.har: file exists"),
        "{}",
        again.stderr
    );
    let other = run(&["replay", &path, "--export", &folder.file("s.txt")], "");
    assert!(
        other.stderr.contains("its name must end in .har or .jsonl"),
        "{}",
        other.stderr
    );
}

#[test]
fn loses_nothing_on_the_way_to_har_and_back() {
    let folder = Folder::new();
    let (path, har, back) = (
        folder.file("s.jsonl"),
        folder.file("s.har"),
        folder.file("b.jsonl"),
    );
    let uri = echo_uri();
    let script = format!(
        "connect {uri}/x\nsend 0 hi\nwait 0 message\nsend 0 --hex 00ff\nwait 0 message\nclose 0 4001 bye\n"
    );
    run(&["--record", &path], script);
    run(&["replay", &path, "--export", &har], "");
    let played = run(&["replay", &har, "--speed", "max"], "");
    assert_eq!(played.status, Some(0), "{}{}", played.stdout, played.stderr);
    assert!(played.lines()[0].starts_with("1 connection, 2 sent, 2 received: 2 as recorded"));
    run(&["replay", &har, "--export", &back], "");
    let messages = |path: &str| -> Vec<String> {
        let text = text(path);
        let lines = text
            .lines()
            .filter(|line| line.contains("\"message\"") || line.contains("\"close\""));
        lines
            .map(|line| line.split_once("\"event\"").expect("an event").1.to_owned())
            .collect()
    };
    assert_eq!(messages(&path).len(), 5);
    assert_eq!(messages(&path), messages(&back));
}

/// As Chromium's DevTools write it, but for the parts that nothing here reads.
const BROWSER: &str = r#"{
  "log": {
    "version": "1.2",
    "creator": { "name": "WebInspector", "version": "537.36" },
    "pages": [],
    "entries": [
      {
        "_connectionId": "11",
        "_initiator": { "type": "other" },
        "_priority": "High",
        "_resourceType": "document",
        "cache": {},
        "request": { "method": "GET", "url": "http://127.0.0.1/", "httpVersion": "HTTP/1.1", "headers": [], "queryString": [], "cookies": [], "headersSize": 10, "bodySize": 0 },
        "response": { "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [], "cookies": [], "content": { "size": 0, "mimeType": "text/html", "text": "x" }, "redirectURL": "", "headersSize": 10, "bodySize": 0, "_transferSize": 10, "_error": null },
        "startedDateTime": "2026-01-01T00:00:00.000Z",
        "time": 1.5,
        "timings": { "blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 0.2, "receive": 0.2 }
      },
      {
        "_initiator": { "type": "script", "stack": { "callFrames": [] } },
        "_priority": null,
        "_resourceType": "websocket",
        "_webSocketMessages": [
          { "type": "send", "time": 1767225601.25, "opcode": 1, "data": "hello" },
          { "type": "receive", "time": 1767225601.5, "opcode": 1, "data": "hello" },
          { "type": "send", "time": 1767225601.75, "opcode": 2, "data": "AP8=" },
          { "type": "receive", "time": 1767225602, "opcode": 2, "data": "AP8=" }
        ],
        "cache": {},
        "connection": "42",
        "request": {
          "method": "GET", "url": "ws://HOST/socket", "httpVersion": "HTTP/1.1",
          "headers": [
            { "name": "Accept-Encoding", "value": "gzip, deflate" },
            { "name": "Cache-Control", "value": "no-cache" },
            { "name": "Connection", "value": "Upgrade" },
            { "name": "Host", "value": "HOST" },
            { "name": "Origin", "value": "http://127.0.0.1" },
            { "name": "Sec-WebSocket-Extensions", "value": "permessage-deflate; client_max_window_bits" },
            { "name": "Sec-WebSocket-Key", "value": "dGhlIHNhbXBsZSBub25jZQ==" },
            { "name": "Sec-WebSocket-Version", "value": "13" },
            { "name": "Upgrade", "value": "websocket" },
            { "name": "User-Agent", "value": "Mozilla/5.0 (X11)" }
          ],
          "queryString": [], "cookies": [], "headersSize": 10, "bodySize": 0
        },
        "response": {
          "status": 101, "statusText": "Switching Protocols", "httpVersion": "HTTP/1.1",
          "headers": [
            { "name": "Connection", "value": "Upgrade" },
            { "name": "Sec-WebSocket-Accept", "value": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
            { "name": "Server", "value": "fixture/1" },
            { "name": "Upgrade", "value": "websocket" }
          ],
          "cookies": [], "content": { "size": 0, "mimeType": "x-unknown" },
          "redirectURL": "", "headersSize": 10, "bodySize": -1, "_transferSize": 0, "_error": null
        },
        "serverIPAddress": "",
        "startedDateTime": "2026-01-01T00:00:01.000Z",
        "time": 1003.5,
        "timings": { "blocked": -1, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": 0, "receive": 0 }
      }
    ]
  }
}"#;

#[test]
fn plays_what_a_browser_captured() {
    let (requests, request) = std::sync::mpsc::channel();
    let address = serve(move |mut peer| {
        let head = peer.request();
        peer.answer(&head, "");
        requests.send(head).expect("the test listens");
        while let Some((opcode, payload)) = peer.read() {
            peer.frame(0x80 | opcode, &payload);
        }
    });
    let folder = Folder::new();
    let path = folder.write("b.har", &BROWSER.replace("HOST", &address.to_string()));
    let outcome = run(&["replay", &path], "");
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    assert_eq!(
        outcome.lines()[0],
        "1 connection, 2 sent, 2 received: 2 as recorded, 0 different, 0 missing, 0 unexpected"
    );
    // The last message is a second after the start.
    assert!(outcome.took.as_millis() >= 900, "{:?}", outcome.took);
    let request = request.recv().expect("a request");
    assert!(request.starts_with("GET /socket HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("Origin: http://127.0.0.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("User-Agent: Mozilla/5.0 (X11)\r\n"),
        "{request}"
    );
    assert_eq!(request.matches("Sec-WebSocket-Key").count(), 1, "{request}");
    assert!(
        !request.contains("dGhlIHNhbXBsZSBub25jZQ"),
        "a key is made anew: {request}"
    );
}

#[test]
fn serves_what_a_browser_captured() {
    let folder = Folder::new();
    let path = folder.write("b.har", BROWSER);
    let mut server = Program::start(&["replay", &path, "--serve", "--once", "--speed", "max"]);
    let line = server.read_line();
    let uri = line.rsplit(' ').next().expect("where it serves").to_owned();
    let script = format!(
        "connect {uri}/socket\nsend 0 hello\nwait 0 message\nsend 0 --hex 00ff\nwait 0 message\n"
    );
    let outcome = run(&[], script);
    outcome.expect_in_order(&["0 << text 5 hello", "0 << binary 2 00 FF"]);
    assert_eq!(server.wait().status, Some(0));
}

#[test]
fn says_what_is_wrong_with_a_har_file() {
    let folder = Folder::new();
    for (har, told) in [
        (
            BROWSER.replace("\"AP8=\"", "\"?\""),
            "WebSocket 0, message 3: not base64",
        ),
        (
            BROWSER
                .replace("\"websocket\"", "\"xhr\"")
                .replace("_webSocketMessages", "_other")
                .replace("ws://", "http://"),
            "the HAR file has no WebSocket",
        ),
        (
            BROWSER.replace("1767225601.25", "\"soon\""),
            "not a HAR file: invalid type: string",
        ),
        (BROWSER[..900].to_owned(), "not a HAR file: EOF"),
        ("{\"log\":7}".to_owned(), "not a HAR file: invalid type"),
    ] {
        let path = folder.file("x.har");
        fs::write(&path, har).expect("a file");
        let outcome = run(&["replay", &path], "");
        assert_eq!(outcome.status, Some(2));
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
}

#[test]
fn takes_the_times_of_programs_that_drive_a_browser_for_milliseconds() {
    let folder = Folder::new();
    let of = |times: [&str; 2]| {
        let [first, second] = times;
        format!(
            r#"{{"log":{{"version":"1.2","entries":[{{"_resourceType":"websocket","startedDateTime":"2026-11-23T19:12:02.660Z","time":-1,
            "request":{{"method":"GET","url":"ws://h/","headers":[]}},"response":{{"status":101,"headers":[]}},"timings":{{}},
            "_webSocketMessages":[{{"type":"send","time":{first},"opcode":1,"data":"a"}},
            {{"type":"receive","time":{second},"opcode":2,"data":"AP8="}}]}}]}}}}"#
        )
    };
    for (name, times) in [
        ("playwright", ["1795461122661.763", "1795461122680.5762"]),
        ("chromium", ["1795461122.661763", "1795461122.6805762"]),
    ] {
        let har = folder.write(&format!("{name}.har"), &of(times));
        let lines = folder.file(&format!("{name}.jsonl"));
        let outcome = run(&["replay", &har, "--export", &lines], "");
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        let written = text(&lines);
        // The last digits are lost in the number.
        for time in ["12:02.66176", "12:02.68057"] {
            assert!(written.contains(time), "{name}: {written}");
        }
    }
}
