//! Runs other people's servers as programs.

use std::env;
use std::io::{BufRead, BufReader, copy, sink};
use std::iter;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take until it listens, or prints that it does.
const PATIENCE: Duration = Duration::from_secs(10);

/// The path of a program. Without the program a test is skipped, unless `KEEPALIVE_REQUIRE_` with
/// its name in capitals is 1 in the environment.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        let variable = variable(name);
        assert!(!is_required(name), "{variable}=1, and there is no {name}");
        println!("SKIPPED: there is no {name} here; {variable}=1 makes that a failure");
    }
    found
}

/// Whether a test must fail if this program is missing.
pub(crate) fn is_required(name: &str) -> bool {
    env::var_os(variable(name)).is_some_and(|value| value == "1")
}

fn variable(name: &str) -> String {
    format!("KEEPALIVE_REQUIRE_{}", name.to_uppercase())
}

/// A program that runs until it is dropped.
pub struct Program(Child);

impl Program {
    /// Starts it and waits until it listens. Its output is not read.
    pub fn listening(command: &mut Command, port: u16) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut program = Self(command.spawn().expect("it can be started"));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = program.0.try_wait().expect("it is a child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(Instant::now() < deadline, "{command:?} never listens");
            thread::sleep(Duration::from_millis(10));
        }
        program
    }

    /// Starts it and waits until it prints a line with this `beginning`; returns the rest of that
    /// line.
    pub fn saying(command: &mut Command, beginning: &str) -> (Self, String) {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = Self(command.spawn().expect("it can be started"));
        let mut output = BufReader::new(program.0.stdout.take().expect("a pipe"));
        loop {
            let mut line = String::new();
            let count = output.read_line(&mut line).expect("text");
            assert_ne!(count, 0, "{command:?} ended and never said {beginning}");
            if let Some(rest) = line.strip_prefix(beginning) {
                // Reads the rest of the output, so that the program does not block on a full pipe.
                thread::spawn(move || copy(&mut output, &mut sink()));
                return (program, rest.trim().to_owned());
            }
        }
    }

    /// Sends it a signal, as `kill` names it.
    pub fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.0.id().to_string()];
        let sent = Command::new("kill").args(arguments).status();
        assert!(sent.expect("kill runs").success(), "it has ended");
    }

    /// Waits until it has ended by itself, or by a signal.
    pub fn wait(mut self) {
        self.0.wait().expect("it is a child");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // SIGTERM lets it end its children too. It may have ended already.
            let id = self.0.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &id]).status();
            let _ = self.0.wait();
        }
    }
}

/// A free port of 127.0.0.1, over TCP and UDP, that this function returns only once.
///
/// Until the program binds it, any process may take it. So it is outside the range of ports that
/// the system assigns by itself: by default 32768 and up.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another process, whose tests run at the same time, uses other ports.
    let first = u16::try_from(10_000 + process::id() % 200 * 100).expect("30,000 at most");
    let mut ports = iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
        .take_while(|count| *count < 100)
        .map(|count| first + count);
    let free = |port: &u16| {
        let address = (Ipv4Addr::LOCALHOST, *port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    ports.find(free).expect("a free port")
}
