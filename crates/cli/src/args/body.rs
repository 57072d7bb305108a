//! Flags for the bodies of requests.

/// The body of each request. With a body, the method is POST unless another is given.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Bodies")]
pub(crate) struct BodyFlags {
    /// Send this body: TEXT, the content of @FILE, or standard input (@-).
    ///
    /// The content-type is application/x-www-form-urlencoded, unless another is given. Several
    /// bodies are joined by &, those of --data-urlencode last.
    #[arg(short, long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Vec<String>,

    /// The same, percent-encoded: TEXT, NAME=TEXT, @FILE or NAME@FILE.
    ///
    /// The name is not encoded.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) data_urlencode: Vec<String>,

    /// Append the data to the query of the URL, and send no body.
    #[arg(short = 'G', long)]
    pub(crate) get: bool,

    /// Send this JSON, with its content-type and accept.
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["data", "data_urlencode", "get"])]
    pub(crate) json: Vec<String>,

    /// Send a form: NAME=TEXT, NAME=@FILE, or NAME=<FILE for its text.
    ///
    /// After a file, ;type=TYPE and ;filename=NAME may follow (multipart/form-data, RFC 7578).
    #[arg(short = 'F', long, value_name = "NAME=TEXT")]
    #[arg(conflicts_with_all = ["data", "data_urlencode", "get", "json"])]
    pub(crate) form: Vec<String>,
}
