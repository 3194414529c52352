//! A server that runs while a test talks to it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::support::{Outcome, run};

/// How long a line may take before the test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// A folder that is gone with the test.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("bowsprit-door-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("what was made here");
    }
}

/// The request of a page of this origin.
pub(crate) fn page_of(origin: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: {origin}\r\n\r\n"
    )
}

/// A temporary file: its path.
pub(crate) fn file(name: &str, content: &str) -> String {
    let path = std::env::temp_dir().join(format!("bowsprit-serve-{}-{name}", std::process::id()));
    fs::write(&path, content).expect("a temporary file");
    path.display().to_string()
}

/// `bowsprit serve 0` with some options.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    lines: Receiver<String>,
    pub(crate) uri: String,
}

impl Serving {
    /// Starts it, and waits until it says that it serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut serving = Self::spawn(&[&["serve", "127.0.0.1:0"], arguments].concat());
        let line = serving.line_with("Serving ");
        let (_, uri) = line.rsplit_once(" on ").expect("an address");
        serving.uri = uri.to_owned();
        serving
    }

    /// Starts it with arguments of the test's own.
    pub(crate) fn spawn(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bowsprit"))
            .args(arguments)
            // What the user has configured is none of a test's business.
            .env("BOWSPRIT_CONFIG", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program should start");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("output should be UTF-8");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            uri: String::new(),
        }
    }

    /// Runs a script at the prompt; `URI` stands for the server's address.
    pub(crate) fn talk(&self, script: &str) -> Outcome {
        run(&[], script.replace("URI", &self.uri))
    }

    /// The next line that has this in it; those before it are gone.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?}, but: {seen:#?}"),
            }
        }
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> &str {
        self.uri.split_once("://").expect("a URI").1
    }

    /// Sends bytes, and returns all that comes back until the end.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a time-out is set");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What a `GET` of this path gets.
    pub(crate) fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// Reads one more line, and then closes the pipe.
    pub(crate) fn hang_up(&mut self) {
        self.lines = channel().1;
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill should run").success());
    }

    /// Waits for its end: the lines that are left, and the exit status.
    pub(crate) fn wait(mut self) -> (Vec<String>, Option<i32>) {
        let mut lines = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            lines.push(line);
        }
        let status = self.child.wait().expect("it ends");
        (lines, status.code())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended is waited for, and no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
