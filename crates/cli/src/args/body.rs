//! The bodies of requests.

/// What is sent besides the head. It makes a POST of a request, unless another method is given.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Bodies")]
pub(crate) struct BodyFlags {
    /// Send this body: TEXT, what is in @FILE, or standard input (@-).
    ///
    /// The content-type is application/x-www-form-urlencoded, unless another is given. Several are
    /// sent as one, with & between them, those of --data-urlencode last.
    #[arg(short, long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Vec<String>,

    /// The same, percent-encoded: TEXT, NAME=TEXT, @FILE or NAME@FILE.
    ///
    /// The name is sent as it is.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) data_urlencode: Vec<String>,

    /// Put that data into the query of the URL, and send no body.
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
