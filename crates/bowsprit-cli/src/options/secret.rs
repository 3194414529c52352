//! Values that nobody else may read: as typed, from a file, or from the environment.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::Read as _;

use crate::printer::text::{escape, fault};

/// The most that is read of a file: no password is longer.
const MAX_FILE: u64 = 64 << 10;

/// What begins the name of a file.
const FILE: &str = "@";

/// What begins the name of an environment variable.
const VARIABLE: &str = "env:";

/// A value that may be a secret: itself, `@FILE`, or `env:NAME`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Whether the text names a place, and not the value itself.
    pub(crate) fn is_reference(text: &str) -> bool {
        text.starts_with(FILE) || variable(text).is_some()
    }

    /// Whether this is the value itself.
    pub(crate) fn is_plain(&self) -> bool {
        !Self::is_reference(&self.0)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// When it is not where it is said to be; the text names the place, escaped.
    pub(crate) fn read(&self) -> Result<String, String> {
        if let Some(path) = self.0.strip_prefix(FILE) {
            return read_file(path).map_err(|why| format!("cannot read {}: {why}", escape(path)));
        }
        match variable(&self.0) {
            None => Ok(self.0.clone()),
            Some(name) => match env::var(name) {
                Ok(value) => Ok(value),
                Err(env::VarError::NotPresent) => {
                    Err(format!("the environment has no variable {name}"))
                }
                Err(env::VarError::NotUnicode(_)) => {
                    Err(format!("the environment variable {name} is not UTF-8"))
                }
            },
        }
    }

    /// The first line of the value.
    ///
    /// # Errors
    ///
    /// As above, and when that line is empty.
    pub(crate) fn read_line(&self) -> Result<String, String> {
        let text = self.read()?;
        match text.lines().next() {
            None | Some("") => Err("the value is empty".to_owned()),
            Some(line) => Ok(line.to_owned()),
        }
    }

    /// The lines of the value that are not empty.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) fn read_lines(&self) -> Result<Vec<String>, String> {
        if !Self::is_reference(&self.0) {
            // A line end in a value that was typed is a fault to be told, not one more line.
            return Ok(vec![self.0.clone()]);
        }
        let text = self.read()?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        Ok(lines.map(str::to_owned).collect())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The name of the variable that the text refers to. A header such as `env: x` refers to none.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix(VARIABLE)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn read_file(path: &str) -> Result<String, String> {
    let file = File::open(path).map_err(|error| fault(&error))?;
    let mut content = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut content)
        .map_err(|error| fault(&error))?;
    if content.len() as u64 > MAX_FILE {
        return Err(format!("larger than {MAX_FILE} bytes"));
    }
    String::from_utf8(content).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn takes_a_value_from_a_file_or_the_environment() {
        let file = env::temp_dir().join(format!("bowsprit-secret-{}", std::process::id()));
        std::fs::write(&file, "first\r\n\nsecond\n").expect("a temporary file");
        let of_file = secret(&format!("@{}", file.display()));
        assert_eq!(of_file.read_line(), Ok("first".to_owned()));
        let lines = ["first".to_owned(), "second".to_owned()];
        assert_eq!(of_file.read_lines(), Ok(lines.to_vec()));
        std::fs::remove_file(file).expect("what was made here");
        let of_path = secret("env:PATH").read().expect("every shell sets it");
        assert_eq!(
            Ok(of_path),
            env::var("PATH").map_err(|error| error.to_string())
        );
    }

    #[test]
    fn tells_the_place_where_no_value_is() {
        for (text, told) in [
            ("@/no/such/file", "cannot read /no/such/file: "),
            (
                "@/dev/zero",
                "cannot read /dev/zero: larger than 65536 bytes",
            ),
            (
                "env:NO_SUCH_VARIABLE",
                "the environment has no variable NO_SUCH_VARIABLE",
            ),
        ] {
            let fault = secret(text).read().expect_err(text);
            assert!(fault.starts_with(told), "{fault}");
        }
    }

    #[test]
    fn leaves_everything_else_as_it_was_typed() {
        for text in ["token", "env: x", "env:", "env:a b", "me:env:X", "a\nb"] {
            assert_eq!(secret(text).read(), Ok(text.to_owned()));
            assert_eq!(secret(text).read_lines(), Ok(vec![text.to_owned()]));
        }
        assert_eq!(format!("{:?}", secret("hunter2")), "Secret(..)");
    }
}
