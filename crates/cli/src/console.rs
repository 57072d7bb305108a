//! What is written for people: complaints on standard error, text on standard output, colour.
//!
//! Nothing here panics when the other side has gone, as `println!` would.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::exit::Exit;

/// Writes one line to standard error, after the name of the program.
pub(crate) fn complain(message: impl Display) {
    let message = harmless(&message.to_string());
    // There is nobody left to tell if standard error is closed.
    let _ = writeln!(io::stderr(), "keepalive: {message}");
}

/// Without what text from a server or a file could do to a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let replaced = |sign: char| if sign.is_control() { '\u{fffd}' } else { sign };
    text.chars().map(replaced).collect()
}

/// The style of headings.
pub(crate) const HEADING: Style = Style::new().bold();

/// The style of failures.
pub(crate) const ALARM: Style = AnsiColor::Red.on_default();

/// `text` in `style`, for [`print`].
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes `text` to `stream`; its styles reach only a terminal that takes them.
///
/// # Errors
///
/// It is closed or full.
pub(crate) fn print(stream: Stream, text: &str) -> io::Result<()> {
    match stream {
        Stream::Output => write(anstream::stdout().lock(), text),
        Stream::Error => write(anstream::stderr().lock(), text),
    }
}

/// Writes `text` to standard output as it stands.
///
/// # Errors
///
/// It is closed or full.
pub(crate) fn print_raw(text: &str) -> io::Result<()> {
    write(io::stdout().lock(), text)
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// Says that standard output can not be written, and how the program ends for it.
pub(crate) fn cannot_print(error: &io::Error) -> Exit {
    complain(format_args!("can not write to standard output: {error}"));
    Exit::Failed
}

/// Where text for people goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// `text` without its styles.
#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_moves_no_cursor() {
        let text = "a\nb\x1b[2Jc\u{9b}31m\u{7f}é";
        assert_eq!(harmless(text), "a\u{fffd}b\u{fffd}[2Jc\u{fffd}31m\u{fffd}é");
    }
}
