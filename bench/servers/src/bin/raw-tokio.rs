//! No WebSocket at all: bytes sent back by tokio, with a buffer that all connections share.
//!
//! What a design on tokio can reach.

use std::{cell::RefCell, io, process::ExitCode};

use bowsprit_bench_servers::{Failure, options::Options, serve::serve};
use tokio::net::TcpStream;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

fn main() -> ExitCode {
    let options = Options::parse(&["workers"]);
    serve(&options, echo, |_| async { Ok(()) })
}

async fn echo(tcp: TcpStream) -> Result<(), Failure> {
    loop {
        tcp.readable().await?;
        let mut unsent = match BUFFER.with_borrow_mut(|buffer| pass(&tcp, buffer)) {
            Ok(Some(unsent)) => unsent,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        while !unsent.is_empty() {
            tcp.writable().await?;
            match tcp.try_write(&unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads once and writes once: what could not be written, or nothing at the end of the stream.
fn pass(tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<Vec<u8>>> {
    let count = tcp.try_read(buffer)?;
    if count == 0 {
        return Ok(None);
    }
    let written = match tcp.try_write(&buffer[..count]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        result => result?,
    };
    Ok(Some(buffer[written..count].to_vec()))
}
