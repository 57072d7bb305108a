//! Servers that others have written, run as programs.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Where a program is. Without it a test is skipped, unless `KEEPALIVE_REQUIRE_` and its name in
/// capitals is 1 in the environment.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        let variable = format!("KEEPALIVE_REQUIRE_{}", name.to_uppercase());
        let required = env::var_os(&variable).is_some_and(|value| value == "1");
        assert!(!required, "{variable}=1, and there is no {name}");
        println!("SKIPPED: there is no {name} here; {variable}=1 makes that a failure");
    }
    found
}

/// A program that runs until it is dropped.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    /// The rest of the first line of output that begins so.
    pub(crate) fn says(&mut self, beginning: &str) -> (String, BufReader<ChildStdout>) {
        let mut output = BufReader::new(self.0.stdout.take().expect("a pipe"));
        loop {
            let mut line = String::new();
            let count = output.read_line(&mut line).expect("text");
            assert_ne!(count, 0, "it ended and never said {beginning}");
            if let Some(rest) = line.strip_prefix(beginning) {
                return (rest.trim().to_owned(), output);
            }
        }
    }

    /// Waits until it listens.
    pub(crate) fn listens(&mut self, port: u16) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = self.0.try_wait().expect("it was started");
            assert!(ended.is_none(), "it ended: {ended:?}");
            assert!(Instant::now() < deadline, "it never listens");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // TERM, so that it ends its children too; an error means that it has ended.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
