//! Runs the binary.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The arguments, for messages.
    #[expect(dead_code)]
    line: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Asserts that standard output contains `text`.
    #[track_caller]
    pub(crate) fn prints(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        assert!(self.stdout.contains(text), "{text}: {self:?}");
    }

    /// Asserts that standard error contains `text`.
    #[track_caller]
    pub(crate) fn complains(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        assert!(self.stderr.contains(text), "{text}: {self:?}");
    }

    /// The only line of `--jsonl -`.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let results = self.results();
        assert_eq!(results.len(), 1, "{self:?}");
        results[0].clone()
    }

    /// The lines of `--jsonl -`, in the order of their numbers.
    pub(crate) fn results(&self) -> Vec<Value> {
        let mut results: Vec<Value> = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        results.sort_by_key(|result| result["number"].as_u64());
        results
    }
}

/// The binary, with the arguments of `line`, separated by spaces.
pub(crate) fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepalive"));
    command.args(line.split_whitespace());
    command
}

/// Runs the binary with the arguments of `line`.
pub(crate) fn keepalive(line: &str) -> Ended {
    keepalive_reading(line, "")
}

/// Runs the binary with the arguments of a line that is given as to `format!`.
macro_rules! cli {
    ($($line:tt)*) => { $crate::program::keepalive(&format!($($line)*)) };
}
pub(crate) use cli;

/// The same, with `input` on standard input.
pub(crate) fn keepalive_reading(line: &str, input: &str) -> Ended {
    let arguments: Vec<_> = line.split_whitespace().collect();
    keepalive_with(&arguments, input)
}

/// The same, with arguments that may have spaces in them.
pub(crate) fn keepalive_with(arguments: &[&str], input: &str) -> Ended {
    let mut child = command("")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A run may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    ended(&arguments.join(" "), child.wait_with_output().unwrap())
}

/// Runs a command.
pub(crate) fn run(command: &mut Command) -> Ended {
    let arguments = command.get_args().map(|text| text.to_string_lossy());
    let line = arguments.collect::<Vec<_>>().join(" ");
    ended(&line, command.output().unwrap())
}

/// The result of a run, which must not have panicked.
pub(crate) fn ended(line: &str, output: Output) -> Ended {
    let ended = Ended {
        line: line.to_owned(),
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    ended
}

/// The text that a terminal shows, and the exit code.
pub(crate) fn on_a_terminal(line: &str) -> (String, Option<i32>) {
    shown_on_a_terminal(command(line))
}

/// The same for a command with its own environment.
pub(crate) fn shown_on_a_terminal(mut command: Command) -> (String, Option<i32>) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new())
        .unwrap()
        .into_string()
        .unwrap();
    let side = || File::options().read(true).write(true).open(&path).unwrap();
    command.stdin(Stdio::null()).stdout(side()).stderr(side());
    let mut child = command.spawn().unwrap();
    // The command holds the other side open until it is dropped.
    drop(command);
    let mut shown = Vec::new();
    let mut master = File::from(terminal);
    let mut chunk = [0; 4096];
    // Linux returns EIO once the other side is closed.
    while let Ok(read @ 1..) = master.read(&mut chunk) {
        shown.extend(&chunk[..read]);
    }
    let code = child.wait().unwrap().code();
    (String::from_utf8_lossy(&shown).into_owned(), code)
}
