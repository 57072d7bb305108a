use std::iter::repeat_with;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Checks the number of interim heads, for every cut of the bytes in two.
#[track_caller]
fn found(said: &str, expected: usize) {
    for cut in 0..=said.len() {
        let mut heads = Heads::new(HeadLimits::default());
        heads.begin(None);
        seen(&mut heads, said.as_bytes(), &[cut]).expect("within the limits");
        assert_eq!(heads.interim, expected, "cut at {cut}");
    }
}

#[test]
fn interim_heads_are_counted_up_to_that_of_the_response() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    found(ok, 0);
    found("HTTP/1.1 101 Switching Protocols\r\n\r\n", 0);
    found(&format!("{hints}{ok}"), 1);
    found(&format!("\r\n{hints}\r\n\n{hints}{ok}"), 2);
    found("HTTP/1.0 100\n\nHTTP/1.1 199 x\na: b\r\n\nHTTP/1.1 102", 3);
    found("HTTP/1.1 100 a\r\r\n\r\r\n\r\nHTTP/1.1 100", 2);
    found("no status line at all HTTP/1.1 100\r\n\r\n", 0);
}

#[test]
fn an_interim_head_with_more_fields_than_hyper_parses_is_named() {
    let head = |fields| {
        format!(
            "HTTP/1.1 103 Early Hints\r\n{}\r\n",
            "a: b\r\n".repeat(fields)
        )
    };
    for (fields, fits) in [(PARSED, true), (PARSED + 1, false)] {
        let mut heads = Heads::new(HeadLimits::default());
        heads.begin(None);
        let read = seen(&mut heads, head(fields).as_bytes(), &[]);
        assert_eq!(read.is_ok(), fits, "{fields} fields: {read:?}");
    }
}

#[test]
fn an_interim_head_without_end_is_refused_at_the_limit_of_bytes() {
    let mut heads = Heads::new(HeadLimits::default().bytes(4096));
    heads.begin(None);
    seen(&mut heads, b"HTTP/1.1 103 Early Hints\r\nlink: ", &[]).expect("within the limits");
    let mut read = 0;
    let refused = loop {
        match seen(&mut heads, &[b'a'; 100], &[]) {
            Ok(_) => read += 100,
            Err(refused) => break refused.to_string(),
        }
        assert!(read <= 4096, "more is kept than the limit");
    };
    assert!(read >= 3900, "refused after {read} bytes");
    assert_eq!(
        refused,
        "the head of an interim response is larger than the 4096 bytes of max_header_bytes"
    );
}

#[test]
fn bytes_are_passed_on_as_far_as_the_buffer_has_room() {
    let head = format!("HTTP/1.1 200 OK\r\n{}\r\nbody", "a: b\r\n".repeat(80));
    let mut heads = Heads::new(HeadLimits::default());
    heads.begin(None);
    let mut space = vec![0; head.len()];
    let mut buf = ReadBuf::new(&mut space);
    buf.put_slice(head.as_bytes());
    heads.read(&mut buf, 0).expect("within the limits");
    assert!(buf.filled().ends_with(b"a: b\r\n\r\nbody"));
    // A second head without surplus fields is passed on after one with them.
    let surplus = "a: b\r\n".len() * (80 - FIRST);
    assert_eq!(buf.filled().len(), head.len() - surplus);
    heads.left.extend_from_slice(b"left");
    let mut little = [0; 3];
    for expected in [&b"lef"[..], b"t"] {
        let mut buf = ReadBuf::new(&mut little);
        assert!(heads.put_left(&mut buf));
        assert_eq!(buf.filled(), expected);
    }
    assert!(!heads.put_left(&mut ReadBuf::new(&mut little)));
}

/// The bytes that hyper sees, if these arrive in pieces.
fn seen(heads: &mut Heads, said: &[u8], cuts: &[usize]) -> Result<Vec<u8>, Excess> {
    let mut seen = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&said.len()]) {
        let piece = &said[start..cut.max(start)];
        start = cut.max(start);
        let mut space = vec![0; piece.len()];
        let mut buf = ReadBuf::new(&mut space);
        buf.put_slice(piece);
        heads.read(&mut buf, 0)?;
        seen.extend_from_slice(buf.filled());
        let mut space = [0; 1 << 14];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            if !heads.put_left(&mut buf) {
                break;
            }
            seen.extend_from_slice(buf.filled());
        }
    }
    Ok(seen)
}

/// A response as a client has it, or nothing if it is malformed.
type Answer = Option<(u16, HeaderMap, Bytes)>;

