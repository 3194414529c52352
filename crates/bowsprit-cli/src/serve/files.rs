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

use super::visit::Visit;
use crate::printer::text::{escape, fault};

/// The largest file that is sent: an answer lies in memory until it has left.
const MAX_FILE: u64 = 16 << 20;

/// How many files are looked for at once.
const MAX_READERS: usize = 16;

/// How many KiB of files may be on their way: clients that do not read what they ask for fill no more. The
/// rest wait for their turn.
const MAX_ON_THE_WAY: usize = 64 << 10;

/// A folder whose files anybody may have.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Absolute, and without links.
    root: PathBuf,
    readers: Arc<Semaphore>,
    on_the_way: Arc<Semaphore>,
}

/// What a path leads to.
enum Found {
    File(Opened),
    /// A folder whose name lacks the slash behind it.
    Folder,
    TooLarge,
    Nothing,
}

/// A file, and what there is to say of it.
struct Opened {
    file: fs::File,
    size: u64,
    kind: String,
    modified: Option<Timestamp>,
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
            on_the_way: Arc::new(Semaphore::new(MAX_ON_THE_WAY)),
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
            Found::File(opened) => self.send(opened).await,
        }
    }

    async fn send(&self, opened: Opened) -> Result<Response, InvalidRequest> {
        let Opened {
            file,
            size,
            kind,
            modified,
        } = opened;
        let room = u32::try_from(size / 1024 + 1).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.on_the_way).acquire_many_owned(room).await {
            Visit::current().keep_room(room);
        }
        let reading = tokio::task::spawn_blocking(move || read(file, size));
        let Ok(Ok(content)) = reading.await else {
            return Response::plain(404);
        };
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
    let modified = facts.modified().ok();
    Ok(Found::File(Opened {
        file,
        size: facts.len(),
        kind: kind(&path),
        modified: modified.and_then(|time| Timestamp::try_from(time).ok()),
    }))
}

/// What is in the file, and nothing of what it has grown by since.
fn read(file: fs::File, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(size).read_to_end(&mut content)?;
    Ok(content)
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

    #[tokio::test]
    async fn a_file_takes_its_room_until_its_client_has_gone() {
        use crate::serve::visit::VISIT;
        let name = format!("bowsprit-files-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder");
        fs::write(folder.join("a"), vec![0; 5000]).expect("a file");
        let files = Files::new(&folder).expect("a folder");
        let visit = Arc::new(Visit::new());
        let answer = VISIT.scope(Arc::clone(&visit), files.answer("/a")).await;
        assert_eq!(answer.expect("an answer").status(), 200);
        assert_eq!(files.on_the_way.available_permits(), MAX_ON_THE_WAY - 5);
        drop(visit);
        assert_eq!(files.on_the_way.available_permits(), MAX_ON_THE_WAY);
        fs::remove_dir_all(&folder).expect("what was made here");
    }

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
