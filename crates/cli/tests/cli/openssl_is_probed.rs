//! What a probe says of `openssl s_server`, a TLS stack that is not ours, is what that server was
//! told to speak.
//!
//! Skipped where there is no openssl, unless `KEEPALIVE_REQUIRE_OPENSSL=1` is set.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::program::keepalive;
use crate::tls_server::{Authority, Files};

/// A server that ends with the test.
struct OpenSsl(Child);

impl OpenSsl {
    #[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start(files: &Files, authority: &Authority, flags: &str) -> Option<(Self, u16)> {
        let identity = authority.issue("the server", &["127.0.0.1"]);
        let child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-alpn", "imap"])
            .args(["-cert", &files.write("server.pem", identity.pem())])
            .args(["-key", &files.write("server.key", identity.key_pem())])
            .args(flags.split_whitespace())
            // It ends when its input does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            let required = std::env::var_os("KEEPALIVE_REQUIRE_OPENSSL");
            let required = required.is_some_and(|value| value == "1");
            assert!(
                !required,
                "KEEPALIVE_REQUIRE_OPENSSL=1, and there is no openssl"
            );
            println!(
                "SKIPPED: there is no openssl; KEEPALIVE_REQUIRE_OPENSSL=1 makes that a failure"
            );
            return None;
        };
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let server = Self(child);
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended");
        }
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        // What it says further nobody wants to know, but it waits for room.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        Some((server, port))
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn as_what_it_was_told_to_speak() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let cacert = files.write("root.pem", root.pem());
    for (flags, version, suite) in [
        (
            "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLS 1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            "TLS 1.3",
            "TLS13_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        let Some((_server, port)) = OpenSsl::start(&files, &root, flags) else {
            return;
        };
        let run = keepalive(&format!(
            "probe imaps://127.0.0.1:{port} --cacert {cacert} --alpn imap --json"
        ));
        assert_eq!(run.code, Some(0), "{flags}: {run:?}");
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(found["tls"]["version"], version);
        assert_eq!(found["tls"]["cipher_suite"], suite);
        assert_eq!(found["tls"]["alpn"], "imap");
        assert_eq!(found["tls"]["certificates"][0]["issuer"], "CN=the root");
    }
}
