//! Settings of HTTP/1.1 and HTTP/2 under hyper-util's names, which are hyper's own.

use std::time::Duration;

use super::Builder;
use crate::connector::LONGEST;

/// Settings of HTTP/1.1, as in [`hyper::client::conn::http1::Builder`].
impl Builder {
    /// Reads with a buffer of exactly this size, at most 16 MiB; a head that does not fit is an
    /// error. Unsets [`http1_max_buf_size`](Self::http1_max_buf_size). Default: the size adapts.
    pub fn http1_read_buf_exact_size(&mut self, bytes: usize) -> &mut Self {
        self.one(|builder| builder.read_buf_exact_size(Some(bytes.min(MAX_BUFFER))))
    }

    /// The largest buffer of a connection. Default about 400 KiB; less than 8192 bytes counts as
    /// 8192.
    pub fn http1_max_buf_size(&mut self, bytes: usize) -> &mut Self {
        self.one(|builder| builder.max_buf_size(bytes.max(8192)))
    }

    /// Whether spaces before the colon of a header are ignored. Default false.
    pub fn http1_allow_spaces_after_header_name_in_responses(&mut self, allow: bool) -> &mut Self {
        self.one(|builder| builder.allow_spaces_after_header_name_in_responses(allow))
    }

    /// Whether a header may continue on the next line. Default false.
    pub fn http1_allow_obsolete_multiline_headers_in_responses(
        &mut self,
        allow: bool,
    ) -> &mut Self {
        self.one(|builder| builder.allow_obsolete_multiline_headers_in_responses(allow))
    }

    /// Whether invalid header lines are ignored. Default false.
    pub fn http1_ignore_invalid_headers_in_responses(&mut self, ignore: bool) -> &mut Self {
        self.one(|builder| builder.ignore_invalid_headers_in_responses(ignore))
    }

    /// Whether vectored writes are used. Default: if the connection supports them well.
    pub fn http1_writev(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| builder.writev(enabled))
    }

    /// Whether headers are sent as `Title-Case`. Default false.
    pub fn http1_title_case_headers(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| builder.title_case_headers(enabled))
    }

    /// Whether a response's extensions record the case of its headers; a request with these
    /// extensions sends its headers in that case. Default false.
    pub fn http1_preserve_header_case(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| builder.preserve_header_case(enabled))
    }

    /// How many headers a response may have, at most 16,384; each response allocates memory for
    /// that many. Default 100.
    pub fn http1_max_headers(&mut self, headers: usize) -> &mut Self {
        self.one(|builder| builder.max_headers(headers.min(MAX_HEADERS)))
    }

    /// Whether an HTTP/0.9 response is accepted. Default false.
    pub fn http09_responses(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| builder.http09_responses(enabled))
    }
}

/// Settings of HTTP/2, as in [`hyper::client::conn::http2::Builder`].
impl Builder {
    /// How many streams the peer may open and reset before we have accepted them.
    pub fn http2_max_pending_accept_reset_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| builder.max_pending_accept_reset_streams(streams))
    }

    /// The flow-control window of a stream, in bytes; at most 2^31 - 1.
    ///
    /// If none of the three window settings is set, each stream has 2 MiB, and the connection has
    /// the sum of all its streams. So an unread body blocks no other. If one is set, the others
    /// have hyper-util's defaults: 2 MiB and 5 MiB.
    pub fn http2_initial_stream_window_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.min(MAX_WINDOW));
        self.has_windows(bytes.is_some())
            .two(move |builder| builder.initial_stream_window_size(bytes))
    }

    /// The flow-control window of a connection, in bytes; at most 2^31 - 1.
    pub fn http2_initial_connection_window_size(
        &mut self,
        bytes: impl Into<Option<u32>>,
    ) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.min(MAX_WINDOW));
        self.has_windows(bytes.is_some())
            .two(move |builder| builder.initial_connection_window_size(bytes))
    }

    /// How many streams may be open before the peer's limit is known. Default: one, so that the
    /// peer refuses no request; the others wait for its limit.
    pub fn http2_initial_max_send_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        self.settings.streams = streams.into();
        self
    }

    /// Whether both windows adapt to the bandwidth and delay of the connection.
    pub fn http2_adaptive_window(&mut self, enabled: bool) -> &mut Self {
        self.has_windows(enabled)
            .two(move |builder| builder.adaptive_window(enabled))
    }

    /// The largest frame that we accept: 16,384 to 16,777,215 bytes.
    pub fn http2_max_frame_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.clamp(MIN_FRAME, MAX_FRAME));
        self.two(move |builder| builder.max_frame_size(bytes))
    }

    /// The largest header list of a response, in bytes.
    pub fn http2_max_header_list_size(&mut self, bytes: u32) -> &mut Self {
        self.two(move |builder| builder.max_header_list_size(bytes))
    }

    /// The largest table for header compression (HPACK) that the peer may use, in bytes.
    pub fn http2_header_table_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into();
        self.two(move |builder| builder.header_table_size(bytes))
    }

    /// The interval between keep-alive PINGs; at most a year. Default: no PINGs.
    pub fn http2_keep_alive_interval(&mut self, time: impl Into<Option<Duration>>) -> &mut Self {
        let time = time.into().map(|time| time.min(LONGEST));
        self.two(move |builder| builder.keep_alive_interval(time))
    }

    /// How long the peer has to answer a keep-alive PING; at most a year. Default 20 s.
    pub fn http2_keep_alive_timeout(&mut self, time: Duration) -> &mut Self {
        self.two(move |builder| builder.keep_alive_timeout(time.min(LONGEST)))
    }

    /// Whether keep-alive PINGs are sent while no stream is open. Default false.
    pub fn http2_keep_alive_while_idle(&mut self, enabled: bool) -> &mut Self {
        self.two(move |builder| builder.keep_alive_while_idle(enabled))
    }

    /// How many streams that we have reset are remembered at once.
    pub fn http2_max_concurrent_reset_streams(&mut self, streams: usize) -> &mut Self {
        self.two(move |builder| builder.max_concurrent_reset_streams(streams))
    }

    /// How many streams we reset for errors of the peer before we close the connection.
    pub fn http2_max_local_error_reset_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| builder.max_local_error_reset_streams(streams))
    }

    /// How many streams the peer may open.
    pub fn http2_max_concurrent_streams(&mut self, streams: impl Into<Option<u32>>) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| builder.max_concurrent_streams(streams))
    }

    /// How much of a request's body is buffered, in bytes; at most `u32::MAX`.
    pub fn http2_max_send_buf_size(&mut self, bytes: usize) -> &mut Self {
        self.two(move |builder| builder.max_send_buf_size(bytes.min(u32::MAX as usize)))
    }
}

// hyper allocates this much in advance, and `HeaderMap` panics at some 24,000 headers.
const MAX_BUFFER: usize = 16 << 20;
const MAX_HEADERS: usize = 1 << 14;

// RFC 9113, sections 6.9.1 and 4.2.
const MAX_WINDOW: u32 = (1 << 31) - 1;
const MIN_FRAME: u32 = 1 << 14;
const MAX_FRAME: u32 = (1 << 24) - 1;
