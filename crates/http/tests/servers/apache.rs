//! Apache, which ends a connection after so many requests: by `connection: close`, or by a GOAWAY.

use std::fs;
use std::path::Path;
use std::process::Command;

use http::Version;

use crate::front::{Closes, PER_CONNECTION, Place, check};

#[test]
fn apache_answers_every_request_by_either_version() {
    let ways = [(false, Version::HTTP_11), (true, Version::HTTP_2)];
    // By HTTP/2 only once nothing is on its way, and with so many tasks that may never be.
    let closes = |_, version| (version == Version::HTTP_11).then_some(Closes::Announced);
    check("apache2", ways, false, closes, |apache, place| {
        let file = place.folder.join("apache.conf");
        fs::write(&file, configuration(place)).unwrap();
        let mut command = Command::new(apache);
        command.args(["-D", "FOREGROUND"]).arg("-f").arg(file);
        command
    });
}

/// Modules that packages load from files, where they are not built in.
const MODULES: [&str; 7] = [
    "mpm_event",
    "authz_core",
    "proxy",
    "proxy_http",
    "ssl",
    "http2",
    "log_config",
];
const FOLDER: &str = "/usr/lib/apache2/modules";

fn configuration(place: &Place) -> String {
    let Place { port, backend, .. } = place;
    let folder = place.folder.display();
    let modules: String = MODULES
        .map(|name| (name, format!("{FOLDER}/mod_{name}.so")))
        .iter()
        .filter(|(_, file)| Path::new(file).is_file())
        .map(|(name, file)| format!("LoadModule {name}_module {file}\n"))
        .collect();
    let protocols = match place.way.version {
        Version::HTTP_2 => "h2 h2c",
        _ => "http/1.1",
    };
    let tls = if place.way.tls { "on" } else { "off" };
    format!(
        "{modules}
ServerName 127.0.0.1
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
Mutex pthread
Listen 127.0.0.1:{port}
User www-data
Group www-data
ErrorLog {folder}/error.log
LogFormat \"%{{remote}}p %>s %U\" lines
CustomLog {folder}/access.log lines
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
Protocols {protocols}
KeepAlive on
KeepAliveTimeout 60
MaxKeepAliveRequests {PER_CONNECTION}
SSLEngine {tls}
SSLCertificateFile {folder}/cert.pem
SSLCertificateKeyFile {folder}/key.pem
ProxyPass / http://127.0.0.1:{backend}/
"
    )
}
