//! The checks that look for planted bugs.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::bug::{Bug, Part};
use super::tree::Group;
use crate::build::{Build, Tests};

/// A test without output for so long hangs, which counts as a caught bug.
const PATIENCE: Duration = Duration::from_secs(40);
const LINGER: Duration = Duration::from_millis(50);
/// More threads than processors, so that another test runs while one waits.
const TEST_THREADS: &str = "--test-threads=6";

/// The test binaries of a build in which bugs are planted, in the order in which they are tried.
pub(super) struct Checks {
    engine: Vec<Tests>,
    shared: Vec<Tests>,
    driver: Vec<Tests>,
    http: Vec<Tests>,
    /// Checks that were seen to pass without a bug.
    passed: RefCell<HashSet<String>>,
}

pub(super) struct Catch {
    /// As `binary: test`.
    pub(super) check: String,
    /// How far it came until then, if it counts.
    pub(super) after: String,
}

impl Checks {
    pub(super) fn build(group: &Group<'_>) -> Result<Self, String> {
        let any = |part| group.bugs.iter().any(|bug| bug.part == part);
        let tests = |part, build: &Build, order: &[&str]| match any(part) {
            true => build.tests(order),
            false => Ok(Vec::new()),
        };
        let planted = |package| Build::new(package).of(&group.tree, &group.condition);
        Ok(Self {
            engine: tests(
                Part::Engine,
                &planted("keepalive-engine"),
                &[
                    "simulation",
                    "model",
                    "lanes",
                    "explore",
                    "rules",
                    "events",
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
            passed: RefCell::default(),
        })
    }

    /// Tries the check that caught the bug last, then all others.
    pub(super) fn hunt(&self, bug: &Bug) -> Result<Option<Catch>, String> {
        let binaries = match bug.part {
            Part::Engine => &self.engine,
            Part::Shared => &self.shared,
            Part::Driver => &self.driver,
            Part::Http => &self.http,
        };
        if let Some((binary, test)) = bug.caught_by.as_deref().and_then(|by| by.split_once(": "))
            && let Some(tests) = binaries.iter().find(|tests| tests.name == binary)
            && let Some(catch) = run(tests, Some(bug), &only(test))?
            && self.counts(tests, bug, test)?
        {
            return Ok(Some(catch));
        }
        for tests in binaries {
            let mut passed_over = Vec::new();
            while let Some(catch) = run(tests, Some(bug), &without(&passed_over))? {
                let test = catch.test();
                let alone = run(tests, Some(bug), &only(test))?.is_some();
                if alone && self.counts(tests, bug, test)? {
                    return Ok(Some(catch));
                }
                if !is_test(test) {
                    break;
                }
                passed_over.push(test.to_owned());
            }
        }
        Ok(None)
    }

    /// Whether a test fails because of the bug. One that goes by the clock might fail because the
    /// machine is slow, so it must pass without the bug.
    fn counts(&self, tests: &Tests, bug: &Bug, test: &str) -> Result<bool, String> {
        let check = format!("{}: {test}", tests.name);
        let by_the_clock = matches!(bug.part, Part::Driver | Part::Http);
        if !by_the_clock || self.passed.borrow().contains(&check) {
            return Ok(true);
        }
        let fails = run(tests, None, &only(test))?.is_some();
        if fails {
            println!("{:<28} ({check} fails without a bug too)", bug.name);
        } else {
            self.passed.borrow_mut().insert(check);
        }
        Ok(!fails)
    }
}

impl Catch {
    fn test(&self) -> &str {
        self.check.split_once(": ").map_or("", |(_, test)| test)
    }
}

/// Whether this is the name of a test, and not the outcome of a whole binary.
fn is_test(name: &str) -> bool {
    !name.contains(' ')
}

/// The arguments that select one test.
fn only(test: &str) -> Vec<&str> {
    match is_test(test) {
        true => vec!["--exact", test],
        false => Vec::new(),
    }
}

/// The arguments that select all tests but these.
fn without(tests: &[String]) -> Vec<&str> {
    let skips = tests.iter().flat_map(|test| ["--skip", test.as_str()]);
    ["--exact"].into_iter().chain(skips).collect()
}

/// Runs the tests of a binary that `selection` leaves, until the first fails.
fn run(tests: &Tests, bug: Option<&Bug>, selection: &[&str]) -> Result<Option<Catch>, String> {
    let mut running = Running::start(tests, bug, selection)?;
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
    fn start(tests: &Tests, bug: Option<&Bug>, selection: &[&str]) -> Result<Self, String> {
        let mut child = Command::new(&tests.binary)
            .current_dir(&tests.folder)
            .args([TEST_THREADS, "--nocapture"])
            .args(selection)
            .envs(bug.map(|bug| ("KEEPALIVE_PLANTED", &bug.name)))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", tests.binary.display()))?;
        let (sender, lines) = mpsc::channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
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
