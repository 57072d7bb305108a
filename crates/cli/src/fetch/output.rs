//! Writes bodies to standard output, a file, or a folder.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex as AsyncMutex;

use crate::platform;

/// The bound on the length of file names, which every file system allows.
const LONGEST_NAME: usize = 100;

const STANDARD: &str = "standard output";

/// The destination of the bodies of a run.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output, one complete body after the other.
    Standard {
        output: Arc<AsyncMutex<File>>,
        /// Whether binary data is refused, since standard output is a terminal.
        text_only: bool,
    },
    /// One file, for the one body of the run.
    File(PathBuf),
    /// A folder, with names made of number, host and path.
    Folder(PathBuf),
    /// The working directory, with the last segment of each URL's path as the name.
    RemoteNames(
        /// The names used so far.
        Mutex<HashSet<String>>,
    ),
}

impl Output {
    /// Standard output. With `text_only`, a terminal takes no binary data, which it could read as
    /// commands. Fails if no file descriptor is left.
    pub(crate) fn standard(text_only: bool) -> io::Result<Self> {
        let text_only = text_only && io::stdout().is_terminal();
        let file = platform::standard_output()?;
        Ok(Self::Standard {
            output: Arc::new(AsyncMutex::new(File::from_std(file))),
            text_only,
        })
    }

    /// The file at `path`; fails if its folder does not exist.
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        let folder = fs::metadata(folder_of(path))?;
        if !folder.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self::File(path.to_owned()))
    }

    /// The folder at `path`, which is created if it does not exist.
    pub(crate) fn folder(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self::Folder(path.to_owned()))
    }

    /// The name for error messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Standard { .. } => STANDARD.to_owned(),
            Self::File(path) | Self::Folder(path) => path.display().to_string(),
            Self::RemoteNames(_) => "the working directory".to_owned(),
        }
    }

    /// Begins the body of `uri`, the `number`th fetch of the run. With standard output, it first
    /// waits for the end of the body before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future begins nothing.
    ///
    /// # Errors
    ///
    /// The file can not be created, or the URL gives it no name.
    pub(crate) async fn begin(&self, number: u64, uri: &Uri) -> io::Result<Begun> {
        match self {
            Self::Standard { output, text_only } => Ok(Begun {
                file: Box::new(Pin::new(Arc::clone(output).lock_owned().await)),
                name: None,
                part: None,
                text_only: *text_only,
            }),
            Self::File(path) if is_special(path) => {
                let mut options = File::options();
                let file = options.write(true).truncate(true).open(path).await?;
                Ok(Begun::file(file, path.display().to_string(), None))
            }
            Self::File(path) => {
                let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
                let name = name.to_string_lossy();
                part(path.clone(), &name, path.display().to_string())
            }
            Self::Folder(folder) => {
                let name = file_name(number, uri);
                part(folder.join(&name), &name, name.clone())
            }
            Self::RemoteNames(taken) => {
                let name = remote_name(uri)?;
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                if !taken.insert(name.clone()) {
                    return Err(io::Error::other(format!(
                        "another URL of this run was saved as {name}; --output DIR keeps both"
                    )));
                }
                part(PathBuf::from(&name), &name, name.clone())
            }
        }
    }
}

/// A body that is being written. Dropping it removes an incomplete file.
pub(crate) struct Begun {
    /// Where the body goes, and before it the heads.
    pub(crate) file: Box<dyn AsyncWrite + Send + Unpin>,
    /// The name of the file; `None` for standard output.
    name: Option<String>,
    /// The file for now, and that which it becomes. `None` for standard output, and for a device, a
    /// pipe or a link, which is written in place.
    part: Option<(TempPath, PathBuf)>,
    text_only: bool,
}

impl Begun {
    fn file(file: File, name: String, part: Option<(TempPath, PathBuf)>) -> Self {
        Self {
            file: Box::new(file),
            name: Some(name),
            part,
            text_only: false,
        }
    }

    /// The name for error messages.
    pub(crate) fn place(&self) -> String {
        self.name.clone().unwrap_or_else(|| STANDARD.to_owned())
    }

    /// Appends `data`; fails if an earlier write did, or a terminal would get binary data.
    pub(crate) async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        if self.text_only && data.contains(&0) {
            return Err(io::Error::other(
                "the body is binary, which a terminal may take for commands; \
                 save it with --output FILE, or write it all the same with --output -",
            ));
        }
        // Only the first data decides, as text may contain a zero byte later.
        self.text_only &= data.is_empty();
        self.file.write_all(data).await
    }

    /// Completes the body, and returns the name of its file, if any. The file replaces an older one,
    /// but no folder.
    pub(crate) async fn finish(mut self) -> io::Result<Option<String>> {
        self.file.flush().await?;
        if let Some((part, whole)) = self.part {
            part.persist(whole)?;
        }
        Ok(self.name)
    }
}

