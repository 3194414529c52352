//! What goes wrong at a server × the forms that meet it: the sentence, its place, and the exit status.

use std::sync::mpsc;
use std::thread;

use crate::support::{Peer, Piped, Program, serve};
use crate::tls::{self, Identity};

/// A way to meet a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Send,
    Listen,
    Pipe,
    Ping,
    Load,
    Check,
    Prompt,
    Script,
}

/// Those that have one connection, which their URI names.
const ONE_SHOT: [Form; 6] = [
    Form::Send,
    Form::Listen,
    Form::Pipe,
    Form::Ping,
    Form::Load,
    Form::Check,
];

/// Those of them that print payloads and nothing else.
const PAYLOADS_ONLY: [Form; 3] = [Form::Send, Form::Listen, Form::Pipe];

/// Those that read commands.
const COMMANDS: [Form; 2] = [Form::Prompt, Form::Script];

impl Form {
    /// Lets it meet the server; standard input stays open where it is for messages.
    fn meet(self, options: &[&str], uri: &str) -> Piped {
        let start =
            |before: &[&str], after: &[&str]| Program::start(&[before, options, after].concat());
        match self {
            Self::Send => start(&["send"], &[uri, "hi"]).heard(),
            Self::Listen => start(&["listen"], &[uri]).heard(),
            Self::Pipe => start(&[], &[uri]).heard(),
            Self::Ping => start(&["ping", "-c", "1"], &[uri]).heard(),
            Self::Load => start(&["load", "-c", "1", "-d", "100ms"], &[uri]).heard(),
            Self::Check => start(&["check"], &[uri]).heard(),
            Self::Prompt => start(&[], &[]).pipe(format!("connect {uri}\nwait 0 close\n")),
            Self::Script => start(&["run"], &["-"]).pipe(format!("connect {uri}\nexpect 0 any\n")),
        }
    }

    /// The line that says what happened, where this form has to say it; nothing else is said there.
    fn line_of(self, piped: &Piped) -> String {
        let (place, begin) = match self {
            Self::Check => (piped.text(), "FAILED "),
            // Commands have printed what came of them, the accident too.
            Self::Prompt | Self::Script => (piped.text(), "0 "),
            // An end is a line of the statistics.
            Self::Ping if !piped.stdout.is_empty() => (piped.text(), "closed "),
            Self::Load => (piped.stderr.as_str(), "bowsprit: "),
            _ => {
                assert_eq!(piped.stderr.lines().count(), 1, "{self:?}: {piped:?}");
                (piped.stderr.as_str(), "bowsprit: ")
            }
        };
        let said = |line: &&str| line.starts_with(begin) && !line.contains(" open 101 ");
        let mut lines = place.lines().filter(said);
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{self:?}: {piped:?}"));
        assert_eq!(lines.next(), None, "{self:?}: {piped:?}");
        line.to_owned()
    }
}

/// Something that happens to every form alike.
struct Accident<'a> {
    uri: &'a str,
    options: &'a [&'a str],
    /// What every form says of it.
    says: &'a [&'a str],
    /// What is in that line too where there is no other one to tell it: who it was, and what to try.
    adds: &'a [&'a str],
    status: i32,
}

impl Accident<'_> {
    fn befalls(&self, forms: &[Form]) {
        // All at once, for those that have to wait.
        thread::scope(|scope| {
            for form in forms {
                scope.spawn(|| self.befalls_one(*form));
            }
        });
    }

    fn befalls_one(&self, form: Form) {
        let piped = form.meet(self.options, self.uri);
        assert_eq!(piped.status, Some(self.status), "{form:?}: {piped:?}");
        let line = form.line_of(&piped);
        let has_other_lines = form == Form::Check || COMMANDS.contains(&form);
        let adds = if has_other_lines { &[] } else { self.adds };
        for text in self.says.iter().chain(adds) {
            assert!(line.contains(text), "{form:?}: no {text:?} in {line}");
        }
        assert!(!line.contains('\u{1b}'), "{form:?}: {line:?}");
        if PAYLOADS_ONLY.contains(&form) {
            assert_eq!(piped.text(), "", "{form:?}");
            let begin = format!("bowsprit: {}", self.uri);
            assert!(line.starts_with(&begin), "{form:?}: {line}");
        }
    }
}

fn all() -> Vec<Form> {
    [&ONE_SHOT[..], &COMMANDS].concat()
}

/// The URI of a server that does this.
fn uri(behavior: impl Fn(Peer) + Clone + Send + 'static) -> String {
    format!("ws://{}/", serve(behavior))
}

/// The URI of a server that answers so, whatever it is asked.
fn answering(answer: &'static str) -> String {
    uri(move |mut peer| {
        peer.request();
        peer.write(answer.as_bytes());
    })
}

