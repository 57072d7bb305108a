//! Proxies of HTTP and of SOCKS 5.

mod errors;
mod forwarder;
mod http;
mod servers;
mod socks;
