//! Python's `websockets`, with compression, in a process of its own: `judge.py` is the other end.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use bowsprit_proto::Role;

use crate::{case::Case, verdict::Verdict};

pub struct Websockets {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What `websockets` calls its version.
    pub version: String,
}

impl Websockets {
    pub fn start(python: &str) -> io::Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/judge.py");
        let mut child = Command::new(python)
            .args(["-B", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut output = BufReader::new(output);
        let mut version = String::new();
        output.read_line(&mut version)?;
        Ok(Self {
            child,
            input,
            output,
            version: version.trim().to_owned(),
        })
    }

    /// The verdicts on `cases`, in their order.
    pub fn judge(&mut self, cases: &[&Case]) -> io::Result<Vec<Verdict>> {
        let batch: Vec<u8> = cases.iter().flat_map(|case| encode(case)).collect();
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(&(batch.len() as u32).to_be_bytes())?;
        input.write_all(&batch)?;
        input.flush()?;
        cases.iter().map(|_| self.read()).collect()
    }

    fn read(&mut self) -> io::Result<Verdict> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let garbled = || io::Error::other(format!("no verdict: {line:?}"));
        Verdict::parse(&line).ok_or_else(garbled)
    }
}

impl Drop for Websockets {
    /// The other end leaves when its input ends.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// As `HEAD` in `judge.py` has it: settings, cuts, bytes.
fn encode(case: &Case) -> Vec<u8> {
    let (takeover, bits) = case.deflate.map_or((0, 0), |agreement| {
        (agreement.takeover.into(), agreement.window_bits)
    });
    let role = match case.role {
        Role::Client => 0,
        Role::Server => 1,
    };
    let never = u32::MAX;
    let numbers = [
        case.max_message as u32,
        case.max_frame as u32,
        case.closes_before.map_or(never, |at| at as u32),
        case.cuts.len() as u32,
        case.bytes.len() as u32,
    ];
    let mut out = vec![role, takeover, bits];
    let cuts = case.cuts.iter().map(|&cut| cut as u32);
    out.extend(numbers.into_iter().chain(cuts).flat_map(u32::to_be_bytes));
    out.extend_from_slice(&case.bytes);
    out
}
