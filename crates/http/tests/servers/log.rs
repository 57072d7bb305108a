//! The access log of a server: for each answered request, a line with the connection, the status
//! and the path.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::{fs, thread};

use crate::traffic::REQUESTS;

pub(crate) struct Counts {
    pub(crate) requests: usize,
    pub(crate) connections: usize,
    /// So many were open at once, at least: between their first and their last line.
    pub(crate) at_once: usize,
}

/// Reads a log of a server that has answered everything.
pub(crate) fn read(file: &Path) -> Counts {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        // The last lines are written after the last answers.
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().map(words);
        // `listens` opens a connection without a request.
        let lines: Vec<[&str; 3]> = lines.filter(|[_, _, path]| *path != "-").collect();
        let served: HashSet<&str> = lines
            .iter()
            .filter(|[_, status, _]| *status == "200")
            .map(|[_, _, path]| *path)
            .collect();
        if served.len() == REQUESTS {
            return count(&lines);
        }
        let missing = format!("{} of {REQUESTS} are in the log", served.len());
        assert!(std::time::Instant::now() < deadline, "{missing}");
        thread::yield_now();
    }
}

fn words(line: &str) -> [&str; 3] {
    let words: Vec<&str> = line.split(' ').collect();
    let words = words.try_into();
    words.unwrap_or_else(|_| panic!("a line of the log is not ours: {line}"))
}

fn count(lines: &[[&str; 3]]) -> Counts {
    let place = |(line, words): (usize, &[_; 3])| (words[0], line);
    let last: HashMap<&str, usize> = lines.iter().enumerate().map(place).collect();
    let mut open = HashSet::new();
    let mut at_once = 0;
    for (line, [connection, ..]) in lines.iter().enumerate() {
        open.insert(*connection);
        at_once = at_once.max(open.len());
        if last[connection] == line {
            open.remove(connection);
        }
    }
    Counts {
        requests: lines.len(),
        connections: last.len(),
        at_once,
    }
}
