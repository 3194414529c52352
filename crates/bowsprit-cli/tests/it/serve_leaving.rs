//! `bowsprit serve` is told to leave with a thousand clients.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::serve_lab::{Serving, page_of};

const CLIENTS: usize = 1_000;

/// More than a small write, less than a socket holds: a client that has not read yet has been sent it.
const LEN: usize = 16 << 10;

/// A client that has opened, frames by hand.
fn client(serving: &Serving) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address()).expect("it listens");
    let request = page_of(&format!("http://{}", serving.address()), "/");
    let request = request.replace("localhost", serving.address());
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("it answers");
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        head.escape_ascii()
    );
    stream
}

/// The next frame: its first byte and its payload.
fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let len = match head[1] {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("its length");
            u16::from_be_bytes(len).into()
        }
        len => usize::from(len),
    };
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).expect("its payload");
    (head[0], payload)
}

#[test]
fn a_thousand_clients_get_what_was_sent_to_them_and_1001() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("as many descriptors as there are");
    for signal in ["TERM", "INT", "HUP"] {
        let serving = Serving::start(&["--broadcast", "--max-connections", "2000"]);
        let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| client(&serving)).collect();
        // Masked with zeros.
        let mut message = vec![0x82, 0xFE];
        message.extend(u16::try_from(LEN).expect("a length").to_be_bytes());
        message.extend([0; 4]);
        message.extend([7; LEN]);
        let sender = clients.last_mut().expect("a client");
        sender.write_all(&message).expect("it reads");
        // It is on its way to all of them, and nobody else has read anything.
        assert_eq!(frame(sender), (0x82, vec![7; LEN]));
        serving.signal(signal);
        let (sender, others) = clients.split_last_mut().expect("a client");
        for stream in others {
            assert_eq!(frame(stream), (0x82, vec![7; LEN]));
            assert_eq!(frame(stream), (0x88, 1001_u16.to_be_bytes().to_vec()));
            // The answer is late where the server has waited long enough.
            let _ = stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9]);
        }
        assert_eq!(frame(sender), (0x88, 1001_u16.to_be_bytes().to_vec()));
        let _ = sender.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9]);
        let status = [("TERM", 143), ("INT", 130), ("HUP", 129)];
        let status = status.into_iter().find(|(name, _)| *name == signal);
        assert_eq!(serving.wait().1, status.map(|(_, status)| status));
    }
}