#[test]
fn a_port_where_nobody_listens() {
    Accident {
        uri: "ws://127.0.0.1:1",
        options: &[],
        says: &["connection refused (127.0.0.1:1)"],
        adds: &[],
        status: 3,
    }
    .befalls(&all());
}

#[test]
fn a_name_that_nobody_knows() {
    Accident {
        uri: "ws://no-such-host.invalid",
        options: &[],
        says: &["name not found: no-such-host.invalid"],
        adds: &["check the spelling", "--resolve HOST:PORT:ADDRESS"],
        status: 3,
    }
    .befalls(&all());
}

#[test]
fn a_place_without_a_scheme() {
    for (uri, said) in [
        (
            "example.org/chat",
            "example.org/chat has no scheme: wss://example.org/chat, or ws://example.org/chat without TLS",
        ),
        (
            "https://example.org",
            "https://example.org is for HTTP: wss://example.org is for WebSockets",
        ),
    ] {
        for form in ONE_SHOT {
            let piped = form.meet(&[], uri);
            let told = (piped.text(), piped.stderr.as_str(), piped.status);
            let said = format!("bowsprit: {said}\n");
            assert_eq!(told, ("", said.as_str(), Some(2)), "{form:?}");
        }
        for form in COMMANDS {
            let piped = form.meet(&[], uri);
            let said = format!("Connect initialization error: invalid uri ({said})");
            assert!(piped.text().contains(&said), "{form:?}: {piped:?}");
            assert_eq!(
                (piped.stderr.as_str(), piped.status),
                ("", Some(1)),
                "{form:?}"
            );
        }
    }
}

#[test]
fn a_port_is_a_short_form_of_a_uri_on_the_command_line() {
    let echo = serve(|peer| peer.echo());
    for uri in [
        format!("localhost:{}", echo.port()),
        format!(":{}", echo.port()),
    ] {
        for form in [Form::Send, Form::Ping, Form::Load, Form::Check] {
            let piped = form.meet(&[], &uri);
            assert_eq!(piped.status, Some(0), "{form:?}: {piped:?}");
        }
        let piped = Program::start(&[&uri]).pipe("hi\n");
        assert_eq!((piped.text(), piped.status), ("hi\n", Some(0)));
        let piped = Program::start(&["listen", "--timeout", "100ms", &uri]).heard();
        assert!(
            piped
                .stderr
                .contains(&format!("ws://localhost:{}", echo.port()))
        );
        assert_eq!(piped.status, Some(124), "{piped:?}");
    }
}

#[test]
fn a_refusal_in_http() {
    let uri = answering(
        "HTTP/1.1 404 Nothing Here\r\nServer: nginx/1.22\r\nContent-Length: 19\r\n\r\n<h1>No such</h1>\npage",
    );
    let mut refused = Accident {
        uri: &uri,
        options: &[],
        says: &["HTTP 404 Nothing Here"],
        adds: &["server: nginx/1.22", "check the path of the URI"],
        status: 5,
    };
    refused.befalls(&all());
    refused.options = &["-v"];
    for form in all().into_iter().filter(|form| *form != Form::Load) {
        let piped = form.meet(refused.options, refused.uri);
        let printed = format!("{}{}", piped.text(), piped.stderr);
        assert!(
            printed.contains("received body excerpt=<h1>No such</h1>\\npage"),
            "{form:?}: {piped:?}"
        );
    }
}

#[test]
fn a_redirection() {
    Accident {
        uri: &answering(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1:1/new\r\nContent-Length: 0\r\n\r\n",
        ),
        options: &[],
        says: &["HTTP 301 Moved Permanently: moved to ws://127.0.0.1:1/new (-L follows)"],
        adds: &[],
        status: 5,
    }
    .befalls(&all());
}

#[test]
fn a_server_of_another_protocol() {
    Accident {
        uri: &answering("SSH-2.0-OpenSSH_9.2 \x1b[2J\r\n"),
        options: &[],
        says: &["not a WebSocket server: it said \"SSH-2.0-OpenSSH_9.2 \\u{1b}[2J\""],
        adds: &["check the port"],
        status: 5,
    }
    .befalls(&all());
}

#[test]
fn an_accept_value_that_is_wrong() {
    Accident {
        uri: &answering(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        ),
        options: &[],
        says: &["Sec-WebSocket-Accept is \"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\", expected \""],
        adds: &["check what stands between"],
        status: 5,
    }
    .befalls(&all());
}

#[test]
fn a_certificate_that_nobody_vouches_for() {
    let identity = Identity::new("accidents", "localhost");
    let address = tls::serve(&identity, |tls| tls);
    Accident {
        uri: &format!("wss://localhost:{}/", address.port()),
        options: &[],
        says: &["certificate is self-signed", "(--ca FILE, --insecure)"],
        adds: &[],
        status: 4,
    }
    .befalls(&all());
}

