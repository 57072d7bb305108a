//! Sends a request once, on one connection, and decides whether it may be sent again on another.

use std::future::{Future, poll_fn};
use std::pin::pin;

use http::Response;

use crate::connection::Unanswered;
use crate::deadlines::Timer;
use crate::exchange::{Exchange, Form};
use crate::hold::Hold;
use crate::outgoing::Outgoing;
use crate::received::Received;
use crate::resend::{Case, Failure, Resend};
use crate::{Error, StreamConnector};

/// A request without a response.
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// The body of the request, if it is safe to send it again.
    pub(crate) again: Option<Outgoing>,
    /// Whether to wait before that.
    pub(crate) backs_off: bool,
}

/// Sends a request on the held connection, and waits for the head of its response. Returns the body
/// too, if it can be sent again.
pub(crate) async fn send<C: StreamConnector>(
    exchange: &Exchange,
    form: Form,
    body: Outgoing,
    hold: &mut Hold<C>,
    timer: Option<Box<Timer>>,
) -> Result<(Response<Received>, Option<Outgoing>), Failed> {
    let lease = hold.lease();
    let reused = lease.from_cache().is_some();
    let version = lease.version();
    if let Err(what) = exchange.check_version(version) {
        return Err(Failed {
            error: exchange.tried().failed("request", what),
            again: None,
            backs_off: false,
        });
    }
    let shared = lease.is_shared();
    let own = match form {
        Form::Target => lease.begin(exchange, &body),
        #[cfg(feature = "legacy")]
        Form::Absolute => None,
    };
    let (sent, copy) = if let Some(own) = own {
        let sent = own.respond(&exchange.head.method);
        (in_time(sent, timer).await, Some(body))
    } else {
        let copy = body.again();
        // Boxed, so that the futures of other requests need no room for it.
        let sent = Box::pin(lease.send(|| exchange.message(version, form, body)));
        (in_time(sent, timer).await, copy)
    };
    let unanswered = match sent {
        Ok(response) => return Ok((response, copy)),
        Err(unanswered) => unanswered,
    };
    let function = match unanswered.failure {
        Failure::Unsent | Failure::User => "request",
        _ => "response",
    };
    let case = Case {
        failure: unanswered.failure,
        reused,
        shared,
        idempotent: exchange.is_idempotent(),
        replayable: copy.is_some(),
    };
    let (body, resend) = (unanswered.unsent.map(|body| *body), case.resend());
    Err(Failed {
        error: exchange.tried().failed(function, unanswered.error),
        again: body.or(copy).filter(|_| resend != Resend::Never),
        backs_off: resend == Resend::AfterBackoff,
    })
}

/// Waits for a response until its time is up.
async fn in_time<R>(
    sent: impl Future<Output = Result<R, Unanswered>>,
    timer: Option<Box<Timer>>,
) -> Result<R, Unanswered> {
    let mut sent = pin!(sent);
    let Some(mut timer) = timer else {
        return sent.await;
    };
    poll_fn(|context| {
        let sent = sent.as_mut().poll(context);
        if sent.is_ready() {
            return sent;
        }
        // The connection is alive, but the request no longer waits.
        let late = timer.poll_late(context);
        late.map(|error| Err(Unanswered::new(Failure::Late, error)))
    })
    .await
}
