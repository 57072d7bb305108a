//! A network of our own: a namespace, and in it an interface behind which each address is a path
//! of its own kind.
//!
//! This process receives the packets sent to the interface. It returns each packet with source and
//! destination swapped, at once, late or never. So our own servers answer for every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tun_rs::{DeviceBuilder, SyncDevice};

const INSIDE: &str = "KEEPALIVE_RACE_INSIDE";
const INTERFACE: &str = "race0";

/// Where our servers are, and where all connections come from.
pub(crate) const US_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub(crate) const US_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// An address at which nobody listens: it refuses every connection.
pub(crate) const REFUSES: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1));

/// How packets to an address travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Prompt,
    /// The way there and back takes so many hundredths of a second.
    Slow(u8),
    /// Packets to the address are lost.
    Silent,
}

/// An IPv4 address with such a path, one of several.
pub(crate) const fn v4(path: Path, number: u8) -> IpAddr {
    let (kind, _) = path.coded();
    IpAddr::V4(Ipv4Addr::new(198, 18, kind, number))
}

/// An IPv6 address with such a path, one of several.
pub(crate) const fn v6(path: Path, number: u8) -> IpAddr {
    let (kind, hundredths) = path.coded();
    let number = ((kind as u16) << 8) | number as u16;
    IpAddr::V6(Ipv6Addr::new(
        0x2001,
        0xdb8,
        0,
        0,
        0,
        0,
        hundredths as u16,
        number,
    ))
}

impl Path {
    /// As two numbers, which are part of the address; one of IPv4 has no place for the second.
    const fn coded(self) -> (u8, u8) {
        match self {
            Self::Prompt => (1, 0),
            Self::Slow(hundredths) => (2, hundredths),
            Self::Silent => (3, 0),
        }
    }

    fn to(address: IpAddr) -> Self {
        let (kind, hundredths) = match address {
            IpAddr::V4(address) => (address.octets()[2], 0),
            IpAddr::V6(address) => (address.octets()[14], address.octets()[13]),
        };
        match kind {
            1 => Self::Prompt,
            2 => Self::Slow(hundredths),
            _ => Self::Silent,
        }
    }
}

/// Whether this process was started by [`run_in_one`].
pub(crate) fn is_our_own() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this program again in a network namespace of its own.
pub(crate) fn run_in_one() -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of this program")?;
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(error).context("running `unshare`, of util-linux")
}

/// Sets up the network; returns the port of our servers.
pub(crate) async fn begin() -> Result<u16> {
    ip("link set lo up")?;
    let device = DeviceBuilder::new().name(INTERFACE).build_sync();
    let device = device.context("making an interface, for which one has to be root")?;
    ip(&format!("link set {INTERFACE} up"))?;
    ip(&format!("addr add {US_V4}/15 dev {INTERFACE}"))?;
    ip(&format!("addr add {US_V6}/64 dev {INTERFACE} nodad"))?;
    ip(&format!("addr add {REFUSES}/128 dev lo nodad"))?;
    let runtime = tokio::runtime::Handle::current();
    let device = Arc::new(device);
    std::thread::spawn(move || reflect(&device, &runtime));
    name_server()?;
    serve().await
}

fn ip(command: &str) -> Result<()> {
    run("ip", &command.split(' ').collect::<Vec<_>>())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("running `{program}`"))?;
    ensure!(
        status.success(),
        "`{program} {}` failed",
        arguments.join(" ")
    );
    Ok(())
}

/// Makes the system's resolver ask this machine, where `dns` answers.
fn name_server() -> Result<()> {
    let file = std::env::temp_dir().join(format!("race-{}-resolv.conf", std::process::id()));
    std::fs::write(&file, "nameserver 127.0.0.1\n").context("writing a resolv.conf")?;
    let path = file.to_str().context("a path that is text")?;
    let mounted = run("mount", &["--bind", path, "/etc/resolv.conf"]);
    // The mount keeps what it needs.
    std::fs::remove_file(&file).context("removing a resolv.conf")?;
    mounted
}

/// Answers every connection with an HTTP response that ends it, for curl.
async fn serve() -> Result<u16> {
    let first = TcpListener::bind((US_V4, 0)).await?;
    let port = first.local_addr()?.port();
    let second = TcpListener::bind((US_V6, port)).await?;
    for listener in [first, second] {
        tokio::spawn(async move {
            const ANSWER: &[u8] =
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    // Most only connect, and go.
                    while let Ok(1..) = stream.read(&mut [0; 1024]).await {
                        let _ = stream.write_all(ANSWER).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
    }
    Ok(port)
}

fn reflect(device: &Arc<SyncDevice>, runtime: &tokio::runtime::Handle) -> Result<()> {
    let mut buffer = [0; 2048];
    loop {
        let length = device.recv(&mut buffer)?;
        let mut packet = buffer[..length].to_vec();
        let Ok(destination) = turn(&mut packet) else {
            continue;
        };
        match Path::to(destination) {
            Path::Prompt => drop(device.send(&packet)?),
            Path::Silent => {}
            Path::Slow(hundredths) => {
                // Half of it, because the answer comes by here, too.
                let delay = Duration::from_millis(5 * u64::from(hundredths));
                let device = Arc::clone(device);
                runtime.spawn(async move {
                    tokio::time::sleep(delay).await;
                    // It may be the last of a connection, when all ends.
                    let _ = device.send(&packet);
                });
            }
        }
    }
}

/// Swaps the source and the destination of a packet, and returns the old destination. The
/// checksums stay right: they are sums of both.
fn turn(packet: &mut [u8]) -> Result<IpAddr> {
    let (at, length) = match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.len() >= 20 => (12, 4),
        Some(6) if packet.len() >= 40 => (8, 16),
        _ => bail!("not a packet"),
    };
    let (source, destination) = packet[at..at + 2 * length].split_at_mut(length);
    source.swap_with_slice(destination);
    Ok(match <[u8; 4]>::try_from(&*source) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(&*source)?.into(),
    })
}
