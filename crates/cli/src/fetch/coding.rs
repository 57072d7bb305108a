//! Decodes content codings (RFC 9110, section 8.4.1).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_core::Stream;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyDataStream;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

/// The accept-encoding of `--compressed`.
pub(crate) const OFFERED: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// The body of a response as it arrives.
pub(crate) type Raw = UnsyncBoxBody<Bytes, keepalive_http::Error>;

/// The bound on codings of one body; each needs memory for its window.
const MOST: usize = 5;

/// The largest window that HTTP allows (RFC 9659, section 3), as a power of two: 8 MiB.
const LARGEST_ZSTD_WINDOW: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings of a response, in the order in which they were applied. The error says in words that
/// one is unknown, or that there are too many.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for name in names(headers) {
        codings.push(match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => {
                return Err(format!(
                    "the body is coded by {name:?}; gzip, deflate, br and zstd are known"
                ));
            }
        });
    }
    match codings.len() > MOST {
        true => Err(format!(
            "the body is coded {} times; at most {MOST} are undone",
            codings.len()
        )),
        false => Ok(codings),
    }
}

/// The codings that a response names; `None` without any.
pub(crate) fn shown(headers: &HeaderMap) -> Option<String> {
    let names = names(headers);
    (!names.is_empty()).then(|| names.join(", "))
}

/// The names of codings, without `identity`.
fn names(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).into_iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let texts: Vec<_> = texts.collect();
    let texts = texts.join(",");
    let names = texts.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    names.map(str::to_owned).collect()
}

/// A body that is decoded as it is read.
pub(crate) struct Decoded {
    source: Source,
    /// The codings still without a decoder, in the order in which they were applied.
    codings: Vec<Coding>,
    /// `None` without codings, or at the end.
    reader: Option<Reader>,
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

impl Decoded {
    pub(crate) fn new(body: Raw, codings: Vec<Coding>) -> Self {
        Self {
            source: Source(Arc::new(Mutex::new(BodyDataStream::new(body)))),
            codings,
            reader: None,
        }
    }

    /// The next data, or `None` at the end. An empty body needs no decoding.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may lose data.
    ///
    /// # Errors
    ///
    /// The body fails, with a [`keepalive_http::Error`] inside, or can not be decoded.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.codings.is_empty() {
            self.reader = Some(self.begin().await?);
        }
        let Some(reader) = &mut self.reader else {
            return self.source.next().await;
        };
        let mut piece = Vec::with_capacity(PIECE);
        if reader.read_buf(&mut piece).await? > 0 {
            return Ok(Some(piece.into()));
        }
        // A decoder stops at the end of its format. The connection is reused only after the end of
        // the body itself.
        self.reader = None;
        while self.source.next().await?.is_some() {}
        Ok(None)
    }

    async fn begin(&mut self) -> io::Result<Reader> {
        let mut reader: Reader = Box::pin(StreamReader::new(self.source.clone()));
        while let Some(coding) = self.codings.pop() {
            let mut rest = BufReader::new(reader);
            reader = match rest.fill_buf().await?.first() {
                Some(&first) => decoder(coding, first, rest),
                None => Box::pin(rest),
            };
        }
        Ok(reader)
    }
}

const PIECE: usize = 16 * 1024;

/// The decoder for a body that begins with `first`.
fn decoder(coding: Coding, first: u8, rest: BufReader<Reader>) -> Reader {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(rest);
            // RFC 1952, section 2.2.
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Coding::Deflate if is_zlib(first) => Box::pin(ZlibDecoder::new(rest)),
        Coding::Deflate => Box::pin(DeflateDecoder::new(rest)),
        Coding::Brotli => Box::pin(BrotliDecoder::new(rest)),
        Coding::Zstd => {
            let window = DParameter::window_log_max(LARGEST_ZSTD_WINDOW);
            let mut decoder = ZstdDecoder::with_params(rest, &[window]);
            // RFC 8878, section 3.1.
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Whether a `deflate` body has the header of zlib (RFC 1950, section 2.2). Some servers leave it
/// out (RFC 9110, section 8.4.1.2). Deflate itself begins with such bits only if a block is stored,
/// and its padding is not zero (RFC 1951, section 3.2.4).
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8
}

/// A body that decoders read, and [`Decoded`] after them. Clones share it.
#[derive(Clone)]
struct Source(Arc<Mutex<BodyDataStream<Raw>>>);

impl Source {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let next = poll_fn(|context| Pin::new(&mut *self).poll_next(context));
        next.await.transpose()
    }
}

