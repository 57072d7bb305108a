//! What is written for people: complaints on standard error, text on standard output, colour.
//!
//! Nothing here panics when the other side has gone, as `println!` would.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

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

/// Writes `text` to `stream` as it stands.
///
/// # Errors
///
/// It is closed or full.
pub(crate) fn print(stream: Stream, text: &str) -> io::Result<()> {
    fn whole(mut to: impl Write, text: &str) -> io::Result<()> {
        to.write_all(text.as_bytes())?;
        to.flush()
    }
    match stream {
        Stream::Output => whole(io::stdout().lock(), text),
        Stream::Error => whole(io::stderr().lock(), text),
    }
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

impl Stream {
    /// The colours to use on it: none unless it is a terminal and `NO_COLOR` is unset or empty.
    pub(crate) fn palette(self) -> Palette {
        let is_terminal = match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        };
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Palette {
            coloured: is_terminal && !refused,
        }
    }
}

/// The few ways in which text stands out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    /// `text` in bold, for headings.
    pub(crate) fn heading(self, text: &str) -> String {
        self.wrap("\x1b[1m", text)
    }

    /// `text` in red, for what went wrong.
    pub(crate) fn alarm(self, text: &str) -> String {
        self.wrap("\x1b[31m", text)
    }

    fn wrap(self, start: &str, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("{start}{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_moves_no_cursor() {
        let text = "a\nb\x1b[2Jc\u{9b}31m\u{7f}é";
        assert_eq!(harmless(text), "a\u{fffd}b\u{fffd}[2Jc\u{fffd}31m\u{fffd}é");
    }

    #[test]
    fn no_escape_without_colour() {
        assert_eq!(Palette::default().heading("host"), "host");
        let coloured = Palette { coloured: true };
        assert_eq!(coloured.alarm("3"), "\x1b[31m3\x1b[0m");
        assert_eq!(coloured.alarm(""), "");
    }
}
