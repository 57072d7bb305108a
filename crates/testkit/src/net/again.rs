//! Runs a test in a process of its own, because it changes the whole process.

use std::env;
use std::process::Command;
use std::thread;

/// The variable that is set in the process of one test, to that test's input.
const AGAIN: &str = "KEEPALIVE_TEST_AGAIN";

/// Runs the calling test once more, alone, in a process that `wrapper` starts; there, it runs
/// `test`. The wrapper is a program with its arguments, which is followed by the command to start.
///
/// `prepare` runs in this process. The value that it makes lives as long as the other process, and
/// `test` receives its text.
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
