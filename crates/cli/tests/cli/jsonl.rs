use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::program::cli;
use crate::server::{Server, refusing_url};

const FIELDS: &str = "bytes content_encoding error file final_url from_cache number redirects \
                      resent retried status timing total_us unpacked_bytes url version";

fn fields(result: &Value) -> String {
    let names: BTreeSet<&String> = result.as_object().unwrap().keys().collect();
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    names.join(" ")
}

#[test]
fn the_line_of_a_success_has_every_field() {
    let server = Server::start();
    let url = server.url("/a?b=c");
    let run = cli!("fetch {url} --repeat 2 --jobs 1 --max-per-host 1 --jsonl -").exits(0);
    run.complains("2 fetched, 0 failed");
    let results = run.results();
    assert_eq!(results.len(), 2, "{run:?}");
    for (result, number) in results.iter().zip(1..) {
        assert_eq!(fields(result), FIELDS);
        assert_eq!(result["number"], number);
        assert_eq!(result["url"], json!(url));
        assert_eq!(result["status"], 200);
        assert_eq!(result["version"], "HTTP/1.1");
        assert_eq!(result["bytes"], 5);
        assert_eq!(result["resent"], 0);
        assert_eq!(result["file"], Value::Null);
        assert_eq!(result["error"], Value::Null);
        for phase in [
            "queued_us",
            "resolve_us",
            "connect_us",
            "proxy_us",
            "tls_us",
        ] {
            assert!(result["timing"][phase].is_u64(), "{phase}: {result}");
        }
        assert!(result["total_us"].as_u64().unwrap() > 0, "{result}");
    }
    assert_eq!(results[0]["from_cache"], Value::Null);
    // The connection may return just before or after the next request for it.
    let second = results[1]["from_cache"].as_str();
    assert!(matches!(second, Some("immediate" | "deferred")), "{run:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn the_line_of_a_refused_connection_has_function_and_error() {
    let url = refusing_url();
    let run = cli!("fetch {url} --jsonl -").exits(1);
    let [result] = &run.results()[..] else {
        panic!("{run:?}");
    };
    assert_eq!(fields(result), FIELDS);
    assert_eq!(result["url"], json!(url));
    assert_eq!(result["status"], Value::Null);
    assert_eq!(result["bytes"], 0);
    assert_eq!(result["from_cache"], Value::Null);
    assert_eq!(result["error"]["function"], "connect");
    if cfg!(target_os = "linux") {
        assert_eq!(result["error"]["error_num"], 111);
        assert_eq!(result["error"]["error_str"], "Connection refused");
    }
    assert!(result["timing"]["connect_us"].is_u64(), "{result}");
}

#[test]
fn the_line_of_a_truncated_response_has_a_status_and_an_error() {
    let server = Server::start();
    let run = cli!("fetch {} --jsonl -", server.url("/cut")).exits(1);
    let results = run.results();
    assert_eq!(results[0]["status"], 200);
    assert!(results[0]["error"].is_object(), "{run:?}");
}

#[test]
fn lines_of_json_go_to_a_file_and_the_summary_to_standard_output() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.jsonl");
    let run = cli!(
        "fetch {} {} --jsonl {}",
        server.url("/a"),
        server.url("/missing"),
        file.display()
    )
    .exits(0);
    run.prints("2 fetched");
    let text = fs::read_to_string(&file).unwrap();
    let mut statuses: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
}
