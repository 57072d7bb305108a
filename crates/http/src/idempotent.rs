//! Whether a request is idempotent.

/// Whether a request is idempotent, regardless of its method; an extension of a request.
///
/// Without it, the method decides: `GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS` and `TRACE` are
/// idempotent, and all others are not (RFC 9110, section 9.2.2). `Idempotent(true)` suits a `POST`
/// with a key by which its server detects duplicates, `Idempotent(false)` a `GET` with a side
/// effect.
///
/// It decides one case, see [`Client::retries`](crate::Client::retries): the server may have acted
/// on a request whose reused connection ended without a byte of a response. A request on which the
/// server certainly did not act is sent again even with `Idempotent(false)`.
///
/// # Examples
///
/// ```
/// use http_body_util::Full;
/// use hyper::body::Bytes;
/// use keepalive_http::Idempotent;
///
/// # fn example() -> Result<(), http::Error> {
/// let payment = http::Request::post("http://127.0.0.1:8080/payments")
///     .header("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324")
///     .extension(Idempotent(true))
///     .body(Full::new(Bytes::from("{}")))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Idempotent(pub bool);
