//! Checks every cell of the table against an independent rule; `--nocapture` prints it.

use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use super::*;
use crate::Idempotent;
use crate::exchange::Exchange;
use crate::outgoing::Outgoing;

const FAILURES: [Failure; 9] = [
    Failure::Unsent,
    Failure::Refused,
    Failure::PassedOver,
    Failure::WrongVersion,
    Failure::Reset,
    Failure::Silent,
    Failure::Late,
    Failure::Partial,
    Failure::User,
];

/// The methods, with and without an [`Idempotent`].
const REQUESTS: [(Method, Option<Idempotent>); 8] = [
    (Method::GET, None),
    (Method::HEAD, None),
    (Method::PUT, None),
    (Method::DELETE, None),
    (Method::POST, None),
    (Method::PATCH, None),
    (Method::POST, Some(Idempotent(true))),
    (Method::GET, Some(Idempotent(false))),
];

#[test]
fn each_decision_to_send_again_agrees_with_an_independent_rule() {
    println!("  = sent again at once, ~ after a backoff, . never; +twice, -twice: Idempotent\n");
    print!("{:<11} {:<8} {:<6} {:<8}", "failure", "version", "", "body");
    for (method, said) in &REQUESTS {
        let said = said.map_or("", |said| if said.0 { "+twice" } else { "-twice" });
        print!(" {:>10}", format!("{method}{said}"));
    }
    println!();
    for failure in FAILURES {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for reused in [false, true] {
                for whole in [true, false] {
                    row(failure, version, reused, whole);
                }
            }
        }
    }
}

fn row(failure: Failure, version: Version, reused: bool, whole: bool) {
    let of_two = matches!(
        failure,
        Failure::Refused | Failure::PassedOver | Failure::WrongVersion | Failure::Reset
    );
    if of_two && version == Version::HTTP_11 {
        return; // HTTP/1.1 has no streams.
    }
    let (use_, body) = (
        if reused { "reused" } else { "new" },
        if whole { "whole" } else { "streamed" },
    );
    let name = format!("{failure:?}");
    print!("{name:<11} {version:<8?} {use_:<6} {body:<8}");
    for (method, said) in REQUESTS {
        let idempotent = said.map_or(method.is_idempotent(), |said| said.0);
        let case = Case {
            failure,
            reused,
            shared: version == Version::HTTP_2,
            idempotent: is_idempotent(method.clone(), said),
            replayable: body_of(whole).again().is_some(),
        };
        let resend = case.resend();
        print!(
            " {:>10}",
            match resend {
                Resend::Never => ".",
                Resend::AtOnce => "=",
                Resend::AfterBackoff => "~",
            }
        );
        let forbidden = forbidden(failure, version, reused, idempotent, whole);
        assert_eq!(
            resend == Resend::Never,
            forbidden.is_some(),
            "{case:?}: {forbidden:?}"
        );
        // The next connection is of another version.
        let elsewhere = failure == Failure::WrongVersion;
        let pressed = (!reused && !elsewhere) || failure == Failure::Refused;
        let hasty = resend == Resend::AtOnce && pressed;
        assert!(!hasty, "{case:?}: the server is pressed");
    }
    println!();
}

/// The decision for a real request.
fn is_idempotent(method: Method, said: Option<Idempotent>) -> bool {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = "http://h.test/".parse().unwrap();
    if let Some(said) = said {
        request.extensions_mut().insert(said);
    }
    let exchange = Exchange::new(request.into_parts().0, &body_of(true));
    exchange.unwrap().is_idempotent()
}

fn body_of(whole: bool) -> Outgoing {
    let body = Full::new(Bytes::from_static(b"body"));
    match whole {
        true => Outgoing::new(body),
        false => Outgoing::new(body.map_frame(|frame| frame)),
    }
}

/// The rule that forbids to send the request again, if any. It is the inverse of the code, which
/// lists the cases that allow it.
fn forbidden(
    failure: Failure,
    version: Version,
    reused: bool,
    idempotent: bool,
    whole: bool,
) -> Option<&'static str> {
    let unprocessed = match failure {
        Failure::Unsent => "it has not left",
        Failure::Refused => "RFC 9113, 8.7: REFUSED_STREAM precedes any processing",
        Failure::PassedOver => "RFC 9113, 6.8: higher streams were not processed",
        Failure::WrongVersion => "RFC 9113, 7: the server wants it asked by HTTP/1.1 instead",
        Failure::Reset | Failure::Silent | Failure::Late => "",
        Failure::Partial | Failure::User => "",
    };
    let is_unprocessed = !unprocessed.is_empty();
    let rules = [
        (
            failure == Failure::User,
            "what is wrong with a request is wrong the next time too",
        ),
        (
            !whole && failure != Failure::Unsent,
            "a body that was streamed away can not be had once more",
        ),
        (
            !idempotent && !is_unprocessed,
            "RFC 9110, 9.2.2: no retry unless it is idempotent or known not to have been applied",
        ),
        (
            !reused && !is_unprocessed,
            "RFC 9112, 9.3.1: only a connection that was idle can be closed as it is reused",
        ),
        (
            failure == Failure::Unsent && !reused && version == Version::HTTP_11,
            "whoever ends a new connection that nobody shares will end the next one too",
        ),
        (
            matches!(failure, Failure::Late | Failure::Reset),
            "a connection that lives has lost nothing: the answer is the server's own word",
        ),
        (
            failure == Failure::Reset,
            "RFC 9113, 8.7: no other code says that nothing was processed",
        ),
        (
            failure == Failure::Partial,
            "RFC 9112, 9.3.1: the response had begun",
        ),
    ];
    let mut broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
    broken.next().map(|(_, rule)| rule)
}

#[test]
fn a_backoff_is_random_and_bounded_and_never_nothing() {
    let mut before = Duration::ZERO;
    for resent in [0, 1, 2, 3, 4, 5, 31, 32, u32::MAX] {
        let longest = longest(resent);
        assert!(longest >= before && longest <= LONGEST, "{longest:?}");
        before = longest;
        assert_eq!(within(longest, 0), SHORTEST);
        assert_eq!(within(longest, u64::MAX), longest);
        let drawn: Vec<_> = (0..100).map(|_| backoff(resent)).collect();
        assert!(drawn.iter().all(|time| (SHORTEST..=longest).contains(time)));
        let earliest = drawn.iter().min().unwrap();
        let latest = drawn.iter().max().unwrap();
        assert!(
            *latest - *earliest > longest / 2,
            "{earliest:?} to {latest:?}"
        );
    }
    assert_eq!(longest(1), FIRST * 2);
}
