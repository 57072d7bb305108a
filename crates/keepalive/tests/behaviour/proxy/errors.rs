//! E1, E2, T2, X3, N7: a failure of a proxy is an error of `proxy` that contains no secret.

use std::time::Duration;

use keepalive::{AllocateError, ErrorKind, NetConnector, Proxy, Request, errno};

use crate::support::proxy::HttpProxy;
use crate::support::{Refusing, build, error, run};

async fn failure(proxy: &str, timeout: Duration) -> AllocateError {
    let proxy: Proxy = proxy.parse().expect("a proxy");
    let manager = build(|it| it.connector(NetConnector::new().proxy(proxy)));
    let request = Request::new("test", "host.test", 7).expect("a request");
    let failed = error(manager.allocate(request.timeout(timeout)).await);
    for shown in [format!("{failed}"), format!("{failed:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    // The error may come before its attempt has ended.
    manager.shutdown().await;
    assert_eq!(manager.totals().open, 0);
    failed
}

async fn answered(answer: &str) -> AllocateError {
    let proxy = HttpProxy::start(answer, None).await;
    let url = format!("http://me:secret@{}", proxy.address);
    let failed = failure(&url, Duration::from_secs(10)).await;
    assert_eq!(failed.kind(), ErrorKind::Connect, "{failed}");
    assert_eq!(failed.function(), "proxy", "{failed}");
    let text = failed.to_string();
    assert!(
        text.contains(&format!("http://{}", proxy.address)),
        "{text}"
    );
    assert!(text.contains("test://host.test:7"), "{text}");
    failed
}

#[test]
fn a_proxys_status_other_than_success_is_in_the_error() {
    run(async || {
        for (answer, said) in [
            ("HTTP/1.1 403 Not to there\r\n\r\n", "403 Not to there"),
            (
                "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n",
                "502 Bad Gateway",
            ),
            (
                "HTTP/1.1 407 Who are you\r\n\r\n",
                "did not take the credentials",
            ),
        ] {
            let failed = answered(answer).await;
            assert!(failed.to_string().contains(said), "{failed}");
        }
    });
}

#[test]
fn a_proxy_that_wants_credentials_is_a_distinct_error() {
    run(async || {
        let proxy = HttpProxy::start("HTTP/1.1 407 Who are you\r\n\r\n", None).await;
        let url = format!("http://{}", proxy.address);
        let failed = failure(&url, Duration::from_secs(10)).await;
        assert!(failed.to_string().contains("wants credentials"), "{failed}");
    });
}

#[test]
fn an_invalid_answer_of_a_proxy_is_an_error() {
    run(async || {
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(20_000));
        let for_ever = "HTTP/1.1 100 Continue\r\n\r\n".repeat(5_000);
        for (answer, said) in [
            ("", "closed the connection"),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP/1.1"),
            (endless.as_str(), "no end within 65536 bytes"),
            (for_ever.as_str(), "no end within 65536 bytes"),
        ] {
            let failed = answered(answer).await;
            assert!(failed.to_string().contains(said), "{failed}");
        }
    });
}

#[test]
fn a_silent_proxy_times_out_in_its_phase() {
    run(async || {
        let proxy = HttpProxy::start("HTTP/1.1 100 Continue\r\n\r\n", None).await;
        let url = format!("http://me:secret@{}", proxy.address);
        let failed = failure(&url, Duration::from_millis(50)).await;
        assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
        assert_eq!(failed.function(), "proxy", "{failed}");
        assert!(
            failed.timing().proxy >= Duration::from_millis(10),
            "{failed:?}"
        );
    });
}

#[test]
fn a_proxy_that_can_not_be_reached_is_named() {
    run(async || {
        let refusing = Refusing::new();
        let address = refusing.request().host().to_string();
        let url = address.replace("test://", "socks5h://me:secret@");
        let failed = failure(&url, Duration::from_secs(10)).await;
        assert_eq!(failed.function(), "connect", "{failed}");
        assert_eq!(failed.error_num(), Some(errno::ECONNREFUSED), "{failed}");
        assert!(
            failed.to_string().contains("proxy socks5h://127.0.0.1"),
            "{failed}"
        );
    });
}
