//! Reads URLs from arguments and files, as needed.

use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::fetch::target::{Target, TargetError};

/// The bound on a line; a longer one must not fill the memory.
const LONGEST_LINE: usize = 64 * 1024;

/// The number of items that are read ahead.
const AHEAD: usize = 256;

/// A source of URLs.
pub(crate) enum Source {
    Targets(Box<dyn Iterator<Item = Target> + Send>),
    Lines {
        name: String,
        reader: Box<dyn Read + Send>,
        /// The size in bytes, if known.
        length: Option<u64>,
    },
}

/// The number of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    Exactly(u64),
    /// Estimated from the size of files and the length of the lines read so far.
    About(u64),
}

impl Total {
    /// The number of fetches, with `times` fetches of each target.
    pub(crate) fn times(self, times: u64) -> Self {
        match self {
            Self::Exactly(count) => Self::Exactly(count.saturating_mul(times)),
            Self::About(count) => Self::About(count.saturating_mul(times)),
        }
    }
}

/// An item of the input.
#[derive(Debug)]
pub(crate) enum Item {
    Target(Target),
    /// A message about a bad line or an unreadable file, with its place.
    Bad(String),
}

/// The items of all sources in turn, from a thread that reads ahead a little.
#[derive(Debug)]
pub(crate) struct Input {
    /// Each with the bytes of the lines up to it.
    items: mpsc::Receiver<(Item, u64)>,
    /// The result of [`size`].
    size: Option<(u64, u64)>,
    targets: u64,
    bytes: u64,
    ended: bool,
}

impl Input {
    pub(crate) fn start(sources: Vec<Source>) -> Self {
        let size = size(&sources);
        let (sender, items) = mpsc::channel(AHEAD);
        // Reading standard input blocks, and must not delay the exit.
        spawn_blocking(move || read_all(sources, &sender));
        Self {
            items,
            size,
            targets: 0,
            bytes: 0,
            ended: false,
        }
    }

    /// The next item; `None` at the end of the input.
    ///
    /// # Cancel safety
    ///
    /// No item is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        let Some((item, bytes)) = self.items.recv().await else {
            self.ended = true;
            return None;
        };
        self.targets += u64::from(matches!(item, Item::Target(_)));
        self.bytes = bytes;
        Some(item)
    }

    /// The number of targets. It is exact at once without files, and otherwise after the last line.
    /// Before that, it is estimated if the sizes of all files are known.
    pub(crate) fn total(&self) -> Option<Total> {
        if self.ended {
            return Some(Total::Exactly(self.targets));
        }
        let (outside, of) = self.size?;
        if of == 0 {
            return Some(Total::Exactly(outside));
        }
        let in_lines = self.targets.saturating_sub(outside);
        let judged = in_lines as f64 * (of as f64 / self.bytes.clamp(1, of) as f64);
        (self.bytes > 0).then(|| Total::About(outside + judged.round() as u64))
    }
}

/// The number of targets outside files, and the size of all files in bytes, if both are known.
fn size(sources: &[Source]) -> Option<(u64, u64)> {
    sources
        .iter()
        .try_fold((0, 0), |(targets, bytes), source| match source {
            Source::Lines { length, .. } => Some((targets, bytes + (*length)?)),
            Source::Targets(more) => match more.size_hint() {
                (least, Some(most)) if least == most => Some((targets + most as u64, bytes)),
                _ => None,
            },
        })
}

/// Sends all items; `None` if the receiver is gone.
fn read_all(sources: Vec<Source>, sender: &mpsc::Sender<(Item, u64)>) -> Option<()> {
    let mut before = 0;
    for source in sources {
        match source {
            Source::Targets(targets) => {
                for target in targets {
                    sender.blocking_send((Item::Target(target), before)).ok()?;
                }
            }
            Source::Lines { name, reader, .. } => {
                let mut lines = Lines::new(BufReader::new(reader));
                loop {
                    let read = lines.next();
                    let is_broken = read.is_err();
                    let item = match read {
                        Ok(None) => break,
                        Ok(Some(Ok(target))) => Item::Target(target),
                        Ok(Some(Err(problem))) => {
                            Item::Bad(format!("{name}:{}: {problem}", lines.number))
                        }
                        Err(error) => Item::Bad(format!("{name}: can not be read: {error}")),
                    };
                    sender.blocking_send((item, before + lines.bytes)).ok()?;
                    if is_broken {
                        break;
                    }
                }
                before += lines.bytes;
            }
        }
    }
    Some(())
}

