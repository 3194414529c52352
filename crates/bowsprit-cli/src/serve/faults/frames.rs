//! The bytes that a server writes, cut into what faults are about: the answer, and frames.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// The longest answer to a request that is looked at.
const MAX_HEAD: u64 = 64 << 10;

/// How many bytes of a payload are handed on at once.
const CHUNK: usize = 16 << 10;

/// What the first byte of a header says of a frame (RFC 6455 §5.2).
const OPCODE: u8 = 0x0f;
const FIN: u8 = 0x80;

/// Reads what a server writes. It is this program's own, and so known to be right.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: BufReader<R>,
}

/// The header of a frame that is not masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) bytes: Vec<u8>,
    pub(super) payload: u64,
}

impl Header {
    fn first(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// Whether a message begins here.
    pub(super) fn begins_message(&self) -> bool {
        matches!(self.first() & OPCODE, 1 | 2)
    }

    /// Whether it is a further frame of a message that has begun.
    pub(super) fn continues_message(&self) -> bool {
        self.first() & OPCODE == 0
    }

    /// Changes the first byte.
    pub(super) fn set_first(&mut self, change: impl FnOnce(u8) -> u8) {
        if let Some(first) = self.bytes.first_mut() {
            *first = change(*first);
        }
    }

    /// Changes the opcode, and leaves the rest as it is.
    pub(super) fn set_opcode(&mut self, opcode: u8) {
        self.set_first(|first| first & !OPCODE | opcode);
    }

    /// Claims that the payload is masked, with a key that changes nothing.
    pub(super) fn mask(&mut self) {
        if let Some(length) = self.bytes.get_mut(1) {
            *length |= 0x80;
        }
        self.bytes.extend([0; 4]);
    }

    /// A header for a whole text message of this length, up to 125 bytes.
    pub(super) fn short_text(length: u8) -> Self {
        Self {
            bytes: vec![FIN | 1, length],
            payload: length.into(),
        }
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(CHUNK, reader),
        }
    }

    /// The answer to the request, up to the empty line; shorter where the server ends before that.
    pub(super) async fn head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut limited = (&mut self.reader).take(MAX_HEAD);
        while !head.ends_with(b"\r\n\r\n") && limited.read_until(b'\n', &mut head).await? > 0 {}
        Ok(head)
    }

    /// The next header, or `None` at the end.
    pub(super) async fn header(&mut self) -> io::Result<Option<Header>> {
        if self.reader.fill_buf().await?.is_empty() {
            return Ok(None);
        }
        let mut bytes = vec![0; 2];
        self.reader.read_exact(&mut bytes).await?;
        let short = bytes.get(1).copied().unwrap_or_default() & 0x7f;
        let payload = match short {
            126 => {
                let length = self.reader.read_u16().await?;
                bytes.extend(length.to_be_bytes());
                length.into()
            }
            127 => {
                let length = self.reader.read_u64().await?;
                bytes.extend(length.to_be_bytes());
                length
            }
            short => short.into(),
        };
        Ok(Some(Header { bytes, payload }))
    }

    /// The next bytes, `left` at most; none at the end.
    pub(super) async fn bytes(&mut self, left: u64) -> io::Result<Vec<u8>> {
        let buffered = self.reader.fill_buf().await?;
        let count = buffered.len().min(usize::try_from(left).unwrap_or(CHUNK));
        let bytes = buffered.get(..count).unwrap_or_default().to_vec();
        self.reader.consume(count);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cuts_what_a_server_writes_into_the_answer_and_frames() {
        let mut written = b"HTTP/1.1 101 X\r\nA: b\r\n\r\n\x81\x02hi\x82\x7e\x01\x00".to_vec();
        written.extend([7; 256]);
        let mut frames = Frames::new(written.as_slice());
        assert!(
            frames
                .head()
                .await
                .expect("bytes")
                .ends_with(b"A: b\r\n\r\n")
        );
        let first = frames.header().await.expect("bytes").expect("a frame");
        assert!(first.begins_message() && first.payload == 2);
        assert_eq!(frames.bytes(first.payload).await.expect("bytes"), b"hi");
        let second = frames.header().await.expect("bytes").expect("a frame");
        assert_eq!((second.payload, second.bytes.len()), (256, 4));
        assert_eq!(frames.bytes(second.payload).await.expect("bytes"), [7; 256]);
        assert_eq!(frames.header().await.expect("the end"), None);
    }
}
