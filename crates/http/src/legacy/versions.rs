//! Settings of HTTP/1.1 and HTTP/2 by hyper-util's names, which are hyper's own.

use std::time::Duration;

use super::Builder;
use crate::connector::LONGEST;

/// HTTP/1.1, as [`hyper::client::conn::http1::Builder`] has it.
impl Builder {
    /// Always reads with a buffer of this size, at most 16 MiB; a head that does not fit is an
    /// error. Unsets [`http1_max_buf_size`](Self::http1_max_buf_size). Default: it adapts.
    pub fn http1_read_buf_exact_size(&mut self, bytes: usize) -> &mut Self {
        self.one(|builder| {
            builder.read_buf_exact_size(Some(bytes.min(MAX_BUFFER)));
        })
    }

    /// The most that is buffered of a connection. Default about 400 KiB; less than 8192 counts as
    /// that.
    pub fn http1_max_buf_size(&mut self, bytes: usize) -> &mut Self {
        self.one(|builder| {
            builder.max_buf_size(bytes.max(8192));
        })
    }

    /// Whether spaces before the colon of a header are passed over. Default false.
    pub fn http1_allow_spaces_after_header_name_in_responses(&mut self, allow: bool) -> &mut Self {
        self.one(|builder| {
            builder.allow_spaces_after_header_name_in_responses(allow);
        })
    }

    /// Whether a header may go on in the next line. Default false.
    pub fn http1_allow_obsolete_multiline_headers_in_responses(
        &mut self,
        allow: bool,
    ) -> &mut Self {
        self.one(|builder| {
            builder.allow_obsolete_multiline_headers_in_responses(allow);
        })
    }

    /// Whether a line that is no header is passed over. Default false.
    pub fn http1_ignore_invalid_headers_in_responses(&mut self, ignore: bool) -> &mut Self {
        self.one(|builder| {
            builder.ignore_invalid_headers_in_responses(ignore);
        })
    }

    /// Whether several buffers are written at once. Default: where the connection does it well.
    pub fn http1_writev(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| {
            builder.writev(enabled);
        })
    }

    /// Whether headers are sent as `Title-Case`. Default false.
    pub fn http1_title_case_headers(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| {
            builder.title_case_headers(enabled);
        })
    }

    /// Whether the case of a response's headers is kept for a request that has its extensions.
    /// Default false.
    pub fn http1_preserve_header_case(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| {
            builder.preserve_header_case(enabled);
        })
    }

    /// How many headers a response may have, at most 16,384; each response costs memory for as many.
    /// Default 100.
    pub fn http1_max_headers(&mut self, headers: usize) -> &mut Self {
        self.one(|builder| {
            builder.max_headers(headers.min(MAX_HEADERS));
        })
    }

    /// Whether a response of HTTP/0.9 is taken for one. Default false.
    pub fn http09_responses(&mut self, enabled: bool) -> &mut Self {
        self.one(|builder| {
            builder.http09_responses(enabled);
        })
    }
}

/// HTTP/2, as [`hyper::client::conn::http2::Builder`] has it.
impl Builder {
    /// How many streams the peer may reset before they have been looked at.
    pub fn http2_max_pending_accept_reset_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| {
            builder.max_pending_accept_reset_streams(streams);
        })
    }

    /// How much of a stream may be on its way to us; at most 2^31 - 1.
    ///
    /// If none of the three settings of windows is set, each stream has 2 MiB and the connection as
    /// much as all of its streams, so that a body that nobody reads holds up no other. If one is
    /// set, they are as in hyper-util: the defaults are 2 MiB and 5 MiB.
    pub fn http2_initial_stream_window_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.min(MAX_WINDOW));
        self.has_windows(bytes.is_some()).two(move |builder| {
            builder.initial_stream_window_size(bytes);
        })
    }

    /// How much of all streams together may be on its way to us; at most 2^31 - 1.
    pub fn http2_initial_connection_window_size(
        &mut self,
        bytes: impl Into<Option<u32>>,
    ) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.min(MAX_WINDOW));
        self.has_windows(bytes.is_some()).two(move |builder| {
            builder.initial_connection_window_size(bytes);
        })
    }

    /// How many streams there may be before the peer has said how many it allows. Default: one, so
    /// that nothing is sent which the peer would refuse; the others wait until it has said so.
    pub fn http2_initial_max_send_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        self.settings.streams = streams.into();
        self
    }

    /// Whether the two windows follow what the connection can carry.
    pub fn http2_adaptive_window(&mut self, enabled: bool) -> &mut Self {
        self.has_windows(enabled).two(move |builder| {
            builder.adaptive_window(enabled);
        })
    }

    /// How long a frame may be: from 16,384 to 16,777,215.
    pub fn http2_max_frame_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into().map(|bytes| bytes.clamp(MIN_FRAME, MAX_FRAME));
        self.two(move |builder| {
            builder.max_frame_size(bytes);
        })
    }

    /// How long the headers of a response may be together.
    pub fn http2_max_header_list_size(&mut self, bytes: u32) -> &mut Self {
        self.two(move |builder| {
            builder.max_header_list_size(bytes);
        })
    }

    /// How much is remembered to send headers in short.
    pub fn http2_header_table_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        let bytes = bytes.into();
        self.two(move |builder| {
            builder.header_table_size(bytes);
        })
    }

    /// How often the peer is asked whether it is still there; at most each year. Default never.
    pub fn http2_keep_alive_interval(&mut self, time: impl Into<Option<Duration>>) -> &mut Self {
        let time = time.into().map(|time| time.min(LONGEST));
        self.two(move |builder| {
            builder.keep_alive_interval(time);
        })
    }

    /// How long the peer has to answer that; at most a year. Default 20 s.
    pub fn http2_keep_alive_timeout(&mut self, time: Duration) -> &mut Self {
        self.two(move |builder| {
            builder.keep_alive_timeout(time.min(LONGEST));
        })
    }

    /// Whether it is asked that while there is no stream. Default false.
    pub fn http2_keep_alive_while_idle(&mut self, enabled: bool) -> &mut Self {
        self.two(move |builder| {
            builder.keep_alive_while_idle(enabled);
        })
    }

    /// How many streams that we have reset are remembered.
    pub fn http2_max_concurrent_reset_streams(&mut self, streams: usize) -> &mut Self {
        self.two(move |builder| {
            builder.max_concurrent_reset_streams(streams);
        })
    }

    /// How many streams we reset for errors of the peer's before we give the connection up.
    pub fn http2_max_local_error_reset_streams(
        &mut self,
        streams: impl Into<Option<usize>>,
    ) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| {
            builder.max_local_error_reset_streams(streams);
        })
    }

    /// How many streams the peer may open.
    pub fn http2_max_concurrent_streams(&mut self, streams: impl Into<Option<u32>>) -> &mut Self {
        let streams = streams.into();
        self.two(move |builder| {
            builder.max_concurrent_streams(streams);
        })
    }

    /// How much of a request's body is buffered; at most `u32::MAX`.
    pub fn http2_max_send_buf_size(&mut self, bytes: usize) -> &mut Self {
        self.two(move |builder| {
            builder.max_send_buf_size(bytes.min(u32::MAX as usize));
        })
    }
}

// hyper makes room for so much beforehand, and a map of headers panics at some 24,000.
const MAX_BUFFER: usize = 16 << 20;
const MAX_HEADERS: usize = 1 << 14;

// RFC 9113, sections 6.9.1 and 4.2.
const MAX_WINDOW: u32 = (1 << 31) - 1;
const MIN_FRAME: u32 = 1 << 14;
const MAX_FRAME: u32 = (1 << 24) - 1;
