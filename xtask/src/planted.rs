//! `cargo xtask planted`: puts each bug of the catalogue to work, and sees which check notices.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use keepalive_engine::planted::{CATALOGUE, Entry, Part};

use crate::build::{Build, Tests};

/// A test that says nothing for so long hangs, which is a way to notice a bug.
const PATIENCE: Duration = Duration::from_secs(40);
const LINGER: Duration = Duration::from_millis(50);
/// More than there are processors: a test that waits has the next one run.
const TEST_THREADS: &str = "--test-threads=6";

/// Puts each bug of the catalogue to work, and prints which check caught it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this one; may be repeated
    #[arg(long)]
    bug: Vec<String>,
    /// Only list the catalogue
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    for name in &arguments.bug {
        if !CATALOGUE.iter().any(|entry| entry.name == *name) {
            return Err(format!("no bug is called {name}; see --list"));
        }
    }
    let wanted = |entry: &&Entry| {
        arguments.bug.is_empty() || arguments.bug.iter().any(|name| name == entry.name)
    };
    let entries: Vec<&Entry> = CATALOGUE.iter().filter(wanted).collect();
    if arguments.list {
        let lines = entries.iter().map(|entry| {
            let Entry {
                name,
                part,
                text,
                known_from,
                ..
            } = entry;
            format!("{name:<28} {part:<7?} {text} ({known_from})\n")
        });
        let list: String = lines.collect();
        // Whoever reads it may have read enough.
        let _ = std::io::stdout().write_all(list.as_bytes());
        return Ok(());
    }
    let start = Instant::now();
    let checks = Checks::build(&entries)?;
    checks.without_a_bug()?;
    println!("{:<28} {:<46} after", "bug", "first caught by");
    let mut missed = Vec::new();
    for entry in &entries {
        match checks.hunt(entry)? {
            Some(catch) => println!("{:<28} {:<46} {}", entry.name, catch.check, catch.after),
            None => {
                println!("{:<28} nothing", entry.name);
                missed.push(entry.name);
            }
        }
    }
    let (bugs, seconds) = (entries.len(), start.elapsed().as_secs());
    println!(
        "{} of {bugs} planted bugs caught in {seconds} s",
        bugs - missed.len()
    );
    match missed.is_empty() {
        true => Ok(()),
        false => Err(format!("nothing catches {}", missed.join(", "))),
    }
}

/// The test binaries of a build in which bugs are planted, in the order in which they are tried.
struct Checks {
    engine: Vec<Tests>,
    shared: Vec<Tests>,
    driver: Vec<Tests>,
    http: Vec<Tests>,
}

struct Catch {
    check: String,
    after: String,
}

impl Checks {
    fn build(entries: &[&Entry]) -> Result<Self, String> {
        let any = |part| entries.iter().any(|entry| entry.part == part);
        let tests = |part, build: &Build, order: &[&str]| match any(part) {
            true => build.tests(order),
            false => Ok(Vec::new()),
        };
        let planted = |package| Build::new(package).cfg("keepalive_planted");
        Ok(Self {
            engine: tests(
                Part::Engine,
                &planted("keepalive-engine"),
                &[
                    "simulation",
                    "model",
                    "explore",
                    "rules",
                    "keepalive_engine",
                ],
            )?,
            shared: tests(
                Part::Shared,
                &planted("keepalive").cfg("keepalive_loom"),
                &["keepalive"],
            )?,
            driver: tests(
                Part::Driver,
                &planted("keepalive").quickly(),
                &[
                    "simulation",
                    "torture",
                    "behaviour",
                    "keepalive",
                    "chaos",
                    "chaos_tls",
                ],
            )?,
            http: tests(
                Part::Http,
                &planted("keepalive-http").quickly(),
                &["behaviour", "torture", "keepalive_http", "chaos"],
            )?,
        })
    }

    /// What goes by the clock might catch a slow machine, which would be no catch.
    fn without_a_bug(&self) -> Result<(), String> {
        for tests in self.driver.iter().chain(&self.http) {
            if let Some(catch) = hunt(tests, None)? {
                return Err(format!("with no bug planted, {} fails", catch.check));
            }
        }
        Ok(())
    }

    fn hunt(&self, entry: &Entry) -> Result<Option<Catch>, String> {
        let binaries = match entry.part {
            Part::Engine => &self.engine,
            Part::Shared => &self.shared,
            Part::Driver => &self.driver,
            Part::Http => &self.http,
        };
        for tests in binaries {
            if let Some(catch) = hunt(tests, Some(entry.name))? {
                return Ok(Some(catch));
            }
        }
        Ok(None)
    }
}

/// Runs one test binary until the first of its tests fails.
fn hunt(tests: &Tests, bug: Option<&str>) -> Result<Option<Catch>, String> {
    let mut running = Running::start(tests, bug)?;
    let mut after = String::new();
    let catch = |what: &str, after: &str| {
        Ok(Some(Catch {
            check: format!("{}: {what}", tests.name),
            after: after.to_owned(),
        }))
    };
    loop {
        match running.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                note(&line, &mut after);
                if let Some(test) = line.strip_suffix(" ... FAILED") {
                    // The two outputs of a test come in any order.
                    while after.is_empty()
                        && let Ok(line) = running.lines.recv_timeout(LINGER)
                    {
                        note(&line, &mut after);
                    }
                    return catch(test.trim_start_matches("test "), &after);
                }
            }
            Err(RecvTimeoutError::Timeout) => return catch("it hangs", &after),
            Err(RecvTimeoutError::Disconnected) => {
                let status = running.child.wait().map_err(|error| error.to_string())?;
                return match status.success() {
                    true => Ok(None),
                    false => catch("it breaks off", &after),
                };
            }
        }
    }
}

/// Notes how far a check came.
fn note(line: &str, after: &mut String) {
    if let Some((_, steps)) = line.split_once("caught after ") {
        steps.clone_into(after);
    }
}

/// A test binary at work, ended when this is dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(tests: &Tests, bug: Option<&str>) -> Result<Self, String> {
        let mut child = Command::new(&tests.binary)
            .current_dir(&tests.folder)
            .args([TEST_THREADS, "--nocapture"])
            .envs(bug.map(|name| ("KEEPALIVE_PLANTED", name)))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", tests.binary.display()))?;
        let (sender, lines) = mpsc::channel();
        let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, lines })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
