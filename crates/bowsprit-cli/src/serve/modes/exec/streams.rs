//! Messages on the standard streams of a process.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use bowsprit::{CloseCode, Handle, Message};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Exec, GRACE};
use crate::serve::house::Caller;
use crate::serve::queue::{Outlet, weight};

/// How long output is waited for when the process has ended and a child of its own has not.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The longest line of its standard error that is shown.
const MAX_COMPLAINT: u64 = 4096;

/// How much is read at once where output is not cut into lines.
const CHUNK: usize = 16 << 10;

/// How messages stand on the standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) enum Format {
    /// Each text message is a line.
    #[default]
    Line,
    /// Four bytes of length, the most significant first, and as many bytes of a binary message.
    Length,
    /// The bytes alone; what is read at once is a binary message.
    Raw,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "line" => Ok(Self::Line),
            "length" => Ok(Self::Length),
            "raw" => Ok(Self::Raw),
            _ => Err("a format is line, length or raw"),
        }
    }
}

/// Writes what comes to the process until the connection has ended and all was taken.
pub(super) async fn feed(exec: &Exec, mut stdin: ChildStdin, outlet: &mut Outlet) {
    let handle = outlet.handle().clone();
    let mut is_heard = true;
    while let Some(message) = outlet.next().await {
        if is_heard {
            // A process that reads no further may still have something to say.
            is_heard = tokio::select! {
                written = write(exec, &mut stdin, &message) => written.is_ok(),
                () = given_up(&handle) => false,
            };
        }
        outlet.done(weight(&message));
    }
}

/// A process that takes nothing is waited for as long as the connection lasts, and a while after that.
async fn given_up(handle: &Handle) {
    handle.closed().await;
    sleep(GRACE).await;
}

async fn write(exec: &Exec, stdin: &mut ChildStdin, message: &Message) -> io::Result<()> {
    let payload = message.as_bytes();
    if exec.format == Format::Length {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        stdin.write_all(&length.to_be_bytes()).await?;
    }
    stdin.write_all(payload).await?;
    if exec.format == Format::Line {
        stdin.write_all(b"\n").await?;
    }
    stdin.flush().await
}

/// Sends what the process says to the client.
pub(super) async fn speak(
    exec: &Exec,
    stdout: impl AsyncRead + Unpin,
    handle: &Handle,
    caller: &Caller,
    ended: watch::Receiver<()>,
) {
    let mut reader = BufReader::with_capacity(CHUNK, stdout);
    let silence = silence(ended);
    tokio::pin!(silence);
    loop {
        let read = async {
            match exec.format {
                Format::Line => line(&mut reader, exec.max_message).await,
                Format::Length => counted(&mut reader, exec.max_message).await,
                Format::Raw => chunk(&mut reader).await,
            }
        };
        let read = tokio::select! {
            // What is there to read comes before the end of the reading, however slow the client is.
            biased;
            read = read => read,
            () = &mut silence => return,
        };
        let message = match read {
            Ok(Some(message)) => message,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let limit = exec.max_message;
                caller.tell(|| {
                    format!(
                        "exec: a message over {limit} bytes (--max-message), the process is ended"
                    )
                });
                // Refused where the closing has begun, which is as good. The process ends with it.
                let _ = handle.close(CloseCode::MESSAGE_TOO_BIG, "");
                return;
            }
            Ok(None) | Err(_) => return,
        };
        if handle.send_wait(message.clone()).await.is_err() {
            return;
        }
        caller.said(&message);
    }
}

/// The time after which nothing more is read of a process that has ended.
async fn silence(mut ended: watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
    sleep(LAST_WORDS).await;
}

/// A line without its end: text, or binary where it is not UTF-8.
async fn line(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    let mut limited = reader.take(limit as u64 + 1);
    if limited.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(match String::from_utf8(line) {
        Ok(text) => Message::from(text),
        Err(error) => Message::from(error.into_bytes()),
    }))
}

/// A binary message behind its length.
async fn counted(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Option<Message>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let length = reader.read_u32().await?;
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    if wanted > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut payload = Vec::new();
    reader.take(length.into()).read_to_end(&mut payload).await?;
    Ok((payload.len() == wanted).then(|| Message::from(payload)))
}

/// What there is to read, as a binary message.
async fn chunk(reader: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Message>> {
    let bytes = reader.fill_buf().await?.to_vec();
    reader.consume(bytes.len());
    Ok((!bytes.is_empty()).then(|| Message::from(bytes)))
}

/// Shows what the process says on its standard error.
pub(super) async fn complain(
    stderr: impl AsyncRead + Unpin,
    caller: &Caller,
    ended: watch::Receiver<()>,
) {
    let mut reader = BufReader::new(stderr);
    let reading = async {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut reader).take(MAX_COMPLAINT);
            match limited.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    caller.tell(|| format!("stderr: {}", text.trim_end_matches(['\n', '\r'])));
                }
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = silence(ended) => {}
    }
}