/// Begins the file `whole`, with `last` as its last segment and `name` for messages.
fn part(whole: PathBuf, last: &str, name: String) -> io::Result<Begun> {
    let part = folder_of(&whole).join(format!(".{last}.part"));
    // An earlier run may have left it. It could be a link, so it is never written through.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let part = TempPath::try_from_path(part)?;
    // Blocking on purpose: a cancelled task could create the file later, and leave it behind.
    let file = fs::File::create_new(&part)?;
    Ok(Begun::file(File::from_std(file), name, Some((part, whole))))
}

/// Whether `path` is neither file nor folder, such as `/dev/stdout`, and must not be replaced.
fn is_special(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file name of number, host and path, without separators of folders. The number comes first, so
/// the name never starts with a dot.
fn file_name(number: u64, uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let path = uri.path().trim_matches('/');
    let mut name = format!("{number:06}-{host}");
    if !path.is_empty() {
        name.push('-');
        name.push_str(path);
    }
    harmless(&name)
}

/// The last segment of the path. Leading dots and hyphens are replaced, as they would hide the file
/// or look like an option.
fn remote_name(uri: &Uri) -> io::Result<String> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let name = harmless(last);
    match name.trim_start_matches(['.', '-']) {
        "" => Err(io::Error::other(
            "the URL ends without the name of a file; give one with --output FILE",
        )),
        rest => Ok(format!("{}{rest}", "_".repeat(name.len() - rest.len()))),
    }
}

fn harmless(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        })
        .take(LONGEST_NAME)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64, uri: &str) -> String {
        file_name(number, &uri.parse().unwrap())
    }

    #[test]
    fn file_names_of_urls_leave_no_folder() {
        for (uri, expected) in [
            ("http://h/", "000007-h"),
            ("http://h:80/a/b.html?q=1", "000007-h-a_b.html"),
            ("http://[::1]/x", "000007-__1-x"),
            ("http://h/../../etc/passwd", "000007-h-.._.._etc_passwd"),
            ("http://h/%2e%2e%2fx\\y", "000007-h-_2e_2e_2fx_y"),
            ("http://h//abs", "000007-h-abs"),
        ] {
            assert_eq!(name(7, uri), expected);
        }
        let long = name(1_234_567, &format!("http://h/{}", "x/".repeat(400)));
        assert_eq!(long.len(), LONGEST_NAME);
        assert!(long.starts_with("1234567-h-x_x"));
    }

    #[test]
    fn remote_names_are_neither_hidden_nor_options() {
        for (uri, expected) in [
            ("http://h/a/b.html?q=1", Some("b.html")),
            ("http://h/x%20y", Some("x_20y")),
            ("http://h/.bashrc", Some("_bashrc")),
            ("http://h/-rf", Some("_rf")),
            ("http://h/a\\b", Some("a_b")),
            ("http://h/a/..", None),
            ("http://h/a/", None),
            ("http://h", None),
        ] {
            let name = remote_name(&uri.parse().unwrap()).ok();
            assert_eq!(name.as_deref(), expected, "{uri}");
        }
    }

    #[tokio::test]
    async fn incomplete_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::folder(&folder.path().join("new/deep")).unwrap();
        let uri: Uri = "http://h/a".parse().unwrap();
        for _ in 0..2 {
            let mut begun = output.begin(1, &uri).await.unwrap();
            begun.write(b"hello ").await.unwrap();
            begun.write(b"world").await.unwrap();
            let name = begun.finish().await.unwrap();
            assert_eq!(name.as_deref(), Some("000001-h-a"));
        }
        let mut dropped = output.begin(2, &uri).await.unwrap();
        dropped.write(b"half").await.unwrap();
        drop(dropped);
        let names: Vec<_> = fs::read_dir(folder.path().join("new/deep"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["000001-h-a"]);
        let text = fs::read_to_string(folder.path().join("new/deep/000001-h-a"));
        assert_eq!(text.unwrap(), "hello world");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_in_the_output_folder_are_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::write(&outside, "precious").unwrap();
        let inside = folder.path().join("in");
        let output = Output::folder(&inside).unwrap();
        for name in ["000001-h", ".000001-h.part"] {
            std::os::unix::fs::symlink(&outside, inside.join(name)).unwrap();
        }
        let uri: Uri = "http://h/".parse().unwrap();
        let mut begun = output.begin(1, &uri).await.unwrap();
        begun.write(b"new").await.unwrap();
        begun.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
        assert_eq!(fs::read_to_string(inside.join("000001-h")).unwrap(), "new");
    }
}
