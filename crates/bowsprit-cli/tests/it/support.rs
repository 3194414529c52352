//! Runs the program, and a server that says exactly what a test wants it to say.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bowsprit::proto::handshake::accept_value;

/// How long a program may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(30);

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: Option<i32>,
    pub(crate) took: Duration,
}

impl Outcome {
    /// The lines that the program printed.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// The events that the program printed, each a line of JSON.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let event = |line: &str| serde_json::from_str(line);
        self.stdout
            .lines()
            .map(|line| event(line).unwrap_or_else(|fault| panic!("{fault}: {line}")))
            .collect()
    }

    /// Fails unless these lines were printed in this order, others between them or not.
    pub(crate) fn expect_in_order(&self, expected: &[&str]) {
        let mut lines = self.stdout.lines();
        for line in expected {
            assert!(
                lines.any(|printed| printed == *line),
                "{line:?} is not in its place in:\n{}",
                self.stdout
            );
        }
    }
}

/// What a program left behind that bytes were piped through.
#[derive(Debug)]
pub(crate) struct Piped {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) status: Option<i32>,
}

impl Piped {
    /// What the program printed.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("output should be UTF-8")
    }
}

/// The program while it runs.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    started: Instant,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(&[], arguments)
    }

    /// As [`start`](Self::start), with these variables in the environment.
    pub(crate) fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bowsprit"));
        program
            .args(arguments)
            // What the user has configured is none of a test's business.
            .env("BOWSPRIT_CONFIG", "")
            .envs(environment.iter().copied());
        Self::spawn(program)
    }

    /// Starts what becomes the program.
    pub(crate) fn spawn(mut program: Command) -> Self {
        let child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program should start");
        Self {
            child,
            started: Instant::now(),
        }
    }

    /// Writes to its standard input, which stays open.
    pub(crate) fn write(&mut self, text: &[u8]) {
        let stdin = self
            .child
            .stdin
            .as_mut()
            .expect("standard input should be open");
        stdin
            .write_all(text)
            .expect("the program should read its input");
    }

    /// Waits for the next line of its standard output.
    pub(crate) fn read_line(&mut self) -> String {
        let stdout = self.child.stdout.as_mut();
        let stdout = stdout.expect("standard output should be open");
        let mut line = Vec::new();
        let mut byte = [0];
        while line.last() != Some(&b'\n') {
            let count = stdout.read(&mut byte).expect("output should be readable");
            assert_eq!(
                count,
                1,
                "the program ended: {}",
                String::from_utf8_lossy(&line)
            );
            line.extend(byte);
        }
        String::from_utf8(line)
            .expect("output should be UTF-8")
            .trim_end()
            .to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill should run").success());
    }

    /// Closes standard output, as `head` does when it has seen enough.
    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Reads what it prints up to this text, which must come.
    pub(crate) fn read_until(&mut self, text: &str) {
        let stdout = self.child.stdout.as_mut().expect("output is read");
        let mut printed = Vec::new();
        while !printed.ends_with(text.as_bytes()) {
            let mut byte = [0];
            let count = stdout.read(&mut byte).expect("output should be readable");
            assert_eq!(count, 1, "{}", String::from_utf8_lossy(&printed));
            printed.extend(byte);
        }
    }

    /// Reads standard error up to this text, and throws it away.
    pub(crate) fn read_error_until(&mut self, text: &str) {
        let stderr = self.child.stderr.as_mut().expect("standard error is piped");
        let mut heard = Vec::new();
        while !heard.ends_with(text.as_bytes()) {
            let mut byte = [0];
            stderr.read_exact(&mut byte).expect("the text should come");
            heard.extend(byte);
        }
    }

    /// Waits for its end, and reads nothing of what it prints.
    pub(crate) fn outlive(&mut self) {
        while self.is_running() {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it has not ended; a program that hangs fails the test.
    pub(crate) fn is_running(&mut self) -> bool {
        let status = self.child.try_wait();
        let is_running = status.expect("the program can be waited for").is_none();
        if is_running && self.started.elapsed() > LIMIT {
            self.child.kill().expect("a hung program can be killed");
            panic!("the program hangs");
        }
        is_running
    }

    /// Waits for its end; standard input closes now.
    pub(crate) fn finish(mut self) -> Outcome {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Writes this to its standard input and closes that, reads all that it prints, and waits for its end.
    pub(crate) fn pipe(mut self, input: impl Into<Vec<u8>>) -> Piped {
        let mut stdin = self.child.stdin.take().expect("an open standard input");
        let input = input.into();
        // Who has heard enough may leave before all of it was read.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let piped = self.heard();
        writer.join().expect("the input should be written");
        piped
    }

    /// Reads all that it prints while standard input stays open, and waits for its end.
    pub(crate) fn heard(mut self) -> Piped {
        let stdout = self.child.stdout.take();
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            // There is nothing to read for one who has hung up.
            if let Some(mut stdout) = stdout {
                stdout.read_to_end(&mut bytes).expect("readable output");
            }
            bytes
        });
        let stderr = self.child.stderr.take().map(read_on_a_thread);
        self.outlive();
        Piped {
            status: self.child.wait().expect("an exit status").code(),
            stdout: reader.join().expect("output should be read to its end"),
            stderr: stderr.map_or(String::new(), join),
        }
    }

    /// Reads what it says on standard error, as it comes.
    pub(crate) fn errors(&mut self) -> std::io::BufReader<std::process::ChildStderr> {
        std::io::BufReader::new(self.child.stderr.take().expect("its other output"))
    }

    /// Reads what it prints, as it comes.
    pub(crate) fn output(&mut self) -> std::io::BufReader<std::process::ChildStdout> {
        std::io::BufReader::new(self.child.stdout.take().expect("its output"))
    }

    /// Waits for its end while standard input stays open.
    pub(crate) fn wait(mut self) -> Outcome {
        let stdout = self.child.stdout.take().map(read_on_a_thread);
        let stderr = self.child.stderr.take().map(read_on_a_thread);
        let status = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("the program can be waited for")
            {
                break status;
            }
            if self.started.elapsed() > LIMIT {
                self.child.kill().expect("a hung program can be killed");
                panic!(
                    "the program hangs; it printed:\n{}",
                    stdout.map_or(String::new(), join)
                );
            }
            thread::sleep(Duration::from_millis(2));
        };
        Outcome {
            took: self.started.elapsed(),
            stdout: stdout.map_or(String::new(), join),
            stderr: stderr.map_or(String::new(), join),
            status: status.code(),
        }
    }
}

