//! N7: the SOCKS 5 client sends and reads bytes as the standards say (RFC 1928, RFC 1929).

use std::net::SocketAddr;

use keepalive::{AllocateError, Lease, NetConnector, Proxy, Request, errno};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{build, error, hear, run};

/// The bytes that a client must send, and the proxy's answer.
type Turn = (&'static [u8], &'static [u8]);

/// A proxy for one client: follows the script, then waits for one more byte before it closes.
async fn proxy(script: Vec<Turn>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        for (said, answer) in script {
            let mut heard = vec![0; said.len()];
            stream.read_exact(&mut heard).await.expect("so much");
            assert_eq!(heard, said);
            stream.write_all(answer).await.expect("a reader");
        }
        stream.read_u8().await
    });
    address
}

async fn ask(user: &str, host: &str, script: &[Turn]) -> Result<Lease, AllocateError> {
    let address = proxy(script.to_vec()).await;
    let proxy: Proxy = format!("socks5h://{user}{address}")
        .parse()
        .expect("a proxy");
    let manager = build(|it| it.connector(NetConnector::new().proxy(proxy)));
    manager
        .allocate(Request::new("test", host, 258).expect("a request"))
        .await
}

const HELLO: Turn = (b"\x05\x01\x00", b"\x05\x00");

const ASKED: &[u8] = b"\x05\x01\x00\x03\x06a.test\x01\x02";

const OPEN: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x09";

#[test]
fn socks_requests_each_kind_of_address() {
    run(async || {
        for (host, said) in [
            ("a.test", ASKED),
            ("127.0.0.1", b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\x02"),
            (
                "::1",
                b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02",
            ),
        ] {
            let opened = ask("", host, &[HELLO, (said, OPEN)]).await;
            drop(opened.unwrap_or_else(|error| panic!("{host}: {error}")));
        }
    });
}

#[test]
fn bytes_of_the_host_right_after_a_socks_answer_are_kept() {
    run(async || {
        for answer in [
            &b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00welcome\n"[..],
            b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0welcome\n",
            b"\x05\x00\x00\x03\x04here\x00\x00welcome\n",
            b"\x05\x00\x00\x03\x00\x00\x00welcome\n",
        ] {
            let lease = ask("", "a.test", &[HELLO, (ASKED, answer)]).await;
            let mut lease = lease.unwrap_or_else(|error| panic!("{answer:?}: {error}"));
            hear(&mut lease, "welcome\n").await;
        }
    });
}

#[test]
fn socks_credentials_are_sent_if_the_proxy_wants_them() {
    run(async || {
        for (user, hello, log_in) in [
            (
                "me:secret@",
                b"\x05\x02",
                b"\x01\x02me\x06secret".as_slice(),
            ),
            ("me:@", b"\x05\x02", b"\x01\x02me\x00"),
            ("me@", b"\x05\x02", b"\x01\x02me\x00"),
            ("me:secret@", b"\x05\x00", b""),
        ] {
            let mut script = vec![(b"\x05\x02\x00\x02".as_slice(), hello.as_slice())];
            if !log_in.is_empty() {
                script.push((log_in, b"\x01\x00"));
            }
            script.push((ASKED, OPEN));
            let opened = ask(user, "a.test", &script).await;
            drop(opened.unwrap_or_else(|error| panic!("{user}: {error}")));
        }
    });
}

#[test]
fn each_failure_of_socks_is_in_the_error() {
    const OFFER: &[u8] = b"\x05\x02\x00\x02";
    const LOG_IN: &[u8] = b"\x01\x02me\x06secret";
    let refusal = |reply: &'static [u8]| vec![HELLO, (ASKED, reply)];
    run(async || {
        for (user, script, said, number) in [
            ("", refusal(b"\x05\x01\x00\x01"), "reply 1", None),
            ("", refusal(b"\x05\x02\x00\x01"), "does not allow it", None),
            (
                "",
                refusal(b"\x05\x03\x00\x01"),
                "",
                Some(errno::ENETUNREACH),
            ),
            (
                "",
                refusal(b"\x05\x04\x00\x01"),
                "",
                Some(errno::EHOSTUNREACH),
            ),
            (
                "",
                refusal(b"\x05\x05\x00\x01"),
                "",
                Some(errno::ECONNREFUSED),
            ),
            ("", refusal(b"\x05\x06\x00\x01"), "", Some(errno::ETIMEDOUT)),
            ("", refusal(b"\x05\x07\x00\x01"), "CONNECT", None),
            ("", refusal(b"\x05\x08\x00\x01"), "of this kind", None),
            ("", refusal(b"\x05\x09\x00\x01"), "reply 9", None),
            ("", refusal(b"\x04\x00\x00\x01"), "not SOCKS 5", None),
            ("", refusal(b"\x05\x00\x00\x02"), "not SOCKS 5", None),
            ("", vec![(HELLO.0, b"\x05\xff")], "wants credentials", None),
            ("", vec![(HELLO.0, b"\x05\x02")], "not SOCKS 5", None),
            ("", vec![(HELLO.0, b"HT")], "not SOCKS 5", None),
            (
                "me:secret@",
                vec![(OFFER, b"\x05\xff")],
                "no user and",
                None,
            ),
            (
                "me:secret@",
                vec![(OFFER, b"\x05\x02"), (LOG_IN, b"\x01\x01")],
                "did not take the credentials",
                None,
            ),
        ] {
            let failed = error(ask(user, "a.test", &script).await);
            assert_eq!(failed.function(), "proxy", "{failed}");
            assert_eq!(failed.error_num(), number, "{failed}");
            let text = failed.to_string();
            assert!(text.contains(said) && !text.contains("secret"), "{text}");
        }
    });
}
