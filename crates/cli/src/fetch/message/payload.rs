//! The body of all requests of a run, or the query in its place.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::args::BodyFlags;
use crate::exit::Refusal;
use crate::fetch::message::form;

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Payload {
    /// No body.
    #[default]
    None,
    /// No body, but an addition to the query.
    Query(String),
    /// A body, with its default content-type.
    Body(Bytes, HeaderValue),
}

/// The content-type of `--data`, as of other tools.
const URLENCODED: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// All characters but the unreserved of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Payload {
    /// Builds the body from the flags and the files that they name.
    ///
    /// # Errors
    ///
    /// A file can not be read, or a part of a form is invalid. No message repeats a part of it.
    pub(crate) fn check(flags: &BodyFlags, files: &mut Files) -> Result<Self, Refusal> {
        if !flags.form.is_empty() {
            let (bytes, content_type) = form::body(&flags.form, files)?;
            return Ok(Self::Body(bytes, content_type));
        }
        if !flags.json.is_empty() {
            let parts = files.all("--json", &flags.json)?;
            return Ok(Self::Body(parts.concat().into(), JSON));
        }
        if flags.data.is_empty() && flags.data_urlencode.is_empty() {
            return Ok(Self::None);
        }
        let mut parts = files.all("--data", &flags.data)?;
        for text in &flags.data_urlencode {
            parts.push(encoded(text, files)?);
        }
        let bytes = parts.join(&b'&');
        if !flags.get {
            return Ok(Self::Body(bytes.into(), URLENCODED));
        }
        String::from_utf8(bytes)
            .map(Self::Query)
            .map_err(|_| "--get: a query is text, and --data is none".into())
    }
}

/// Reads the files of the flags, and standard input once.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Whether standard input was read, or is the input of URLs.
    pub(crate) stdin_is_taken: bool,
    /// The files that were read.
    pub(crate) read: Vec<PathBuf>,
}

impl Files {
    /// The content of each `@FILE`, or the text itself.
    fn all(&mut self, flag: &str, texts: &[String]) -> Result<Vec<Vec<u8>>, Refusal> {
        let contents = texts.iter().map(|text| match text.strip_prefix('@') {
            Some(path) => self.read(flag, path),
            None => Ok(text.as_bytes().to_vec()),
        });
        contents.collect()
    }

    /// The content of a file; `-` is standard input.
    pub(crate) fn read(&mut self, flag: &str, path: &str) -> Result<Vec<u8>, Refusal> {
        let (name, read) = match path {
            "" => {
                return Err(
                    format!("{flag} @: name a file after it, as in {flag} @order.json").into(),
                );
            }
            "-" if self.stdin_is_taken => {
                return Err(format!("{flag} @-: standard input can be read only once").into());
            }
            "-" => {
                self.stdin_is_taken = true;
                let mut content = Vec::new();
                let read = io::stdin().read_to_end(&mut content);
                ("standard input", read.map(|_| content))
            }
            path => {
                self.read.push(path.into());
                (path, fs::read(path))
            }
        };
        read.map_err(|error| format!("{flag}: can not read {name}: {error}").into())
    }
}

/// Encodes a value of `--data-urlencode`: `TEXT`, `=TEXT`, `NAME=TEXT`, `@FILE` or `NAME@FILE`.
fn encoded(text: &str, files: &mut Files) -> Result<Vec<u8>, Refusal> {
    let (name, content) = match text.find(['=', '@']) {
        Some(at) => {
            let (name, rest) = text.split_at(at);
            let content = match rest.strip_prefix('@') {
                Some(path) => files.read("--data-urlencode", path)?,
                None => rest.as_bytes()[1..].to_vec(),
            };
            (name, content)
        }
        None => ("", text.as_bytes().to_vec()),
    };
    let content = percent_encoding::percent_encode(&content, RESERVED).to_string();
    Ok(match name {
        "" => content.into_bytes(),
        name => format!("{name}={content}").into_bytes(),
    })
}

pub(crate) fn in_query(text: &str) -> String {
    // Percent signs stay, as they belong to encoded parts.
    const NOT_IN_QUERY: &AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'<')
        .add(b'>');
    utf8_percent_encode(text, NOT_IN_QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(data: &[&str], urlencode: &[&str]) -> BodyFlags {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        BodyFlags {
            data: owned(data),
            data_urlencode: owned(urlencode),
            ..BodyFlags::default()
        }
    }

    #[test]
    fn parts_of_data_are_joined_and_those_of_data_urlencode_are_encoded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a b&ä\n").unwrap();
        let file = file.display();
        let of_file = (format!("@{file}"), format!("n@{file}"));
        for (data, urlencode, body) in [
            (&["a=1", "b"][..], &[][..], "a=1&b"),
            (&[], &["a b"], "a%20b"),
            (&[], &["=a=b"], "a%3Db"),
            (&["x"], &["n=a b", "m=~-._"], "x&n=a%20b&m=~-._"),
            (&[], &[&of_file.0], "a%20b%26%C3%A4%0A"),
            (&[], &[&of_file.1], "n=a%20b%26%C3%A4%0A"),
            (&[&of_file.0], &[], "a b&ä\n"),
        ] {
            let payload = Payload::check(&flags(data, urlencode), &mut Files::default()).unwrap();
            let expected = Payload::Body(body.as_bytes().to_vec().into(), URLENCODED);
            assert_eq!(payload, expected);
            let mut flags = flags(data, urlencode);
            flags.get = true;
            let payload = Payload::check(&flags, &mut Files::default()).unwrap();
            assert_eq!(payload, Payload::Query(body.to_owned()));
        }
    }
}
