//! A network of a test's own, which can drop packets: a namespace of Linux with a firewall.
//!
//! It needs root or unprivileged user namespaces, and the programs `unshare`, `ip` and `nft`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::net::{again, program};

/// The firewall of the test's namespace. At first it lets everything pass.
#[derive(Debug)]
pub struct Firewall(());

/// Runs the calling test in a network namespace of its own, which has 127.0.0.0/8 alone.
///
/// The test is skipped where it can have none, unless `KEEPALIVE_REQUIRE_NFT` is 1 in the
/// environment.
///
/// # Panics
///
/// If the test fails there.
pub fn in_a_namespace(test: impl FnOnce(&Firewall)) {
    let Some(wrapper) = wrapper() else { return };
    let nothing = || ((), String::new());
    again::in_a_process(wrapper, nothing, |_| test(&Firewall::new()));
}

/// The command that makes a namespace and runs a program in it.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn wrapper() -> Option<&'static [&'static str]> {
    const ROOT: &[&str] = &["unshare", "--net", "--"];
    const USER: &[&str] = &["unshare", "--map-root-user", "--net", "--"];
    let nft = program::find("nft")?;
    let works = |wrapper: &&&[&str]| {
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(&nft)
            .args(["add", "table", "inet", "t"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = [ROOT, USER].iter().find(works).copied();
    if found.is_none() {
        let required = program::is_required("nft");
        assert!(
            !required,
            "KEEPALIVE_REQUIRE_NFT=1, and no namespace can be made"
        );
        println!("SKIPPED: no network namespace can be made here");
    }
    found
}

impl Firewall {
    fn new() -> Self {
        let loopback = ["link", "set", "lo", "up"];
        let up = Command::new("ip").args(loopback).status();
        assert!(up.expect("ip runs").success(), "the namespace is ours");
        let firewall = Self(());
        // The rules drop incoming packets, so that the sending system does not notice.
        firewall.tell("add table inet keepalive");
        firewall.tell(
            "add chain inet keepalive in { type filter hook input priority filter; policy accept; }",
        );
        firewall
    }

    /// Drops all packets of the connection between these two, either way and without a reset, as a
    /// NAT that has forgotten it does. Others pass.
    pub fn cut(&self, one: SocketAddr, other: SocketAddr) {
        for (from, to) in [(one.port(), other.port()), (other.port(), one.port())] {
            self.tell(&format!(
                "add rule inet keepalive in tcp sport {from} tcp dport {to} drop"
            ));
        }
    }

    /// Lets everything pass again.
    pub fn mend(&self) {
        self.tell("flush chain inet keepalive in");
    }

    fn tell(&self, rules: &str) {
        let nft = program::find("nft").expect("it was there");
        let mut nft = Command::new(nft);
        let mut child = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn();
        let child = child.as_mut().expect("nft runs");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(rules.as_bytes()).expect("nft reads");
        drop(input);
        assert!(child.wait().expect("a child").success(), "{rules}");
    }
}
