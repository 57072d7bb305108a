//! Whether a request may be done twice.

/// Whether a request may be done twice, whatever its method says; an extension of a request.
///
/// Without it, the method decides: `GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS` and `TRACE` may be done
/// twice, and no other may (RFC 9110, section 9.2.2). `Idempotent(true)` suits a `POST` that carries
/// a key by which its server knows it again, `Idempotent(false)` a `GET` that has an effect.
///
/// It decides one case, see [`Client::retries`](crate::Client::retries): a request whose reused
/// connection ended without a byte of a response may have been acted on. A request that has
/// certainly not been acted on is sent again with `Idempotent(false)` too.
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
