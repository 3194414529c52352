//! Files of one folder, beside the WebSockets: nothing above it, nothing hidden, nothing too large.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bowsprit::Response;
use bowsprit::proto::handshake::InvalidRequest;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

use crate::printer::text::{escape, fault};

/// The largest file that is sent: an answer lies in memory until it has left.
const MAX_FILE: u64 = 16 << 20;

/// How many files are read at once.
const MAX_READERS: usize = 16;

/// A folder whose files anybody may have.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Absolute, and without links.
    root: PathBuf,
    readers: Arc<Semaphore>,
}

/// What a path leads to.
enum Found {
    File(Vec<u8>, String, Option<Timestamp>),
    /// A folder whose name lacks the slash behind it.
    Folder,
    TooLarge,
    Nothing,
}

impl Files {
    /// Serves this folder.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(super) fn new(folder: &Path) -> Result<Self, String> {
        let name = escape(&folder.display().to_string()).into_owned();
        let root = folder
            .canonicalize()
            .map_err(|error| format!("--static {name}: {}", fault(&error)))?;
        if !root.is_dir() {
            return Err(format!("--static {name}: not a folder"));
        }
        Ok(Self {
            root,
            readers: Arc::new(Semaphore::new(MAX_READERS)),
        })
    }

    /// The file at this path of a request, or why there is none.
    pub(super) async fn answer(&self, path: &str) -> Result<Response, InvalidRequest> {
        let Some(names) = names(path) else {
            return Response::plain(404);
        };
        let is_folder = path.ends_with('/');
        let (root, wanted) = (self.root.clone(), names.clone());
        // Nobody closes it.
        let permit = self.readers.acquire().await;
        let reading = tokio::task::spawn_blocking(move || find(&root, &wanted, is_folder));
        let found = reading.await.unwrap_or(Found::Nothing);
        drop(permit);
        match found {
            Found::Nothing => Response::plain(404),
            Found::TooLarge => Response::plain(413),
            Found::Folder => {
                let mut response = Response::plain(301)?;
                response.header("Location", &format!("{path}/"))?;
                Ok(response)
            }
            Found::File(content, kind, modified) => {
                let mut response = Response::new(200)?;
                response
                    .header("Content-Type", &kind)?
                    .header("X-Content-Type-Options", "nosniff")?;
                let written = modified.and_then(|time| {
                    DateTimePrinter::new()
                        .timestamp_to_rfc9110_string(&time)
                        .ok()
                });
                if let Some(time) = written {
                    response.header("Last-Modified", &time)?;
                }
                response.body(content);
                Ok(response)
            }
        }
    }
}

/// The names in a path, decoded; `None` where one of them is not to be looked for.
fn names(path: &str) -> Option<Vec<String>> {
    // A path that begins with two slashes would be a host where it is sent back.
    if path.starts_with("//") {
        return None;
    }
    let names = path.split('/').filter(|name| !name.is_empty());
    names
        .map(|name| {
            let name = percent_decode_str(name).decode_utf8().ok()?;
            let is_plain = !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']);
            is_plain.then(|| name.into_owned())
        })
        .collect()
}

fn find(root: &Path, names: &[String], is_folder: bool) -> Found {
    let mut path = root.to_path_buf();
    path.extend(names);
    open(root, &path, is_folder).unwrap_or(Found::Nothing)
}

fn open(root: &Path, path: &Path, is_folder: bool) -> io::Result<Found> {
    let mut path = path.canonicalize()?;
    if path.is_dir() {
        if !is_folder {
            return Ok(Found::Folder);
        }
        path = path.join("index.html").canonicalize()?;
    } else if is_folder {
        return Ok(Found::Nothing);
    }
    // Where a link has led: neither out of the folder, nor to what is hidden in it.
    let inside = path.strip_prefix(root).map_err(io::Error::other)?;
    let mut parts = inside.components();
    let is_hidden = parts.any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
    // A pipe or a device would be waited for.
    if is_hidden || !fs::metadata(&path)?.is_file() {
        return Ok(Found::Nothing);
    }
    let file = fs::File::open(&path)?;
    let facts = file.metadata()?;
    if facts.len() > MAX_FILE {
        return Ok(Found::TooLarge);
    }
    let mut content = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut content)?;
    let modified = facts.modified().ok();
    let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
    Ok(Found::File(content, kind(&path), modified))
}

/// The media type that the file's name stands for. Text is UTF-8.
fn kind(path: &Path) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let name = kind.essence_str();
    let is_text =
        kind.type_() == "text" || matches!(name, "application/json" | "application/javascript");
    if is_text {
        format!("{name}; charset=utf-8")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_names_that_stay_in_the_folder() {
        let found = names("/a/b%20c.txt").expect("plain names");
        assert_eq!(found, ["a", "b c.txt"]);
        assert_eq!(names("/"), Some(Vec::new()));
        for path in [
            "/../x",
            "/a/..",
            "/%2e%2e/x",
            "/a%2fb",
            "/a%5cb",
            "/.git/config",
            "//host/",
            "/%00",
            "/%ff",
            "/a/.b",
            "/C:/x",
        ] {
            assert_eq!(names(path), None, "{path}");
        }
    }
}
