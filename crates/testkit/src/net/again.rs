//! Runs a test in a process of its own, because it changes the whole process.

use std::env;
use std::process::Command;
use std::thread;

/// Set in a process that runs one test, to what that is given.
const AGAIN: &str = "KEEPALIVE_TEST_AGAIN";

/// Runs the test that calls this once more, alone, in a process that `wrapper` starts; there, runs
/// `test`. The wrapper is a program and its arguments, and is followed by what it is to start.
///
/// `prepare` runs here, and what it makes lives as long as the other process; the text that it
/// answers with is given to `test`.
///
/// # Panics
///
/// If the test fails there.
pub fn in_a_process<T>(
    wrapper: &[&str],
    prepare: impl FnOnce() -> (T, String),
    test: impl FnOnce(&str),
) {
    if let Ok(given) = env::var(AGAIN) {
        return test(&given);
    }
    let (_prepared, given) = prepare();
    let name = thread::current();
    let name = name.name().expect("tests have names");
    let output = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg(env::current_exe().expect("a test is a program"))
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(AGAIN, given)
        .output();
    let output = output.expect("the wrapper runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{name}, in a process of its own:\n{said}{failed}"
    );
}
