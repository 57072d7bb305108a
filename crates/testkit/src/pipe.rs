//! A connection within the process, which never becomes unusable by itself.

use std::task::{Context, Poll};

use keepalive::{Connection, Unusable};
use tokio::io::DuplexStream;

pub struct Pipe(pub DuplexStream);

crate::forward_io!(Pipe, 0);

impl Connection for Pipe {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

/// Implements tokio's reads and writes of a type by those of a field.
#[macro_export]
macro_rules! forward_io {
    ($type:ty, $field:tt) => {
        impl ::tokio::io::AsyncRead for $type {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                context: &mut ::std::task::Context<'_>,
                buffer: &mut ::tokio::io::ReadBuf<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let io = ::std::pin::Pin::new(&mut self.get_mut().$field);
                ::tokio::io::AsyncRead::poll_read(io, context, buffer)
            }
        }

        $crate::forward_write!($type, $field);
    };
}

/// Implements tokio's writes of a type by those of a field.
#[macro_export]
macro_rules! forward_write {
    ($type:ty, $field:tt) => {
        impl ::tokio::io::AsyncWrite for $type {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                context: &mut ::std::task::Context<'_>,
                bytes: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let io = ::std::pin::Pin::new(&mut self.get_mut().$field);
                ::tokio::io::AsyncWrite::poll_write(io, context, bytes)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                context: &mut ::std::task::Context<'_>,
                slices: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let io = ::std::pin::Pin::new(&mut self.get_mut().$field);
                ::tokio::io::AsyncWrite::poll_write_vectored(io, context, slices)
            }

            fn is_write_vectored(&self) -> bool {
                ::tokio::io::AsyncWrite::is_write_vectored(&self.$field)
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                context: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let io = ::std::pin::Pin::new(&mut self.get_mut().$field);
                ::tokio::io::AsyncWrite::poll_flush(io, context)
            }

            fn poll_shutdown(
                self: ::std::pin::Pin<&mut Self>,
                context: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let io = ::std::pin::Pin::new(&mut self.get_mut().$field);
                ::tokio::io::AsyncWrite::poll_shutdown(io, context)
            }
        }
    };
}
