//! Whole sessions with the original program, typed again: its texts are this program's, without case.
//!
//! `seed_sessions.txt` has what was typed there (`$`) and what was answered; `|` begins a block of `show` in one
//! line. A line behind `!` is this program's own, where the original's answer was a fault: the `#` above says
//! which. Details may follow a text in parentheses. Where a person looked again, `wait` waits.

use std::thread;

use crate::support::{Peer, acceptance, echo_frames, run, serve};

const SESSIONS: &str = include_str!("seed_sessions.txt");

/// One of them: what is typed, and the lines that come.
struct Session<'a> {
    name: &'a str,
    typed: String,
    answers: Vec<String>,
}

impl<'a> Session<'a> {
    fn parse(text: &'a str) -> Self {
        let mut lines = text.lines();
        let name = lines.next().expect("a name");
        let (mut typed, mut answers) = (String::new(), Vec::new());
        for line in lines.filter(|line| !line.is_empty()) {
            if let Some(command) = line.strip_prefix("$ ") {
                typed = typed + command + "\n";
            } else if !line.starts_with("# ") {
                let answer = line.strip_prefix("! ").unwrap_or(line);
                answers.extend(lines_of(answer));
            }
        }
        Self {
            name,
            typed,
            answers,
        }
    }

    fn comes_out_so(&self, host: &str) {
        let outcome = run(&["--quiet"], self.typed.replace("HOST", host));
        // An empty line ends a block of `show`.
        let printed: Vec<&str> = outcome
            .stdout
            .lines()
            .filter(|line| !line.is_empty())
            .collect();
        for (number, answer) in self.answers.iter().enumerate() {
            let answer = answer.replace("HOST", host);
            let line = printed.get(number).copied().unwrap_or("the end");
            assert!(
                is_the_same(line, &answer),
                "{}: {line:?} is not {answer:?} in\n{}",
                self.name,
                outcome.stdout
            );
        }
        assert_eq!(
            printed.len(),
            self.answers.len(),
            "{}: {outcome:?}",
            self.name
        );
        assert_eq!(outcome.stderr, "", "{}", self.name);
    }
}

/// The lines that a line stands for: the block of `show` is written in one.
fn lines_of(answer: &str) -> Vec<String> {
    const NAMES: [&str; 5] = [
        "URI",
        "Status",
        "Remote Server",
        "Error/close reason",
        "Messages Processed",
    ];
    let Some(block) = answer.strip_prefix("| ") else {
        return vec![answer.to_owned()];
    };
    let facts = NAMES.iter().zip(block.split(" | "));
    facts
        .map(|(name, fact)| format!("> {name}: {fact}"))
        .collect()
}

/// Whether a line is the expected one, without case; details may stand behind it.
fn is_the_same(line: &str, expected: &str) -> bool {
    let line = line.trim_end().to_lowercase();
    let rest = line.strip_prefix(expected.trim_end().to_lowercase().as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") && rest.ends_with(')'))
}

/// The server of the sessions: what it does is the path of the request.
fn fixture(mut peer: Peer) {
    let request = peer.request();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let open = |peer: &mut Peer, headers: &str| {
        peer.answer(&request, &format!("Server: fixture/1\r\n{headers}"));
    };
    if let Some(status) = path.strip_prefix("/status/") {
        let answer =
            format!("HTTP/1.1 {status} Told So\r\nServer: fixture/1\r\nContent-Length: 0\r\n\r\n");
        return peer.write(answer.as_bytes());
    }
    if let Some(rest) = path.strip_prefix("/close/") {
        open(&mut peer, "");
        let (code, reason) = rest.split_once('/').unwrap_or((rest, ""));
        peer.close(
            code.parse().expect("a close code"),
            &reason.replace("%20", " "),
        );
        return drop(peer.read_close());
    }
    match path {
        "/" => {
            peer.answer(&request, "Server: WebSocket++/0.8.2\r\n");
            echo_frames(&mut peer);
        }
        "/noserver" => {
            peer.answer(&request, "");
            peer.echo_close();
        }
        "/badproto" => open(&mut peer, "Sec-WebSocket-Protocol: chat\r\n"),
        "/badext" => open(&mut peer, "Sec-WebSocket-Extensions: x-surprise\r\n"),
        "/badaccept" => peer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Server: fixture/1\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        ),
        "/noaccept" => {
            let answer = acceptance(&request, "");
            let lines = answer.split_inclusive('\n');
            let kept: String = lines
                .filter(|line| !line.starts_with("Sec-WebSocket-Accept"))
                .collect();
            peer.write(kept.as_bytes());
        }
        "/noupgrade" => {
            let answer = acceptance(&request, "Server: fixture/1\r\n");
            peer.write(answer.replace("Upgrade: websocket\r\n", "").as_bytes());
        }
        "/http10" => {
            let answer = acceptance(&request, "Server: fixture/1\r\n");
            peer.write(answer.replace("HTTP/1.1", "HTTP/1.0").as_bytes());
        }
        "/garbage" => peer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        "/drop-before-101" => {}
        "/never" => peer.drain(),
        _ => {
            open(&mut peer, "");
            after_open(&mut peer, path);
        }
    }
}

fn after_open(peer: &mut Peer, path: &str) {
    match path {
        "/echo" => peer.echo_close(),
        "/ackother" => {
            peer.read_close();
            peer.close(4002, "server says other");
        }
        "/ackempty" => {
            peer.read_close();
            peer.frame(0x88, b"");
        }
        "/noack" => peer.drain(),
        "/binary" => {
            peer.frame(0x82, b"\x00\x01\x7f\x80\xffHello\n");
            peer.frame(0x82, b"");
            peer.echo_close();
        }
        "/burst" => {
            (0..5)
                .for_each(|number| peer.text(&format!("{{\"seq\":{number},\"event\":\"tick\"}}")));
            peer.echo_close();
        }
        "/frag" => {
            peer.frame(0x01, b"one ");
            peer.frame(0x00, b"two ");
            peer.frame(0x80, b"three");
            peer.echo_close();
        }
        "/ping" => {
            peer.frame(0x89, b"are you there?");
            peer.echo_close();
        }
        "/utf8" => {
            peer.text("héllo ✓ 日本");
            peer.echo_close();
        }
        "/control-chars" => {
            peer.text("a\u{1b}[31mred\u{1b}[0m\u{7} line1\nline2\ttab\r\nend");
            peer.echo_close();
        }
        "/badutf8" => peer.frame(0x81, b"\xff"),
        "/masked" => peer.write(b"\x81\x85\0\0\0\0hello"),
        "/rsv" => peer.frame(0x91, b"hello"),
        "/opcode" => peer.frame(0x83, b"hello"),
        "/cont" => peer.frame(0x80, b"stray"),
        "/close-nocode" => peer.frame(0x88, b""),
        "/close-1byte" => peer.frame(0x88, b"\x03"),
        "/closemsg" => {
            peer.read();
            peer.close(1011, "internal problem");
        }
        "/bigping" => peer.write(&[&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
        "/dropmsg" => {
            peer.read();
            peer.hang_up();
        }
        "/drop-fin" | "/drop-rst" => peer.hang_up(),
        _ => panic!("no such path: {path}"),
    }
    peer.read_close();
}

#[test]
fn come_out_as_they_did_with_the_original() {
    let host = serve(fixture).to_string();
    let sessions = SESSIONS.split("\n## ").skip(1).map(Session::parse);
    thread::scope(|scope| {
        for session in sessions {
            let host = host.as_str();
            scope.spawn(move || session.comes_out_so(host));
        }
    });
}
