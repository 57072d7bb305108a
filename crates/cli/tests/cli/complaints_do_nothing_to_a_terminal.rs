//! URLs may come from anywhere, and a terminal takes some signs for commands.

use crate::program::keepalive_reading;
use crate::server::refusing_url;

#[test]
fn what_is_no_text_is_replaced() {
    let url = refusing_url();
    let lines = format!("{url}\u{9b}31m\nhttp://\u{9b}h\u{1b}/\n");
    let run = keepalive_reading("fetch --input -", &lines);
    assert_eq!(run.code, Some(1), "{run:?}");
    let is_command = |sign: char| sign.is_control() && sign != '\n';
    assert!(!run.stderr.contains(is_command), "{run:?}");
    let shown = format!("{url}%C2%9B31m: connect");
    assert!(run.stderr.contains(&shown), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
}
