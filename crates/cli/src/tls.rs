//! Builds the TLS settings from the flags.

use std::fs;
use std::path::Path;

use keepalive::{Tls, TlsBuilder, TlsConfigError};

use crate::args::TlsFlags;
use crate::exit::Refusal;

const PEM: &str = "give certificates in PEM, each beginning with -----BEGIN CERTIFICATE-----";
const FROM_DER: &str =
    "it looks like DER; make PEM of it with: openssl x509 -inform der -in FILE -out FILE.pem";
const KEY: &str = "give the private key in PEM, in the file of --cert or with --key FILE";
const DECRYPT: &str =
    "the key in it is encrypted; decrypt it with: openssl pkey -in FILE -out FILE.key";

/// The first TLS flag that was given.
pub(crate) fn flag(flags: &TlsFlags) -> Option<&'static str> {
    let given = [
        ("--cacert", !flags.cacert.is_empty()),
        ("--insecure", flags.insecure),
        ("--cert", flags.cert.is_some()),
    ];
    let mut given = given.into_iter();
    given.find_map(|(flag, is_given)| is_given.then_some(flag))
}

/// Reads the files that the flags name; fails if one is unreadable, or has no certificate or key.
pub(crate) fn chosen(flags: &TlsFlags) -> Result<TlsBuilder, Refusal> {
    let mut builder = Tls::builder();
    for path in &flags.cacert {
        let pem = read("--cacert", path)?;
        // Checked one by one, so that the error names the file.
        if let Err(error) = Tls::builder().roots_pem(&*pem).build() {
            return Err(unusable("--cacert", path, &pem, &error, PEM));
        }
        builder = builder.roots_pem(pem);
    }
    if let Some(path) = &flags.cert {
        let chain = read("--cert", path)?;
        let key = match &flags.key {
            Some(path) => read("--key", path)?,
            None => chain.clone(),
        };
        // The check of the pair needs no roots; this spares reading the platform's.
        let trial = Tls::builder().danger_accept_any_certificate();
        let trial = trial.client_certificate_pem(&*chain, &*key);
        if let Err(error) = trial.build() {
            let about_key = error.part() == "key of the client certificate";
            return Err(match (about_key, &flags.key) {
                (false, _) => unusable("--cert", path, &chain, &error, PEM),
                (true, Some(path)) => unusable("--key", path, &key, &error, KEY),
                (true, None) => unusable("--cert", path, &key, &error, KEY),
            });
        }
        builder = builder.client_certificate_pem(chain, key);
    }
    if flags.insecure {
        builder = builder.danger_accept_any_certificate();
    }
    Ok(builder)
}

/// Builds the settings that were [`chosen`]; fails if the platform has no roots, or the name of an
/// application protocol is invalid.
pub(crate) fn build(builder: TlsBuilder) -> Result<Tls, Refusal> {
    builder.build().map_err(|error| match error.part() {
        "platform's root certificates" => {
            format!("{error}; --cacert FILE gives others, which are trusted in their place").into()
        }
        _ => error.into(),
    })
}

fn read(flag: &str, path: &Path) -> Result<Vec<u8>, Refusal> {
    fs::read(path)
        .map_err(|error| format!("{flag}: can not read {}: {error}", path.display()).into())
}

/// The refusal of a file. It repeats no content of a key or a certificate.
fn unusable(
    flag: &str,
    path: &Path,
    content: &[u8],
    error: &TlsConfigError,
    advice: &str,
) -> Refusal {
    let is_key = advice == KEY;
    // DER begins with a sequence of ASN.1.
    let is_der = content.first() == Some(&0x30);
    let fault = match content.is_empty() {
        true => "it is empty".to_owned(),
        false => error.to_string(),
    };
    let advice = match is_key {
        true if String::from_utf8_lossy(content).contains("ENCRYPTED") => DECRYPT,
        false if is_der => FROM_DER,
        _ => advice,
    };
    let path = path.display();
    format!("{flag}: {path} can not be used: {fault}; {advice}").into()
}