impl Stream for Source {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body)
            .poll_next(context)
            .map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use async_compression::tokio::write;
    use http_body_util::{BodyExt, Full};
    use tokio::io::AsyncWriteExt;

    use super::*;

    const TEXT: &[u8] = b"the same words again and again, the same words again and again";

    async fn coded(coding: Coding, plain: &[u8]) -> Vec<u8> {
        async fn all<W: tokio::io::AsyncWrite + Unpin>(mut to: W, plain: &[u8]) -> W {
            to.write_all(plain).await.unwrap();
            to.shutdown().await.unwrap();
            to
        }
        let to = Vec::new();
        match coding {
            Coding::Gzip => all(write::GzipEncoder::new(to), plain).await.into_inner(),
            Coding::Deflate => all(write::ZlibEncoder::new(to), plain).await.into_inner(),
            Coding::Brotli => all(write::BrotliEncoder::new(to), plain).await.into_inner(),
            Coding::Zstd => all(write::ZstdEncoder::new(to), plain).await.into_inner(),
        }
    }

    fn raw_deflate() -> Vec<u8> {
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    }

    fn body(bytes: Vec<u8>) -> Raw {
        Full::new(Bytes::from(bytes))
            .map_err(|never| match never {})
            .boxed_unsync()
    }

    async fn decoded(bytes: Vec<u8>, codings: &[Coding]) -> io::Result<Vec<u8>> {
        let mut decoded = Decoded::new(body(bytes), codings.to_vec());
        let mut all = Vec::new();
        while let Some(piece) = decoded.next().await? {
            all.extend(piece);
        }
        Ok(all)
    }

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    #[tokio::test]
    async fn every_coding_and_every_pair_of_codings_is_decoded() {
        for one in ALL {
            let once = coded(one, TEXT).await;
            assert_eq!(
                decoded(once.clone(), &[one]).await.unwrap(),
                TEXT,
                "{one:?}"
            );
            for two in ALL {
                let twice = coded(two, &once).await;
                let plain = decoded(twice, &[one, two]).await.unwrap();
                assert_eq!(plain, TEXT, "{one:?}, {two:?}");
            }
        }
        assert_eq!(decoded(TEXT.to_vec(), &[]).await.unwrap(), TEXT);
    }

    #[tokio::test]
    async fn deflate_without_the_header_of_zlib_is_decoded() {
        let plain = decoded(raw_deflate(), &[Coding::Deflate]).await;
        assert_eq!(plain.unwrap(), TEXT);
    }

    #[tokio::test]
    async fn an_empty_body_is_decoded_and_a_truncated_body_is_an_error() {
        for coding in ALL {
            assert_eq!(decoded(Vec::new(), &[coding]).await.unwrap(), b"");
            let empty = coded(coding, b"").await;
            assert_eq!(decoded(empty, &[coding]).await.unwrap(), b"", "{coding:?}");
            let whole = coded(coding, TEXT).await;
            for cut in 1..whole.len() {
                let cut = decoded(whole[..cut].to_vec(), &[coding]).await;
                cut.expect_err(&format!("{coding:?}"));
            }
        }
        for coding in [Coding::Gzip, Coding::Zstd] {
            decoded(TEXT.to_vec(), &[coding])
                .await
                .expect_err("no such coding");
        }
    }

    #[tokio::test]
    async fn several_members_of_gzip_and_zstd_are_one_body() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let member = coded(coding, TEXT).await;
            let plain = decoded([member.clone(), member].concat(), &[coding]).await;
            assert_eq!(plain.unwrap(), [TEXT, TEXT].concat(), "{coding:?}");
        }
    }

    #[test]
    fn codings_are_parsed_from_all_headers_by_all_names() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            (codings(&headers), shown(&headers))
        };
        let (none, shown) = read(&["identity, ", ""]);
        assert_eq!((none, shown), (Ok(vec![]), None));
        let (found, shown) = read(&["GZip , x-gzip", "br"]);
        let expected = vec![Coding::Gzip, Coding::Gzip, Coding::Brotli];
        assert_eq!(
            (found, shown.as_deref()),
            (Ok(expected), Some("GZip, x-gzip, br"))
        );
        let unknown = read(&["gzip, compress"]).0.unwrap_err();
        assert!(unknown.contains("\"compress\""), "{unknown}");
        let many = read(&["br, br, br, br, br, br"]).0.unwrap_err();
        assert!(many.contains("6 times"), "{many}");
    }
}
