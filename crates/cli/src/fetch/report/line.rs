//! Formats a result as a line of JSON.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};
use keepalive::FromCache;
use serde::Serializer;
use serde::ser::SerializeMap;

use crate::fetch::exchange::heads::version;
use crate::fetch::fetcher::Fetched;
use crate::timing::{Phases, micros};

/// Formats the line of a result, with its line break. JSON can represent all fields; times are
/// microseconds, and unknown values are null.
pub(crate) fn of(fetched: &Fetched) -> serde_json::Result<Vec<u8>> {
    let record = &fetched.record;
    let answer = record.answer.as_ref();
    let final_url = record.final_url(&fetched.target);
    let from_cache = answer.and_then(|answer| answer.from_cache);
    let from_cache = from_cache.map(|from| match from {
        FromCache::Immediate => "immediate",
        FromCache::Deferred => "deferred",
    });
    let mut line = Vec::new();
    let mut json = serde_json::Serializer::new(&mut line);
    let mut fields = json.serialize_map(None)?;
    fields.serialize_entry("number", &fetched.number)?;
    fields.serialize_entry("url", &fetched.target.uri.to_string())?;
    fields.serialize_entry("status", &answer.map(|answer| answer.status.as_u16()))?;
    fields.serialize_entry("version", &answer.map(|answer| version(answer.version)))?;
    fields.serialize_entry("redirects", &record.redirects)?;
    fields.serialize_entry("final_url", &final_url.map(ToString::to_string))?;
    // They are recorded only for `--jsonl-headers`.
    if let Some(recorded) = answer.and_then(|answer| answer.headers.as_ref()) {
        fields.serialize_entry("headers", &headers(recorded))?;
    }
    fields.serialize_entry("bytes", &record.received)?;
    fields.serialize_entry("unpacked_bytes", &record.unpacked)?;
    fields.serialize_entry("content_encoding", &record.content_encoding)?;
    fields.serialize_entry("from_cache", &from_cache)?;
    fields.serialize_entry("resent", &record.resent)?;
    fields.serialize_entry("retried", &record.retried)?;
    fields.serialize_entry("timing", &record.timing().map(Phases))?;
    fields.serialize_entry("total_us", &micros(fetched.took))?;
    fields.serialize_entry("file", &record.file)?;
    fields.serialize_entry("error", &fetched.failure)?;
    fields.end()?;
    line.push(b'\n');
    Ok(line)
}

/// The values of each header in order, by name.
fn headers(headers: &HeaderMap) -> BTreeMap<&str, Vec<String>> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let names = headers.keys();
    let values = |name| headers.get_all(name).iter().map(text).collect();
    names.map(|name| (name.as_str(), values(name))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{StatusCode, Version};
    use keepalive::Timing;

    use super::*;
    use crate::failure::Failure;
    use crate::fetch::exchange::trail::Answered;

    fn fetched() -> Fetched {
        let mut fetched = Fetched::begin(3, "http://h/x?y");
        fetched.took = Duration::from_millis(2);
        fetched
    }

    #[test]
    fn a_line_of_json_has_every_field() {
        let mut failed = fetched();
        failed.failure = Some(Failure {
            function: "connect".to_owned(),
            error_num: Some(111),
            error_str: "Connection refused".to_owned(),
            detail: None,
        });
        let text = String::from_utf8(of(&failed).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"number\":3,\"url\":\"http://h/x?y\",\"status\":null,\"version\":null,\
             \"redirects\":0,\"final_url\":null,\"bytes\":0,\"unpacked_bytes\":null,\"content_encoding\":null,\
             \"from_cache\":null,\"resent\":0,\"retried\":0,\"timing\":null,\"total_us\":2000,\"file\":null,\
             \"error\":{\"function\":\"connect\",\"error_num\":111,\
             \"error_str\":\"Connection refused\",\"detail\":null}}\n"
        );
        let mut served = fetched();
        served.record.answer = Some(Answered {
            status: StatusCode::OK,
            version: Version::HTTP_2,
            from_cache: Some(FromCache::Deferred),
            timing: Timing::default(),
            headers: None,
        });
        let text = String::from_utf8(of(&served).unwrap()).unwrap();
        assert!(text.contains("\"from_cache\":\"deferred\""), "{text}");
        assert!(text.contains("\"version\":\"HTTP/2\""), "{text}");
        assert!(text.contains("\"timing\":{\"queued_us\":0,"), "{text}");
    }
}