#[test]
fn a_server_that_never_answers() {
    let uri = uri(|mut peer| {
        peer.request();
        peer.drain();
    });
    let mut silence = Accident {
        uri: &uri,
        options: &["--open-timeout", "200ms"],
        says: &["opening handshake timed out after 200 ms (--open-timeout TIME)"],
        adds: &[],
        status: 124,
    };
    silence.befalls(&all());
    // Nobody asked for the time that there is without that.
    silence.options = &[];
    silence.says = &["opening handshake timed out after 10 s (--open-timeout TIME)"];
    silence.status = 5;
    silence.befalls(&all());
    silence.options = &["--timeout", "200ms"];
    silence.says = &["the time of --timeout is over"];
    silence.status = 124;
    silence.befalls(&PAYLOADS_ONLY);
}

#[test]
fn a_close_with_a_code_of_its_own_though_the_input_is_open() {
    let uri = uri(|mut peer| {
        peer.accept();
        peer.close(4001, "bye\u{1b}[2J");
        peer.read_close();
    });
    let mut left = Accident {
        uri: &uri,
        options: &[],
        says: &["closed 4001 (Unknown) \"bye\\u{1b}[2J\" by peer"],
        adds: &[],
        status: 8,
    };
    left.befalls(&all_but_load());
    left.says = &["closed by the peer with 4001"];
    left.befalls(&[Form::Load]);
}

fn all_but_load() -> Vec<Form> {
    let mut forms = all();
    forms.retain(|form| *form != Form::Load);
    forms
}

#[test]
fn an_end_without_a_close_frame() {
    Accident {
        uri: &uri(|mut peer| {
            peer.accept();
            peer.hang_up();
        }),
        options: &[],
        says: &["dropped without a close frame"],
        adds: &[],
        status: 7,
    }
    .befalls(&all());
}

#[test]
fn a_reset() {
    Accident {
        uri: &uri(|mut peer| {
            // With the last byte unread the system has nobody to give it to, and resets the connection.
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r") {
                request.extend(peer.read_bytes(1));
            }
            peer.answer(&String::from_utf8_lossy(&request), "");
        }),
        options: &[],
        says: &["connection reset"],
        adds: &[],
        status: 7,
    }
    .befalls(&all());
}

#[test]
fn text_that_is_not_utf_8() {
    let (codes, heard) = mpsc::channel();
    let uri = uri(move |mut peer| {
        peer.accept();
        peer.frame(0x81, b"\xff");
        let (code, _) = peer.read_close().unwrap_or_default();
        // A test that has failed hears nothing any more.
        let _ = codes.send(code);
    });
    let mut violation = Accident {
        uri: &uri,
        options: &[],
        says: &["protocol violation by the peer: text is not valid UTF-8"],
        adds: &[],
        status: 6,
    };
    violation.befalls(&[Form::Load]);
    violation.says = &["by the peer: text is not valid UTF-8 (answered with 1007)"];
    violation.befalls(&all_but_load());
    let count = all().len();
    let told: Vec<u16> = heard.iter().take(count).collect();
    assert_eq!(told, vec![1007; count]);
}

#[test]
fn a_normal_close_is_no_accident() {
    let uri = uri(|mut peer| {
        peer.accept();
        peer.close(1000, "");
        peer.read_close();
    });
    for form in [Form::Listen, Form::Pipe] {
        let piped = form.meet(&[], &uri);
        let told = (piped.text(), piped.stderr.as_str(), piped.status);
        assert_eq!(told, ("", "", Some(0)), "{form:?}");
    }
}

#[test]
fn a_message_with_escape_sequences_is_raw_in_a_pipe_and_escaped_in_lines_of_events() {
    let open = |peer: &mut Peer| {
        peer.accept();
        peer.text("\u{1b}[2J");
    };
    let staying = uri(move |mut peer| {
        open(&mut peer);
        peer.echo_close();
    });
    for words in [
        &["send", "-n", "1", &staying, "hi"][..],
        &["listen", "-n", "1", &staying],
        &["-n", "1", &staying],
    ] {
        let piped = Program::start(words).pipe("");
        let told = (piped.text(), piped.stderr.as_str(), piped.status);
        assert_eq!(told, ("\u{1b}[2J\n", "", Some(0)), "{words:?}");
    }
    let leaving = uri(move |mut peer| {
        open(&mut peer);
        peer.close(1000, "");
        peer.read_close();
    });
    for form in COMMANDS {
        let piped = form.meet(&[], &leaving);
        assert!(
            piped.text().contains("0 << text 4 \\u{1b}[2J\n"),
            "{piped:?}"
        );
        assert!(!piped.text().contains('\u{1b}'), "{form:?}: {piped:?}");
    }
}