/// The lines of a file, trimmed, without empty lines and comments.
struct Lines<R> {
    reader: R,
    number: u64,
    /// The bytes read so far, except the rest of lines that are too long.
    bytes: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            bytes: 0,
            line: Vec::new(),
        }
    }

    /// The next line: a target, or the fault of the line.
    fn next(&mut self) -> io::Result<Option<Result<Target, String>>> {
        loop {
            self.line.clear();
            let limit = LONGEST_LINE as u64 + 1;
            let mut limited = self.reader.by_ref().take(limit);
            if limited.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bytes += self.line.len() as u64;
            if self.line.len() > LONGEST_LINE && self.line.last() != Some(&b'\n') {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Err(format!("longer than {LONGEST_LINE} bytes"))));
            }
            let mark = if self.number == 1 { "\u{feff}" } else { "" };
            let text = self.line.strip_prefix(mark.as_bytes());
            let text = text.unwrap_or(&self.line).trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            return Ok(Some(match std::str::from_utf8(text) {
                Ok(text) => text.parse().map_err(|e: TargetError| e.to_string()),
                Err(_) => Err("not a URL: not UTF-8".to_owned()),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(text);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((lines.number, line.map(|target| target.uri.to_string())));
        }
        all
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_but_have_a_number() {
        let all = read(b"\xef\xbb\xbfhttp://a/\r\n\n  # x\n\t http://b/ \nhttp://c/");
        let url = |text: &str| Ok(text.to_owned());
        assert_eq!(
            all,
            [
                (1, url("http://a/")),
                (4, url("http://b/")),
                (5, url("http://c/"))
            ]
        );
    }

    #[test]
    fn lines_after_a_bad_line_are_read() {
        let mut text = b"ftp://a/\n\xff\xfe\nhttp://a/".to_vec();
        text.extend(vec![b'x'; 3 * LONGEST_LINE]);
        text.extend(b"\nhttp://b/\n");
        let all = read(&text);
        assert_eq!(all.len(), 4);
        assert!(all[0].1.as_ref().unwrap_err().contains("not HTTP"));
        assert!(all[1].1.as_ref().unwrap_err().contains("UTF-8"));
        assert!(all[2].1.as_ref().unwrap_err().contains("longer than"));
        assert_eq!(all[3], (4, Ok("http://b/".to_owned())));
    }

    #[tokio::test]
    async fn the_number_of_targets_is_known_at_once_without_files() {
        let target: Target = "http://a/".parse().unwrap();
        let targets = std::iter::repeat_n(target, 100_000);
        let input = Input::start(vec![Source::Targets(Box::new(targets))]);
        assert_eq!(input.total(), Some(Total::Exactly(100_000)));
    }

    #[tokio::test]
    async fn sources_are_read_in_turn_and_the_number_of_targets_is_known_at_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let target: Target = "http://a/".parse().unwrap();
        let mut input = Input::start(vec![
            Source::Targets(Box::new(std::iter::repeat_n(target, 1000))),
            Source::Lines {
                name: "broken.txt".to_owned(),
                reader: Box::new(Broken),
                length: None,
            },
            Source::Lines {
                name: "urls.txt".to_owned(),
                reader: Box::new(&b"http://b/\n\nftp://x\n"[..]),
                length: None,
            },
        ]);
        let mut bad = Vec::new();
        let mut targets = 0;
        assert_eq!(input.total(), None, "more than is read ahead");
        while let Some(item) = input.next().await {
            match item {
                Item::Target(_) => targets += 1,
                Item::Bad(what) => bad.push(what),
            }
        }
        assert_eq!(targets, 1001);
        assert!(bad[0].starts_with("broken.txt: can not be read: broken"));
        assert!(bad[1].starts_with("urls.txt:3: "));
    }

    #[tokio::test]
    async fn the_number_of_targets_in_a_file_is_estimated_until_the_file_is_read() {
        let text: &str = "http://a/\n".repeat(10_000).leak();
        let mut input = Input::start(vec![
            Source::Targets(Box::new(std::iter::once("http://b/".parse().unwrap()))),
            Source::Lines {
                name: "urls.txt".to_owned(),
                reader: Box::new(text.as_bytes()),
                length: Some(text.len() as u64),
            },
        ]);
        for read in 0..10_001 {
            assert!(input.next().await.is_some());
            let expected = (read > 0).then_some(Total::About(10_001));
            assert_eq!(input.total(), expected, "{read}");
        }
        assert!(input.next().await.is_none());
        assert_eq!(input.total(), Some(Total::Exactly(10_001)));
    }
}
