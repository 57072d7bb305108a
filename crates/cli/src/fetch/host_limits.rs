//! Parses the file of `--limits`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use keepalive::Host;

use crate::exit::Refusal;
use crate::fetch::target::{Target, TargetError};

/// The bound on the size of the file; the message about it says 16 MiB.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A line, as messages show it.
const EXAMPLE: &str = "https://example.com max-per-host 2";

/// The limits of single hosts, in connections.
pub(crate) type HostLimits = HashMap<Host, usize>;

/// Reads a file of limits. The error is about the first line with a fault, or about reading.
pub(crate) fn read(path: &Path) -> Result<HostLimits, Refusal> {
    let name = path.display();
    let text = text(path).map_err(|error| format!("--limits: can not read {name}: {error}"))?;
    parse(&text).map_err(|(line, fault)| format!("--limits: {name}:{line}: {fault}").into())
}

fn text(path: &Path) -> io::Result<String> {
    let file = fs::File::open(path)?;
    let mut text = String::new();
    let read = io::Read::read_to_string(&mut io::Read::take(file, LARGEST_FILE + 1), &mut text);
    if read? as u64 > LARGEST_FILE {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<HostLimits, (usize, String)> {
    let mut limits = HostLimits::new();
    let mut lines = HashMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (host, limit) = parse_line(line).map_err(|fault| (number, fault))?;
        if let Some(earlier) = lines.insert(host.clone(), number) {
            let fault = format!("line {earlier} is about the same host; leave one of the two");
            return Err((number, fault));
        }
        limits.insert(host, limit);
    }
    Ok(limits)
}

fn parse_line(line: &str) -> Result<(Host, usize), String> {
    let mut words = line.split_whitespace();
    let url = words.next().unwrap_or_default();
    let for_a_host = format!("a limit is for a host, as in {EXAMPLE}");
    if !url.contains("://") {
        return Err(format!("write the scheme too: {for_a_host}"));
    }
    let target: Result<Target, TargetError> = url.parse();
    let target = target.map_err(|error| format!("{error}; write a line as {EXAMPLE}"))?;
    let is_more = target.uri.path() != "/" || target.uri.query().is_some();
    if is_more || target.authorization.is_some() {
        return Err(format!(
            "leave out the path, user name and password: {for_a_host}"
        ));
    }
    match words.next() {
        None => {
            let nothing = "nothing is said of the host; write max-per-host and a number after it";
            return Err(nothing.to_owned());
        }
        Some("max-per-host") => {}
        Some(other) => return Err(format!("{other:?} is no limit; there is max-per-host")),
    }
    let needs = "max-per-host needs a number from 1 on after it";
    let number = words.next().ok_or(needs)?;
    let limit = match number.parse() {
        Ok(limit) if limit > 0 => limit,
        _ => return Err(format!("{needs}, and {number:?} is none")),
    };
    match words.next() {
        None => Ok((target.host, limit)),
        Some(rest) => Err(format!(
            "nothing may come after the number, but {rest:?} does"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_of(limits: &HostLimits, url: &str) -> Option<usize> {
        let target: Target = url.parse().expect("a URL");
        limits.get(&target.host).copied()
    }

    #[test]
    fn each_line_of_a_limits_file_is_a_host_and_its_limit() {
        let text = "\u{feff}# ours\r\nhttps://Example.com:443\t max-per-host  2\r\n\n\
                    http://127.0.0.1:8080/ max-per-host 16";
        let limits = parse(text).expect("it is well formed");
        assert_eq!(limits.len(), 2);
        assert_eq!(limit_of(&limits, "https://example.com/a"), Some(2));
        assert_eq!(limit_of(&limits, "http://127.0.0.1:8080"), Some(16));
        assert_eq!(limit_of(&limits, "http://example.com/a"), None);
    }

    #[test]
    fn a_fault_in_a_limits_file_is_reported_with_its_line() {
        for (line, said) in [
            ("example.com max-per-host 2", "write the scheme too"),
            ("ftp://h max-per-host 2", "\"ftp\" is not HTTP"),
            ("http://u:secret@h max-per-host 2", "password"),
            ("http://h/a max-per-host 2", "leave out the path"),
            ("http://h/?a max-per-host 2", "leave out the path"),
            ("http://h", "nothing is said"),
            ("http://h 2", "\"2\" is no limit; there is max-per-host"),
            ("http://h max-open 2", "\"max-open\" is no limit"),
            ("http://h max-per-host", "needs a number"),
            ("http://h max-per-host 0", "\"0\" is none"),
            ("http://h max-per-host -1", "\"-1\" is none"),
            ("http://h max-per-host two", "\"two\" is none"),
            ("http://h max-per-host 2 3", "nothing may come after"),
            (
                "http://A:80 max-per-host 2",
                "line 1 is about the same host",
            ),
        ] {
            let text = format!("http://a max-per-host 1\n\n{line}\nhttp://b max-per-host 1");
            let (number, fault) = parse(&text).expect_err(line);
            assert_eq!(number, 3, "{line}");
            assert!(fault.contains(said), "{line}: {fault}");
            assert!(!fault.contains("secret"), "{line}: {fault}");
        }
    }
}
