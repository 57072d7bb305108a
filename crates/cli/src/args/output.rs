//! Flags for the output.

use std::path::PathBuf;

/// Bodies, heads, summary and results.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Write to FILE, or to the folder FILE of several URLs; `-` is stdout.
    ///
    /// With a single URL, FILE is a folder if such a folder exists, or if it ends in a slash. Names
    /// in a folder are made of number, host and path. A file appears once its body is complete, and
    /// replaces one of the same name.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write to a file here, by the last part of the URL's path.
    #[arg(short = 'O', long, conflicts_with = "output")]
    pub(crate) remote_name: bool,

    /// Write the heads of responses before their bodies.
    #[arg(short, long)]
    pub(crate) include: bool,

    /// Show both heads on standard error, without secrets.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Count a status of 400 or above as a failure, without a body.
    #[arg(short, long)]
    pub(crate) fail: bool,

    /// Print the summary of a single URL too.
    #[arg(long)]
    pub(crate) summary: bool,

    /// Write a line of JSON per result to FILE; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) jsonl: Option<PathBuf>,

    /// Add the headers of responses to those lines.
    #[arg(long, requires = "jsonl")]
    pub(crate) jsonl_headers: bool,
}
