//! Text on a terminal: its colours, and control characters from outside.

use crate::program::{command, keepalive_reading, shown_on_a_terminal};
use crate::server::{Server, refusing_url};

#[test]
fn control_characters_of_urls_are_replaced_in_errors() {
    let url = refusing_url();
    let lines = format!("{url}\u{9b}31m\nhttp://\u{9b}h\u{1b}/\n");
    let run = keepalive_reading("fetch --input -", &lines).exits(1);
    let is_command = |sign: char| sign.is_control() && sign != '\n';
    assert!(!run.stderr.contains(is_command), "{run:?}");
    run.complains(format!("{url}%C2%9B31m: connect"));
    assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
}

#[test]
fn a_summary_is_coloured_only_on_a_terminal_that_takes_colours() {
    let server = Server::start();
    let summary = |environment: &[(&str, &str)]| {
        let mut command = command(&format!("fetch {} --repeat 2", server.url("/a")));
        // Services of CI show colours even if the terminal is called dumb.
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(variable);
        }
        command.env("TERM", "xterm");
        command.envs(environment.iter().copied());
        let (shown, code) = shown_on_a_terminal(command);
        assert_eq!(code, Some(0), "{shown:?}");
        shown
    };
    let bold = "\x1b[1mrequests\x1b[0m";
    assert!(summary(&[]).contains(bold));
    assert!(summary(&[("NO_COLOR", "")]).contains(bold));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = summary(&[environment]);
        assert!(shown.contains("  requests  "), "{environment:?}: {shown:?}");
        assert!(!shown.contains("\x1b[1m"), "{environment:?}: {shown:?}");
    }
}
