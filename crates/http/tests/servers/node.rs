//! Node's own servers, which close at random: announced by `connection: close` or a GOAWAY, or, by
//! HTTP/1.1 in clear text, without a word.

use std::path::Path;
use std::process::Command;

use http::Version;

use crate::front::{ALL_WAYS, Closes, PER_CONNECTION, check};

#[test]
fn node_answers_every_request_by_either_version() {
    let closes = |tls, version| match (tls, version) {
        (false, Version::HTTP_11) => Some(Closes::Silently),
        _ => Some(Closes::Announced),
    };
    check("node", ALL_WAYS, true, closes, |node, place| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/node.mjs");
        let mut command = Command::new(node);
        command.arg(script).arg(&place.folder);
        command.args([place.port.to_string(), PER_CONNECTION.to_string()]);
        command.arg(if place.way.tls { "tls" } else { "clear" });
        command.arg(format!("{:?}", place.way.version));
        command.arg(format!("{:?}", place.way.closes.unwrap()));
        command
    });
}
