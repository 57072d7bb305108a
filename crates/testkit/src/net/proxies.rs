//! Runs other people's proxies, each in a folder of the test's own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use super::program::{Program, find, free_port};

/// The user name of proxies that require credentials.
pub const USER: &str = "me";
/// The password of [`USER`].
pub const PASSWORD: &str = "secret";

/// The settings of a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Whether it serves [`USER`] alone.
    pub wants_credentials: bool,
    /// Whether it opens tunnels to any port; otherwise to 443 alone, as squid does by default.
    pub tunnels_anywhere: bool,
    /// A certificate and its key, in PEM, if clients reach it by TLS.
    pub tls: Option<(&'a str, &'a str)>,
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    /// The address at which it listens.
    pub address: SocketAddr,
    _program: Program,
}

/// Squid, if it is installed. Its log is `access.log` in the folder, with a line for each request:
/// the port of its client, the method, the URL, and the status.
pub fn squid(folder: &Path, setup: Setup<'_>) -> Option<Proxy> {
    let (binary, port) = (find("squid")?, free_port());
    // If root starts it, it changes to another user.
    open_to_all(folder);
    let place = folder.display();
    let listens = match setup.tls {
        None => format!("http_port 127.0.0.1:{port}"),
        Some((certificate, key)) => {
            write(folder, "cert.pem", certificate);
            write(folder, "key.pem", key);
            format!("https_port 127.0.0.1:{port} tls-cert={place}/cert.pem tls-key={place}/key.pem")
        }
    };
    let allowed = match setup.wants_credentials {
        false => "http_access allow all".to_owned(),
        true => {
            let takes = format!(
                "while read -r user password; do
                    [ \"$user $password\" = '{USER} {PASSWORD}' ] && echo OK || echo ERR
                done"
            );
            write(folder, "takes.sh", &takes);
            format!(
                "auth_param basic program /bin/sh {place}/takes.sh
                auth_param basic children 1
                acl known proxy_auth REQUIRED
                http_access allow known
                http_access deny all"
            )
        }
    };
    let tunnels = match setup.tunnels_anywhere {
        true => "",
        false => {
            "acl tunnel method CONNECT
            acl usual port 443
            http_access deny tunnel !usual"
        }
    };
    let settings = format!(
        "{listens}
        {tunnels}
        {allowed}
        logformat seen %>p %rm %ru %>Hs
        access_log stdio:{place}/access.log seen
        cache_log {place}/cache.log
        cache deny all
        coredump_dir {place}
        netdb_filename none
        pid_filename none
        pinger_enable off
        shutdown_lifetime 0 seconds
        visible_hostname squid.test\n"
    );
    // A line with leading blanks would continue the line before.
    let settings: Vec<_> = settings.lines().map(str::trim).collect();
    write(folder, "squid.conf", &settings.join("\n"));
    let mut command = Command::new(binary);
    command.args(["-N", "-f"]).arg(folder.join("squid.conf"));
    Some(proxy(&mut command, port))
}

/// Tinyproxy, if it is installed. It ends each connection after one request, has no TLS, and treats
/// all ports alike.
pub fn tinyproxy(folder: &Path, setup: Setup<'_>) -> Option<Proxy> {
    let (binary, port) = (find("tinyproxy")?, free_port());
    let credentials = match setup.wants_credentials {
        true => format!("BasicAuth {USER} {PASSWORD}\n"),
        false => String::new(),
    };
    let tunnels = match setup.tunnels_anywhere {
        true => "",
        false => "ConnectPort 443\n",
    };
    let settings =
        format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\n{credentials}{tunnels}");
    write(folder, "tinyproxy.conf", &settings);
    let mut command = Command::new(binary);
    command
        .args(["-d", "-c"])
        .arg(folder.join("tinyproxy.conf"));
    Some(proxy(&mut command, port))
}

/// Microsocks, if it is installed: SOCKS 5.
pub fn microsocks(setup: Setup<'_>) -> Option<Proxy> {
    let (binary, port) = (find("microsocks")?, free_port());
    let mut command = Command::new(binary);
    command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
    if setup.wants_credentials {
        command.args(["-u", USER, "-P", PASSWORD]);
    }
    Some(proxy(&mut command, port))
}

fn proxy(command: &mut Command, port: u16) -> Proxy {
    Proxy {
        address: (Ipv4Addr::LOCALHOST, port).into(),
        _program: Program::listening(command.stderr(Stdio::null()), port),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a folder of the test's own");
}

/// Lets the user write there that a proxy changes to.
#[cfg(unix)]
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let all = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder, all).expect("a folder of the test's own");
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}