fn read_on_a_thread(mut stream: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .expect("output should be UTF-8");
        text
    })
}

fn join(reader: thread::JoinHandle<String>) -> String {
    reader.join().expect("output should be read to its end")
}

/// As [`run`], with these variables in the environment.
pub(crate) fn run_in(
    environment: &[(&str, &str)],
    arguments: &[&str],
    script: impl AsRef<[u8]>,
) -> Outcome {
    let mut program = Program::start_in(environment, arguments);
    program.write(script.as_ref());
    program.finish()
}

/// Runs a script with the flags.
pub(crate) fn run(arguments: &[&str], script: impl AsRef<[u8]>) -> Outcome {
    let mut program = Program::start(arguments);
    program.write(script.as_ref());
    program.finish()
}

/// Runs a script against a server that does this with each connection; `URI` stands for its address.
pub(crate) fn run_against(
    behavior: impl Fn(Peer) + Clone + Send + 'static,
    script: &str,
) -> Outcome {
    let uri = format!("ws://{}", serve(behavior));
    run(&[], script.replace("URI", &uri))
}

/// Opens, and echoes messages and pings until the client closes.
pub(crate) fn echo(mut peer: Peer) {
    peer.accept();
    echo_frames(&mut peer);
}

/// As [`echo`], on a connection that is open.
pub(crate) fn echo_frames(peer: &mut Peer) {
    while let Some((opcode, payload)) = peer.read() {
        match opcode {
            8 => return peer.frame(0x88, &payload),
            1 | 2 => peer.frame(0x80 | opcode, &payload),
            9 => peer.frame(0x8a, &payload),
            _ => {}
        }
    }
}

