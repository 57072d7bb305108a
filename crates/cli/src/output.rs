//! Bodies as files in one folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use http::Uri;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// Longer names are cut; every file system allows this many.
const LONGEST_NAME: usize = 100;

/// The folder that bodies are saved in.
#[derive(Debug)]
pub(crate) struct Output {
    directory: PathBuf,
}

impl Output {
    /// Saves in `directory`, which is created if need be.
    ///
    /// # Errors
    ///
    /// It can not be created, or is no folder.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Begins the file for the body of `uri`, the `number`th of the run.
    ///
    /// # Errors
    ///
    /// It can not be created.
    pub(crate) fn begin(&self, number: u64, uri: &Uri) -> io::Result<Begun> {
        let name = file_name(number, uri);
        let part = self.directory.join(format!(".{name}.part"));
        // What an earlier run may have left. Never written through: it could be a link.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Not in a task: if that went on without us, the file would come after we had gone, and
        // nobody would remove it.
        let file = fs::File::create_new(&part)?;
        Ok(Begun {
            file: File::from_std(file),
            part,
            whole: self.directory.join(&name),
            name,
            finished: false,
        })
    }
}

/// A file that is not complete yet; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Begun {
    file: File,
    part: PathBuf,
    whole: PathBuf,
    name: String,
    finished: bool,
}

impl Begun {
    /// Appends `data`.
    ///
    /// # Errors
    ///
    /// It, or what was appended before, can not be written.
    pub(crate) async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data).await
    }

    /// Completes the file under its own name, and returns that. A file of that name is replaced.
    ///
    /// # Errors
    ///
    /// The rest can not be written, or the name is taken by a folder.
    pub(crate) async fn finish(mut self) -> io::Result<String> {
        self.file.flush().await?;
        fs::rename(&self.part, &self.whole)?;
        self.finished = true;
        Ok(std::mem::take(&mut self.name))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.finished {
            // It is in the way of nobody if it stays.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The number, and of host and path what is harmless in a name: nothing that separates folders, and
/// never a dot first, because the number comes first.
fn file_name(number: u64, uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let path = uri.path().trim_matches('/');
    let mut name = format!("{number:06}-{host}");
    if !path.is_empty() {
        name.push('-');
        name.push_str(path);
    }
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
    fn names_are_harmless() {
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

    #[tokio::test]
    async fn only_whole_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::create(&folder.path().join("new/deep")).unwrap();
        let uri: Uri = "http://h/a".parse().unwrap();
        for _ in 0..2 {
            let mut begun = output.begin(1, &uri).unwrap();
            begun.write(b"hello ").await.unwrap();
            begun.write(b"world").await.unwrap();
            assert_eq!(begun.finish().await.unwrap(), "000001-h-a");
        }
        let mut dropped = output.begin(2, &uri).unwrap();
        dropped.write(b"half").await.unwrap();
        drop(dropped);
        let names: Vec<_> = fs::read_dir(&output.directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["000001-h-a"]);
        let text = fs::read_to_string(output.directory.join("000001-h-a"));
        assert_eq!(text.unwrap(), "hello world");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::write(&outside, "precious").unwrap();
        let inside = folder.path().join("in");
        let output = Output::create(&inside).unwrap();
        for name in ["000001-h", ".000001-h.part"] {
            std::os::unix::fs::symlink(&outside, inside.join(name)).unwrap();
        }
        let uri: Uri = "http://h/".parse().unwrap();
        let mut begun = output.begin(1, &uri).unwrap();
        begun.write(b"new").await.unwrap();
        begun.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
        assert_eq!(fs::read_to_string(inside.join("000001-h")).unwrap(), "new");
    }
}
