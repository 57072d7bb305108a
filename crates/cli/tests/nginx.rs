//! Fetches from a real nginx, and counts the connections in its log.
//!
//! Skipped without nginx, unless `KEEPALIVE_REQUIRE_NGINX=1` is set.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keepalive_testkit::net::nginx::nginx;
use keepalive_testkit::net::program::{Program, free_port};

const REQUESTS: usize = 20_000;
const MAX_PER_HOST: usize = 4;

#[test]
fn nginx_sees_twenty_thousand_requests_over_four_connections() {
    let folder = tempfile::tempdir().unwrap();
    let Some(nginx) = Nginx::start(folder.path()) else {
        return;
    };
    let run = Command::new(env!("CARGO_BIN_EXE_keepalive"))
        .args(["fetch", "--max-per-host", &MAX_PER_HOST.to_string()])
        .args(["--repeat", &REQUESTS.to_string(), &nginx.url])
        .output()
        .unwrap();
    let stdout = String::from_utf8(run.stdout).unwrap();
    let stderr = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("20,000 fetched, 0 failed"), "{stdout}");

    let log = nginx.stop();
    let requests = requests(&log);
    assert_eq!(requests.len(), REQUESTS, "requests in nginx's log");
    assert!(requests.iter().all(|request| request.status == 200));
    let mut connections: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for request in &requests {
        let numbers = connections.entry(request.connection).or_default();
        numbers.push(request.number_on_connection);
    }
    let most = most_at_once(&requests);
    println!(
        "nginx logged {} requests on {} connections, {most} of them at once",
        requests.len(),
        connections.len()
    );
    // No connection closes here, so all of them were open at once.
    assert!(connections.len() <= MAX_PER_HOST, "{}", connections.len());
    assert!(most <= MAX_PER_HOST, "{most}");
    for (connection, numbers) in connections {
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "requests of connection {connection}");
    }
}

/// A line of nginx's log.
struct Logged {
    connection: u64,
    number_on_connection: u64,
    status: u16,
}

fn requests(log: &str) -> Vec<Logged> {
    log.lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [connection, number, status] = words[..] else {
                panic!("a line of the log is not ours: {line}");
            };
            Logged {
                connection: connection.parse().unwrap(),
                number_on_connection: number.parse().unwrap(),
                status: status.parse().unwrap(),
            }
        })
        .collect()
}

/// The largest number of connections between their first and last request.
fn most_at_once(requests: &[Logged]) -> usize {
    let last: HashMap<u64, usize> = requests
        .iter()
        .enumerate()
        .map(|(line, request)| (request.connection, line))
        .collect();
    let (mut open, mut most) = (0_usize, 0);
    for (line, request) in requests.iter().enumerate() {
        open += usize::from(request.number_on_connection == 1);
        most = most.max(open);
        open -= usize::from(last[&request.connection] == line);
    }
    most
}

/// An nginx that writes only to the test's folder.
struct Nginx {
    program: Program,
    url: String,
    log: PathBuf,
}

impl Nginx {
    /// `None` if it is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let (port, place) = (free_port(), folder.display());
        let settings = format!(
            "    log_format connections '$connection $connection_requests $status';
    access_log {place}/access.log connections;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port};
        root {place}/html;
    }}"
        );
        let mut command = nginx(folder, &settings)?;
        fs::create_dir(folder.join("html")).unwrap();
        fs::write(folder.join("html/index.html"), "hello from nginx\n").unwrap();
        Some(Self {
            program: Program::listening(&mut command, port),
            url: format!("http://127.0.0.1:{port}/index.html"),
            log: folder.join("access.log"),
        })
    }

    /// Stops nginx gracefully, and returns its log.
    fn stop(self) -> String {
        self.program.signal("QUIT");
        self.program.wait();
        fs::read_to_string(&self.log).unwrap()
    }
}