/// A directory of the test's own, which is empty.
pub(crate) fn directory(name: &str) -> std::path::PathBuf {
    let name = format!("bowsprit-it-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).expect("a temporary directory");
    path
}

/// Starts a server that does this with each connection.
pub(crate) fn serve(behavior: impl Fn(Peer) + Clone + Send + 'static) -> SocketAddr {
    serve_on(
        TcpListener::bind("127.0.0.1:0").expect("a free port"),
        behavior,
    )
}

/// As [`serve`], on a listener of the test's own.
pub(crate) fn serve_on(
    listener: TcpListener,
    behavior: impl Fn(Peer) + Clone + Send + 'static,
) -> SocketAddr {
    let address = listener.local_addr().expect("the listener is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let behavior = behavior.clone();
            let stream = stream.expect("a client connects");
            thread::spawn(move || behavior(Peer { stream }));
        }
    });
    address
}

/// The response that accepts this request, with these header lines as well.
pub(crate) fn acceptance(request: &str, headers: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = accept_value(key.expect("a client sends a key"));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    )
}

/// Takes the mask off, eight bytes at a time: byte by byte, large messages take seconds without optimization.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().expect("eight bytes"));
    let (eights, rest) = payload.as_chunks_mut::<8>();
    for bytes in eights {
        *bytes = (u64::from_ne_bytes(*bytes) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The server's end of one connection, frames by hand.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
}

impl Peer {
    /// Reads the request up to the empty line.
    pub(crate) fn request(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) => head.extend(byte),
                _ => break,
            }
        }
        String::from_utf8(head).expect("a request is ASCII")
    }

    /// Reads what comes first.
    pub(crate) fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 14];
        let count = self.stream.read(&mut bytes).expect("a client speaks first");
        bytes.truncate(count);
        bytes
    }

    /// Reads exactly so many bytes.
    pub(crate) fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream
            .read_exact(&mut bytes)
            .expect("a client that says more");
        bytes
    }

    /// Accepts the opening handshake, with these header lines as well.
    pub(crate) fn accept_with(&mut self, headers: &str) {
        let request = self.request();
        self.answer(&request, headers);
    }

    /// Accepts this request, with these header lines as well.
    pub(crate) fn answer(&mut self, request: &str, headers: &str) {
        self.write(acceptance(request, headers).as_bytes());
    }

    /// Accepts the opening handshake.
    pub(crate) fn accept(&mut self) {
        self.accept_with("Server: fixture/1\r\n");
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // The client may have what it needs and be gone.
        let _ = self.stream.write_all(bytes);
    }

    /// Writes one frame of up to 125 bytes.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).expect("a short payload");
        self.write(&[&[first, length], payload].concat());
    }

    /// As [`text`](Self::text), and tells whether the client is still there.
    pub(crate) fn write_text(&mut self, text: &str) -> std::io::Result<()> {
        let length = u8::try_from(text.len()).expect("a short text");
        self.stream
            .write_all(&[&[0x81, length], text.as_bytes()].concat())
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat());
    }

    /// Reads one frame of up to 125 bytes: its opcode and its payload. `None` at the end.
    pub(crate) fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 6];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(_) => return None,
        }
        let [first, length, mask @ ..] = head;
        let mut payload = vec![0; usize::from(length & 0x7f)];
        self.stream.read_exact(&mut payload).ok()?;
        payload
            .iter_mut()
            .zip(mask.iter().cycle())
            .for_each(|(byte, mask)| *byte ^= mask);
        Some((first & 0x0f, payload))
    }

    /// Reads one frame of any size: its opcode and its payload. `None` at the end.
    fn read_any(stream: &mut impl std::io::Read) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        stream.read_exact(&mut head).ok()?;
        let [first, length] = head;
        let length = match length & 0x7f {
            126 => {
                let mut length = [0; 2];
                stream.read_exact(&mut length).ok()?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                stream.read_exact(&mut length).ok()?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut mask = [0; 4];
        stream.read_exact(&mut mask).ok()?;
        let mut payload = vec![0; usize::try_from(length).expect("a message that fits")];
        stream.read_exact(&mut payload).ok()?;
        unmask(&mut payload, mask);
        Some((first & 0x0f, payload))
    }

    /// Accepts, and sends every frame back, a ping as a pong, up to the close frame.
    pub(crate) fn echo(self) {
        self.echo_and_stall(|_| false, || {});
    }

    /// As [`echo`](Self::echo), but stalls where that is due at the message of this number, from 0. What it
    /// answered before is written then.
    pub(crate) fn echo_and_stall(mut self, is_due: impl Fn(u64) -> bool, mut stall: impl FnMut()) {
        self.accept();
        let mut input = std::io::BufReader::new(self.stream.try_clone().expect("a second end"));
        let mut output = std::io::BufWriter::new(&mut self.stream);
        let mut count = 0;
        while let Some((opcode, payload)) = Self::read_any(&mut input) {
            if opcode < 8 {
                if is_due(count) {
                    let _ = output.flush();
                    stall();
                }
                count += 1;
            }
            let first = 0x80 | if opcode == 9 { 10 } else { opcode };
            let length = payload.len();
            let head = match (u8::try_from(length), u16::try_from(length)) {
                (Ok(length @ 0..126), _) => vec![first, length],
                (_, Ok(length)) => [&[first, 126], &length.to_be_bytes()[..]].concat(),
                _ => [&[first, 127], &(length as u64).to_be_bytes()[..]].concat(),
            };
            let written = output
                .write_all(&head)
                .and_then(|()| output.write_all(&payload));
            let is_idle = input.buffer().is_empty();
            if written.is_err() || is_idle && output.flush().is_err() || opcode == 8 {
                break;
            }
        }
        let _ = output.flush();
    }

    /// Says nothing more, and does not leave either: who waits for that counts as hung.
    pub(crate) fn stay(self) {
        loop {
            thread::park();
        }
    }

    /// Reads frames up to a close frame: its code and its reason.
    pub(crate) fn read_close(&mut self) -> Option<(u16, String)> {
        while let Some((opcode, payload)) = self.read() {
            if let (8, Some((code, reason))) = (opcode, payload.split_first_chunk()) {
                return Some((
                    u16::from_be_bytes(*code),
                    String::from_utf8(reason.to_vec()).expect("UTF-8"),
                ));
            }
        }
        None
    }

    /// Closes with this code and reason, and leaves when the client has answered: it waits for that.
    pub(crate) fn close_and_leave(&mut self, code: u16, reason: &str) {
        self.close(code, reason);
        while self.read().is_some_and(|(opcode, _)| opcode != 8) {}
    }

    /// Answers the client's close frame with the same code and reason.
    pub(crate) fn echo_close(&mut self) {
        if let Some((code, reason)) = self.read_close() {
            self.close(code, &reason);
        }
    }

    /// Ends its direction without a close frame, and stays until the client is gone: what is unread would
    /// make a reset of it.
    pub(crate) fn hang_up(&mut self) {
        // The client may be gone.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.drain_frames();
    }

    /// Reads and forgets bytes of any kind until the client is gone.
    pub(crate) fn drain_frames(&mut self) {
        let mut bytes = vec![0; 1 << 16];
        while matches!(self.stream.read(&mut bytes), Ok(count) if count > 0) {}
    }

    /// Reads until the client is gone.
    pub(crate) fn drain(&mut self) {
        while self.read().is_some() {}
    }
}
