//! Where the URLs come from: read as they are needed, never all at once.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tokio::sync::mpsc;

use crate::target::{Target, TargetError};

/// No URL is longer; what is must not fill the memory.
const LONGEST_LINE: usize = 64 * 1024;

/// How many items are read ahead.
const AHEAD: usize = 256;

/// One place that URLs come from.
pub(crate) enum Source {
    Targets(Box<dyn Iterator<Item = Target> + Send>),
    Lines {
        name: String,
        reader: Box<dyn Read + Send>,
    },
}

impl Source {
    fn announced(&self) -> Option<u64> {
        match self {
            Self::Targets(targets) => match targets.size_hint() {
                (least, Some(most)) if least == most => u64::try_from(most).ok(),
                _ => None,
            },
            Self::Lines { .. } => None,
        }
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Item {
    Target(Target),
    /// Something that can not be fetched: a bad line, a file that can not be read. Says where.
    Bad(String),
}

/// The sources, one after the other, read by a thread that waits when nobody takes what it read.
#[derive(Debug)]
pub(crate) struct Input {
    items: mpsc::Receiver<Item>,
    /// How many targets there are, where that is known without reading.
    announced: Option<u64>,
    known: Arc<Known>,
}

impl Input {
    /// Starts to read.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub(crate) fn start(sources: Vec<Source>) -> io::Result<Self> {
        let announced = sources.iter().map(Source::announced).sum();
        let (sender, items) = mpsc::channel(AHEAD);
        let known = Arc::new(Known::default());
        let counted = Arc::clone(&known);
        // Not a task: reading standard input blocks, and must not keep the process from ending.
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                // An error means that nobody takes items any more.
                let _ = read_all(sources, &sender, &counted);
                counted.ended.store(true, Ordering::Release);
            })?;
        Ok(Self {
            items,
            announced,
            known,
        })
    }

    /// The next item, or `None` when there is no more.
    ///
    /// # Cancel safety
    ///
    /// No item is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        self.items.recv().await
    }

    /// How many targets there are: known at once if none is in a file, and otherwise when the
    /// last has been read.
    pub(crate) fn total(&self) -> Option<u64> {
        let ended = self.known.ended.load(Ordering::Acquire);
        let counted = ended.then(|| self.known.targets.load(Ordering::Acquire));
        counted.or(self.announced)
    }
}

#[derive(Debug, Default)]
struct Known {
    targets: AtomicU64,
    ended: AtomicBool,
}

/// Nobody listens any more.
struct Unwanted;

fn read_all(
    sources: Vec<Source>,
    sender: &mpsc::Sender<Item>,
    known: &Known,
) -> Result<(), Unwanted> {
    let send = |item: Item| {
        if matches!(item, Item::Target(_)) {
            known.targets.fetch_add(1, Ordering::AcqRel);
        }
        sender.blocking_send(item).map_err(|_| Unwanted)
    };
    for source in sources {
        match source {
            Source::Targets(targets) => {
                for target in targets {
                    send(Item::Target(target))?;
                }
            }
            Source::Lines { name, reader } => {
                let mut lines = Lines::new(BufReader::new(reader));
                loop {
                    let item = match lines.next() {
                        Ok(None) => break,
                        Ok(Some(Ok(target))) => Item::Target(target),
                        Ok(Some(Err(problem))) => {
                            Item::Bad(format!("{name}:{}: {problem}", lines.number))
                        }
                        Err(error) => {
                            send(Item::Bad(format!("{name}: can not be read: {error}")))?;
                            break;
                        }
                    };
                    send(item)?;
                }
            }
        }
    }
    Ok(())
}

/// The lines of a file: trimmed, without those that are empty or a comment.
struct Lines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that says something: a target, or what is wrong with it.
    fn next(&mut self) -> io::Result<Option<Result<Target, String>>> {
        loop {
            self.line.clear();
            let limit = LONGEST_LINE as u64 + 1;
            let mut limited = self.reader.by_ref().take(limit);
            if limited.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
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
    fn blank_lines_and_comments_are_skipped_but_counted() {
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
    fn a_bad_line_does_not_stop_the_rest() {
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
    async fn the_total_is_known_at_once_without_files() {
        let target: Target = "http://a/".parse().unwrap();
        let targets = std::iter::repeat_n(target, 100_000);
        let input = Input::start(vec![Source::Targets(Box::new(targets))]).unwrap();
        assert_eq!(input.total(), Some(100_000));
    }

    #[tokio::test]
    async fn sources_follow_one_another_and_the_total_is_known_at_the_end() {
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
            },
            Source::Lines {
                name: "urls.txt".to_owned(),
                reader: Box::new(&b"http://b/\n\nftp://x\n"[..]),
            },
        ])
        .unwrap();
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
}