/// The response that hyper reads; with room for many fields and with folds, or as the client uses it.
async fn answer(said: &[u8], room: Option<usize>) -> Answer {
    let (near, mut far) = tokio::io::duplex(said.len() + 1024);
    let mut builder = http1::Builder::new();
    if let Some(room) = room {
        builder.max_headers(room);
        builder.allow_obsolete_multiline_headers_in_responses(true);
    }
    let begun = builder.handshake(TokioIo::new(near)).await;
    let (mut sender, connection) = begun.expect("no handshake in HTTP/1.1");
    let task = tokio::spawn(connection.with_upgrades());
    let request = Request::new(Empty::<Bytes>::new());
    let response = tokio::spawn(sender.send_request(request));
    // hyper rejects a response that comes before its request.
    let _first = far.read_u8().await.expect("a request");
    far.write_all(said).await.expect("room for all");
    far.shutdown().await.expect("an open pipe");
    let read = async {
        let (head, body) = response.await.expect("no panic").ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some((head.status.as_u16(), head.headers, body))
    };
    let answer = read.await;
    task.abort();
    answer
}

/// Lines of a head: usual fields, those that hyper interprets, folds, and malformed ones.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![
        8 => "[a-z]{1,2}",
        1 => Just("X-Long-Name".to_owned()),
        1 => Just("Set-Cookie".to_owned()),
    ];
    let value = prop_oneof!["[ \ta-z,;=]{0,8}", "[ -~\u{e9}]{0,8}"];
    let fold = prop_oneof![
        Just("\r\n "),
        Just("\n\t"),
        Just(" \r\n  "),
        Just("\r\n \r\n ")
    ];
    let usual = (name, value.clone()).prop_map(|(name, value)| format!("{name}:{value}"));
    let folded = (usual.clone(), fold, value).prop_map(|(field, fold, more)| field + fold + &more);
    let interpreted = prop_oneof![
        Just("Content-Length: 3"),
        Just("content-length:\r\n 3"),
        Just("CONNECTION: close"),
        Just("connection: keep-alive"),
        Just("Transfer-Encoding: chunked"),
        Just("upgrade: x"),
    ]
    .prop_map(str::to_owned);
    let malformed = prop_oneof![
        Just("no colon"),
        Just("a : b"),
        Just("a: \u{1}"),
        Just("a: b\rc"),
        Just(": b"),
        Just("\r"),
    ]
    .prop_map(str::to_owned);
    let sound = prop_oneof![300 => usual, 20 => folded, 2 => interpreted];
    let any = prop_oneof![1000 => sound.clone(), 1 => malformed];
    let end = prop_oneof![4 => Just("\r\n"), 1 => Just("\n")];
    let line = |line: BoxedStrategy<String>| (line, end.clone()).prop_map(|(line, end)| line + end);
    let sound = line(sound.boxed());
    let any = line(any.boxed());
    prop_oneof![
        prop::collection::vec(sound, 0..200),
        prop::collection::vec(any, 50..120),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1000 } else { 5000 }))]

    #[test]
    fn a_head_of_many_fields_is_read_as_hyper_reads_it_with_room_for_all(
        lines in lines(),
        interim in 0..2_usize,
        chunked in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let body = if chunked { "3\r\nabc\r\n0\r\n\r\n" } else { "abc" };
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n".repeat(interim);
        let said = format!("{hints}HTTP/1.1 200 OK\r\n{}\r\n{body}", lines.concat());
        let said = said.as_bytes();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(said.len() + 1)).collect();
        cuts.sort_unstable();
        let mut heads = Heads::new(HeadLimits::default());
        heads.begin(None);
        let seen = seen(&mut heads, said, &cuts).expect("within the limits");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (ours, alone) = runtime.block_on(async {
            let mut ours = answer(&seen, None).await;
            if let Some((_, head, _)) = &mut ours {
                heads.complete(head);
            }
            (ours, answer(said, Some(5000)).await)
        });
        prop_assert_eq!(ours, alone);
    }
}

#[test]
fn every_cut_of_a_head_of_many_fields_gives_the_same() {
    let mut number = 0;
    let fields = repeat_with(|| {
        number += 1;
        format!(
            "n{number}:\t{number} \r\n{}",
            if number % 7 == 0 { " fold\n" } else { "" }
        )
    });
    let fields: String = fields.take(FIRST + 3).collect();
    let said = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\nlast: 1\r\n\r\nok");
    let whole = |cuts: &[usize]| {
        let mut heads = Heads::new(HeadLimits::default());
        heads.begin(None);
        let seen = seen(&mut heads, said.as_bytes(), cuts).expect("within the limits");
        (seen, heads.surplus)
    };
    let expected = whole(&[]);
    assert_eq!(expected.1.len(), 4);
    assert!(expected.0.ends_with(b"Content-Length: 2\r\n\r\nok"));
    for cut in 0..=said.len() {
        assert_eq!(whole(&[cut]), expected, "cut at {cut}");
    }
    let all: Vec<_> = (0..said.len()).collect();
    assert_eq!(whole(&all), expected);
}
