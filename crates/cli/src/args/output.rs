//! Where bodies, heads and figures go.

use std::path::PathBuf;

/// Where bodies, heads and figures go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Write the body to FILE; of several URLs, save each body in the folder FILE; `-` is standard
    /// output.
    ///
    /// Of a single URL, FILE is a folder if there is one of that name, or if it ends in a slash.
    /// Names in a folder are made of number, host and path. A file is there when its body is
    /// complete; one of the same name is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Save each body in the working directory, by the last part of its URL's path.
    #[arg(short = 'O', long, conflicts_with = "output")]
    pub(crate) remote_name: bool,

    /// Write the heads of answers before their bodies.
    #[arg(short, long)]
    pub(crate) include: bool,

    /// Show both heads on standard error, without passwords and cookies.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Count an answer with a status of 400 or above as a failure, and write no body of it.
    #[arg(short, long)]
    pub(crate) fail: bool,

    /// Print the summary of a single URL too, on standard error.
    #[arg(long)]
    pub(crate) summary: bool,

    /// Write one line of JSON per result to FILE; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) jsonl: Option<PathBuf>,

    /// Have the headers of answers in those lines.
    #[arg(long, requires = "jsonl")]
    pub(crate) jsonl_headers: bool,
}
