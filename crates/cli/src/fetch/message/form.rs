//! Bodies of multipart/form-data (RFC 7578).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;

use crate::exit::Refusal;
use crate::fetch::message::payload::Files;

/// Builds the body of a form, and its content-type, which names the boundary.
pub(crate) fn body(parts: &[String], files: &mut Files) -> Result<(Bytes, HeaderValue), Refusal> {
    let boundary = boundary();
    let mut body = Vec::new();
    for (text, number) in parts.iter().zip(1..) {
        body.extend(format!("--{boundary}\r\n").bytes());
        write_part(&mut body, text, number, files)?;
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let content_type = HeaderValue::try_from(content_type).expect("hexadecimal digits");
    Ok((body.into(), content_type))
}

/// A random boundary of 128 bits, so that no content contains it.
fn boundary() -> String {
    let [one, two] = [(); 2].map(|()| RandomState::new().hash_one("boundary"));
    format!("----------------{one:016x}{two:016x}")
}

/// Appends the head and the content of a part.
fn write_part(
    body: &mut Vec<u8>,
    text: &str,
    number: usize,
    files: &mut Files,
) -> Result<(), Refusal> {
    let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = named
        .ok_or_else(|| format!("--form {number}: write NAME=TEXT, NAME=@FILE or NAME=<FILE"))?;
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    let Some((sign, rest)) = value
        .split_at_checked(1)
        .filter(|(sign, _)| "@<".contains(sign))
    else {
        body.extend(format!("{head}\r\n\r\n{value}").bytes());
        return Ok(());
    };
    let mut words = rest.split(';');
    let path = words.next().unwrap_or_default();
    let content = files.read("--form", path)?;
    let mut file_name = None;
    let mut content_type = None;
    if sign == "@" {
        let name = Path::new(path).file_name().unwrap_or_default();
        file_name = Some(name.to_string_lossy());
        content_type = Some("application/octet-stream");
    }
    for word in words {
        match word.trim().split_once('=') {
            Some(("filename", name)) => file_name = Some(name.trim_matches('"').into()),
            Some(("type", name)) if is_type(name) => content_type = Some(name),
            _ => return Err(format!("--form {number}: a type is as text/plain").into()),
        }
    }
    if let Some(name) = file_name {
        head += &format!("; filename=\"{}\"", quoted(&name));
    }
    if let Some(name) = content_type {
        head += &format!("\r\nContent-Type: {name}");
    }
    body.extend(format!("{head}\r\n\r\n").bytes());
    body.extend(content);
    Ok(())
}

fn is_type(text: &str) -> bool {
    let visible = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    visible
        && text
            .split_once('/')
            .is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty())
}

/// Escapes a quoted name as browsers do (the HTML standard, "multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {

    use crate::args::BodyFlags;
    use crate::fetch::message::payload::{Files, Payload};

    fn read(parts: &[&str]) -> Result<(String, String), String> {
        let flags = BodyFlags {
            form: parts.iter().map(|part| (*part).to_owned()).collect(),
            ..BodyFlags::default()
        };
        match Payload::check(&flags, &mut Files::default()).map_err(|error| error.to_string())? {
            Payload::Body(bytes, content_type) => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let (_, boundary) = (content_type.to_str().unwrap())
                    .split_once("boundary=")
                    .unwrap();
                Ok((text.replace(boundary, "B"), boundary.to_owned()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_has_parts_of_text_and_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "of a file").unwrap();
        let path = path.display();
        let (text, one) = read(&[
            "n=a;b",
            &format!("f=@{path}"),
            &format!("g=@{path};type=text/html;filename=x\"y"),
            &format!("h=<{path}"),
            "empty=",
        ])
        .unwrap();
        let expected = [
            "--B",
            "Content-Disposition: form-data; name=\"n\"",
            "",
            "a;b",
            "--B",
            "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"",
            "Content-Type: application/octet-stream",
            "",
            "of a file",
            "--B",
            "Content-Disposition: form-data; name=\"g\"; filename=\"x%22y\"",
            "Content-Type: text/html",
            "",
            "of a file",
            "--B",
            "Content-Disposition: form-data; name=\"h\"",
            "",
            "of a file",
            "--B",
            "Content-Disposition: form-data; name=\"empty\"",
            "",
            "",
            "--B--",
            "",
        ];
        assert_eq!(text, expected.join("\r\n"));
        let (_, two) = read(&["n=a"]).unwrap();
        assert_ne!(one, two, "boundaries differ");
    }

    #[test]
    fn an_invalid_part_of_a_form_is_reported_by_its_number() {
        for (part, said) in [
            ("secret", "--form 2: write NAME=TEXT"),
            ("=secret", "--form 2: write NAME=TEXT"),
            ("a=@", "--form @: name a file"),
            ("a=@/nowhere", "--form: can not read /nowhere"),
            ("a=</dev/null;type=x", "--form 2: a type is"),
            ("a=</dev/null;secret", "--form 2: a type is"),
        ] {
            let error = read(&["n=a", part]).unwrap_err();
            assert!(error.contains(said), "{part}: {error}");
            assert!(!error.contains("secret"), "{part}: {error}");
        }
    }
}
