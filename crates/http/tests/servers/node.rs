//! Node's own servers, which close at random: announced by `connection: close` or a GOAWAY, or, by
//! HTTP/1.1 in clear text, without a word.

use std::path::Path;
use std::process::Command;

use http::Version;

use crate::front::{Closes, PER_CONNECTION, Way, check};
use keepalive_testkit::net::program::find;

#[test]
fn node_answers_every_request_by_either_version() {
    for (tls, version) in [
        (false, Version::HTTP_11),
        (true, Version::HTTP_11),
        (false, Version::HTTP_2),
        (true, Version::HTTP_2),
    ] {
        run(tls, version);
    }
}

fn run(tls: bool, version: Version) {
    let Some(node) = find("node") else { return };
    let closes = match (tls, version) {
        (false, Version::HTTP_11) => Closes::Silently,
        _ => Closes::Announced,
    };
    let way = Way {
        tls,
        version,
        numbered: true,
        closes: Some(closes),
    };
    check("Node", way, |place| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/node.mjs");
        let mut command = Command::new(&node);
        command.arg(script).arg(&place.folder);
        command.args([place.port.to_string(), PER_CONNECTION.to_string()]);
        command.arg(if tls { "tls" } else { "clear" });
        command.arg(format!("{version:?}"));
        command.arg(format!("{closes:?}"));
        command
    });
}
