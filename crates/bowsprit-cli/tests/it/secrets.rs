//! No secret of a handshake in anything that the program prints or writes.

use std::fs;

use crate::recording::Folder;
use crate::support::{Peer, run, serve};

/// What no output may hold.
const SECRET: &str = "s3cret";

/// `me:s3cret-b`, as it stands in a header.
const LOGIN: &str = "bWU6czNjcmV0LWI=";

/// Each way to give a secret. The proxy is the server itself.
const GIVEN: [&[&str]; 3] = [
    &[
        "--bearer",
        "s3cret-a",
        "--cookie",
        "sid=s3cret-c",
        "-H",
        "X-Api-Key: s3cret-d",
        "--subprotocol",
        "bearer",
        "--subprotocol",
        "s3cret-e",
    ],
    &["--auth", "me:s3cret-b"],
    &["--proxy", "http://me:s3cret-f@ADDRESS"],
];

/// How it may be asked to print or write.
const LOOKS: [&[&str]; 7] = [
    &[],
    &["--json"],
    &["-v"],
    &["-vv"],
    &["--log", "all"],
    &["--json", "-vv"],
    &["--record", "RECORD"],
];

const SCRIPT: &str = "connect URI\nshow 0 --headers\nlist\nwait 0 message\nsend 0 hi\nclose 0\n";

/// Goes through a tunnel if it is asked for one, says hello, and echoes.
fn server(mut peer: Peer) {
    let mut request = peer.request();
    if request.starts_with("CONNECT ") {
        peer.write(b"HTTP/1.1 200 OK\r\n\r\n");
        request = peer.request();
    }
    let subprotocol = match request.contains("bearer") {
        true => "Sec-WebSocket-Protocol: bearer\r\n",
        false => "",
    };
    peer.answer(
        &request,
        &format!("Set-Cookie: id=s3cret-g; Path=/\r\nX-Auth-Token: s3cret-h\r\n{subprotocol}"),
    );
    peer.text("hello");
    while let Some((opcode, payload)) = peer.read() {
        let opcode = if opcode == 9 { 10 } else { opcode };
        peer.frame(0x80 | opcode, &payload);
        if opcode == 8 {
            return;
        }
    }
}

/// Refuses, and repeats what it was told.
fn refuse(mut peer: Peer) {
    peer.request();
    peer.write(
        b"HTTP/1.1 302 Found\r\nLocation: wss://me:s3cret-i@h/?token=s3cret-j#access_token=s3cret-k\r\n\
          Set-Cookie: id=s3cret-l\r\nContent-Length: 0\r\n\r\n",
    );
}

/// Runs it, and looks through all that it printed and wrote.
fn keeps_them(folder: &Folder, arguments: &[&str], input: &str) -> String {
    let outcome = run(arguments, input);
    let mut all = format!("{}\n{}", outcome.stdout, outcome.stderr);
    for name in ["session.jsonl", "report.xml"] {
        all.push_str(&fs::read_to_string(folder.file(name)).unwrap_or_default());
    }
    for secret in [SECRET, LOGIN] {
        assert!(!all.contains(secret), "{arguments:?}:\n{all}");
    }
    all
}

/// Each form that connects, with these options.
fn keep_them(uri: &str, address: &str, given: &[&str], look: &[&str]) {
    let folder = Folder::new();
    let record = folder.file("session.jsonl");
    let proxied: Vec<String> = given
        .iter()
        .map(|word| word.replace("ADDRESS", address))
        .collect();
    let options: Vec<&str> = proxied
        .iter()
        .map(String::as_str)
        .chain(look.iter().map(|word| match *word {
            "RECORD" => record.as_str(),
            word => word,
        }))
        .collect();
    let with = |form: &[&'_ str], rest: &[&str]| {
        let all: Vec<String> = [form, &options, rest]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect();
        all
    };
    let script = folder.write("talk.bws", &SCRIPT.replace("URI", "${uri}"));
    let report = folder.file("report.xml");
    let set = format!("uri={uri}");
    let typed = SCRIPT.replace("URI", uri);
    for (arguments, input) in [
        (with(&[], &[]), typed.as_str()),
        (with(&[], &["-n", "1", uri]), "hi\n"),
        (with(&["send"], &[uri, "hi"]), ""),
        (with(&["listen"], &["-n", "1", uri]), ""),
        (with(&["ping"], &["-c", "1", uri]), ""),
        (with(&["check"], &[uri]), ""),
        (
            with(&["run"], &[&script, "--set", &set, "--junit", &report]),
            "",
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        keeps_them(&folder, &arguments, input);
    }
}

#[test]
fn are_in_nothing_that_is_printed_or_written() {
    let address = serve(server).to_string();
    for given in GIVEN {
        for look in LOOKS {
            let uri = format!("ws://{address}/x?room=1&token=s3cret-m");
            keep_them(&uri, &address, given, look);
        }
    }
    for look in LOOKS {
        keep_them(&format!("ws://me:s3cret-b@{address}"), &address, &[], look);
    }
}

#[test]
fn are_in_nothing_that_is_printed_or_written_of_a_failure() {
    let address = serve(refuse).to_string();
    for look in LOOKS {
        for uri in [
            format!("ws://me:s3cret-b@{address}/x?token=s3cret-m"),
            "ws://me:s3cret-b@127.0.0.1:1/x?token=s3cret-m".to_owned(),
            "ws://me:s3cret-b/x@127.0.0.1/".to_owned(),
            "http://me:s3cret-b@127.0.0.1:1/?token=s3cret-m".to_owned(),
            "me:s3cret-b@127.0.0.1/?token=s3cret-m".to_owned(),
            "ws://me:s3cret-b@[::1/?token=s3cret-m".to_owned(),
        ] {
            keep_them(&uri, &address, &[], look);
        }
    }
}

#[test]
fn are_in_no_report_of_a_script_that_holds_them() {
    let folder = Folder::new();
    let report = folder.file("report.xml");
    for line in [
        "connect ws://127.0.0.1:1/?token=s3cret-b",
        "connect --bearer s3cret-a ws://127.0.0.1:1",
        "connect -H 'X-Key: s3cret-d' --cookie ${x}=s3cret-c ws://me:s3cret-b@127.0.0.1:1",
    ] {
        let script = folder.write("talk.bws", &format!("{line}\nwait 0 open\n"));
        for look in LOOKS {
            let form = ["run", &script, "--set", "x=1", "--junit", &report];
            let look = look
                .iter()
                .filter(|word| **word != "RECORD" && **word != "--record");
            let arguments: Vec<&str> = form.into_iter().chain(look.copied()).collect();
            let told = keeps_them(&folder, &arguments, "");
            assert!(told.contains("***"), "{told}");
        }
    }
}

#[test]
fn are_in_no_output_of_a_replay() {
    let folder = Folder::new();
    let address = serve(server);
    let uri = format!("ws://{address}/x?token=s3cret-m");
    let record = folder.file("session.jsonl");
    let arguments = [
        "--record",
        &record,
        "--bearer",
        "s3cret-a",
        "--auth",
        "me:s3cret-b",
    ];
    keeps_them(&folder, &arguments[..4], &SCRIPT.replace("URI", &uri));
    for look in [&[][..], &["--json"]] {
        let play = ["replay", &record, &uri, "--speed", "max"];
        for login in [&arguments[2..4], &arguments[4..]] {
            let told = keeps_them(&folder, &[&play, login, look].concat(), "");
            assert!(told.contains("connection"), "{told}");
        }
    }
}
