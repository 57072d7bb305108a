//! Text for people: errors on standard error, results on standard output, and their styles.
//!
//! A closed stream is an error here; `println!` would panic.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::exit::Exit;

/// Writes one line to standard error, after the name of the program.
pub(crate) fn complain(message: impl Display) {
    let message = harmless(&message.to_string());
    // A closed standard error leaves no way to report its own failure.
    let _ = writeln!(io::stderr(), "keepalive: {message}");
}

/// `text` with its control characters replaced, so that it can not control a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let replaced = |sign: char| if sign.is_control() { '\u{fffd}' } else { sign };
    text.chars().map(replaced).collect()
}

/// The style of headings.
pub(crate) const HEADING: Style = Style::new().bold();

/// The style of failures.
pub(crate) const ALARM: Style = AnsiColor::Red.on_default();

/// `text` in `style`; pass it to [`print`], which drops styles where they do not belong.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes `text` to `stream`, with its styles only if that is a terminal with colours.
pub(crate) fn print(stream: Stream, text: &str) -> io::Result<()> {
    match stream {
        Stream::Output => write(anstream::stdout().lock(), text),
        Stream::Error => write(anstream::stderr().lock(), text),
    }
}

/// Writes `text` to standard output unchanged.
pub(crate) fn print_raw(text: &str) -> io::Result<()> {
    write(io::stdout().lock(), text)
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// Reports that standard output can not be written, and returns the exit for it.
pub(crate) fn cannot_print(error: &io::Error) -> Exit {
    complain(format_args!("can not write to standard output: {error}"));
    Exit::Failed
}

/// The exit of a command that printed its result last: an unwritable one is a failure.
pub(crate) fn exit_after(printed: io::Result<()>, exit: Exit) -> Exit {
    let failed = printed.map_err(|error| cannot_print(&error)).err();
    match exit {
        Exit::Success => failed.unwrap_or(exit),
        _ => exit,
    }
}

/// One of the two standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `text` without its styles.
    pub(crate) fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn harmless_text_stays_one_line_and_moves_no_cursor() {
        let text = "a\nb\x1b[2Jc\u{9b}31m\u{7f}é";
        assert_eq!(harmless(text), "a\u{fffd}b\u{fffd}[2Jc\u{fffd}31m\u{fffd}é");
    }
}
