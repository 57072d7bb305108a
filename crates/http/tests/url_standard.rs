//! The test data of the WHATWG URL standard (urltestdata.json of web-platform-tests), against [`Url`].
//!
//! The data come with the crate `url`, whose source cargo has. Every case with an outcome other than
//! the standard's is in a list here, with the reason; a case that needs no place there must not have
//! one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keepalive_http::{Url, UrlError};
use serde_json::Value;

/// Why a URL of the standard's is none here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// DNS has no such name, and a manager takes no other: letters, digits, hyphens, underscores.
    Name,
    /// Nothing can be connected to at port 0.
    PortZero,
}

#[test]
fn urls_are_what_the_standard_says_but_for_the_differences_listed() {
    let mut differences: Vec<(String, Reason)> = DIFFERENT
        .iter()
        .map(|(input, reason)| ((*input).to_owned(), *reason))
        .collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let input = case["input"].as_str().expect("every case has an input");
        let Some(found) = parse(&case) else {
            *counts.entry("with a base of another scheme").or_default() += 1;
            continue;
        };
        let expected = expected(&case);
        let label = match &expected {
            Expected::Failure => "failures",
            Expected::OtherScheme => "of another scheme",
            Expected::Http { .. } => "of http and https",
        };
        *counts.entry(label).or_default() += 1;
        let known = differences.iter().position(|(known, _)| known == input);
        match (agree(&expected, &found), known) {
            (true, None) => {}
            (true, Some(_)) => wrong.push(format!("listed, and no different: {input:?}")),
            (false, Some(at)) => {
                let (_, reason) = differences.swap_remove(at);
                let error = found.expect_err("refused").to_string();
                let says = match reason {
                    Reason::Name => ["is not allowed", "between dots is empty"].as_slice(),
                    Reason::PortZero => &["a port is a number from 1"],
                };
                if !says.iter().any(|says| error.contains(says)) {
                    wrong.push(format!("{input:?}: {reason:?}, but {error}"));
                }
            }
            (false, None) => wrong.push(format!("{input:?}: {expected:?}, and not {found:?}")),
        }
    }
    println!("{counts:#?}");
    wrong.extend(
        differences
            .iter()
            .map(|(input, _)| format!("listed, and not there: {input:?}")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        counts["of http and https"] > 200 && counts["failures"] > 100,
        "{counts:?}"
    );
}

#[derive(Debug)]
enum Expected {
    Failure,
    OtherScheme,
    Http {
        /// Without user name, password and fragment.
        href: String,
        authorization: Option<String>,
    },
}

fn expected(case: &Value) -> Expected {
    if case["failure"].as_bool() == Some(true) {
        return Expected::Failure;
    }
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let scheme = text("protocol");
    if !matches!(scheme, "http:" | "https:") {
        return Expected::OtherScheme;
    }
    let query = match text("href").split('#').next() {
        // An empty query has no text of its own.
        Some(href) if href.ends_with('?') => "?",
        _ => text("search"),
    };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let (user, password) = (text("username"), text("password"));
    let has_user = !user.is_empty() || !password.is_empty();
    Expected::Http {
        href: format!("{scheme}//{}{}{query}", text("host"), text("pathname")),
        authorization: has_user.then(|| {
            let pair = [decoded(user), b":".to_vec(), decoded(password)].concat();
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        }),
    }
}

/// The result of a case; `None` if its base is no URL of a client.
fn parse(case: &Value) -> Option<Result<Url, UrlError>> {
    let input = case["input"].as_str()?;
    let Some(base) = case["base"].as_str() else {
        return Some(input.parse());
    };
    let base: Url = base.parse().ok()?;
    Some(base.join(input))
}

fn agree(expected: &Expected, found: &Result<Url, UrlError>) -> bool {
    match (expected, found) {
        (Expected::Failure, Err(_)) => true,
        (Expected::OtherScheme, Err(error)) => {
            let error = error.to_string();
            error.contains("is not HTTP") || error.contains("no scheme")
        }
        (
            Expected::Http {
                href,
                authorization,
            },
            Ok(url),
        ) => {
            let value = url
                .authorization()
                .map(|value| value.to_str().expect("ASCII"));
            url.to_string() == *href && value == authorization.as_deref()
        }
        _ => false,
    }
}

/// The objects of the file; the strings between them are comments.
fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(data()).expect("the crate has its test data");
    let all: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    all.into_iter().filter(Value::is_object).collect()
}

/// Where cargo has the source of the crate `url`.
fn data() -> PathBuf {
    // Only what this machine builds has been downloaded.
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("cargo names its host");
    let metadata = "metadata --format-version 1 --offline --locked --filter-platform";
    let metadata: Vec<&str> = metadata.split(' ').chain([host]).collect();
    let metadata: Value = serde_json::from_str(&cargo(&metadata)).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let url = packages.iter().find(|package| package["name"] == "url");
    let manifest = url.expect("a dependency")["manifest_path"].as_str();
    let folder = PathBuf::from(manifest.expect("a path"));
    folder.with_file_name("tests").join("urltestdata.json")
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").expect("cargo runs its tests");
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let printed = command.output().expect("cargo runs");
    let error = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{arguments:?}: {error}");
    String::from_utf8(printed.stdout).expect("text")
}

const DIFFERENT: &[(&str, Reason)] = &[
    ("http://f:0/c", Reason::PortZero),
    ("http://f:00000000000000/c", Reason::PortZero),
    ("http://./", Reason::Name),
    ("http://../", Reason::Name),
    ("http://!\"$&'()*+,-.;=_`{}~/", Reason::Name),
    ("http://foo.09..", Reason::Name),
];
