//! A server in front of the one that echoes, and a run of requests through it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use http::Version;
use keepalive::{Manager, NetConnector, Tls};
use keepalive_http::{Client, Http};
use keepalive_testkit::net::program::{Program, find, free_port};
use keepalive_testkit::tls::Identity;
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::traffic::{self, REQUESTS, Traffic};
use crate::{backend, log};

const MAX_PER_HOST: usize = 4;
/// After so many requests, or about so many, the server closes a connection.
pub(crate) const PER_CONNECTION: usize = 7;

/// The protocol of a server, and its behaviour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) tls: bool,
    pub(crate) version: Version,
    /// Whether its log names connections by numbers of their own; it names ports otherwise, which
    /// come again.
    numbered: bool,
    /// How it closes connections, if it does.
    pub(crate) closes: Option<Closes>,
}

pub(crate) const ALL_WAYS: [(bool, Version); 4] = [
    (false, Version::HTTP_11),
    (true, Version::HTTP_11),
    (false, Version::HTTP_2),
    (true, Version::HTTP_2),
];

/// How a server closes a connection that can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    /// It announces the close.
    Announced,
    /// Between two requests, as one may be on its way.
    Silently,
}

/// The values for a configuration.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) backend: u16,
    pub(crate) way: Way,
}

impl Place {
    /// A file in its folder, as configurations name it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// Checks a server in these ways, with TLS or without, and by this version.
pub(crate) fn check<const N: usize>(
    name: &str,
    ways: [(bool, Version); N],
    numbered: bool,
    closes: fn(bool, Version) -> Option<Closes>,
    command: impl Fn(&Path, &Place) -> Command,
) {
    let Some(program) = find(name) else { return };
    for (tls, version) in ways {
        let way = Way {
            tls,
            version,
            numbered,
            closes: closes(tls, version),
        };
        run(name, way, |place| command(&program, place));
    }
}

/// Starts a server, whose log is `access.log`, and sends it everything.
fn run(name: &str, way: Way, command: impl FnOnce(&Place) -> Command) {
    println!("{name}, {way:?}:");
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let folder = TempDir::new().unwrap();
    let identity = Identity::local();
    fs::write(folder.path().join("cert.pem"), &identity.pem).unwrap();
    fs::write(folder.path().join("key.pem"), identity.key_pem()).unwrap();
    let place = Place {
        folder: folder.path().to_owned(),
        port: free_port(),
        backend: runtime.block_on(backend::start()),
        way,
    };
    let _server = Program::listening(&mut command(&place), place.port);

    let tls = Tls::builder()
        .roots_pem(identity.pem.as_str())
        .build()
        .unwrap();
    let http = Http::over(NetConnector::new().tls(tls));
    let http = match (way.tls, way.version) {
        (_, Version::HTTP_11) => http.http1_only(),
        (false, _) => http.http2_only(),
        (true, _) => http,
    };
    let manager = Manager::builder().max_per_host(MAX_PER_HOST);
    // So few requests on a connection, and so many at once: most are passed over, and often.
    let client = Client::new(manager.connector(http).build().unwrap()).retries(u32::MAX);
    let scheme = if way.tls { "https" } else { "http" };
    let traffic = Traffic {
        base: format!("{scheme}://127.0.0.1:{}", place.port),
        version: way.version,
        // Those on their way when the server closes, or says goodbye by HTTP/2, are to be sent again.
        pieces: way.version == Version::HTTP_11 && way.closes == Some(Closes::Announced),
    };
    let resent = runtime.block_on(async {
        let all = tokio::time::timeout(Duration::from_secs(20), traffic::run(&client, traffic));
        all.await.unwrap_or_else(|_| {
            let manager = client.manager();
            panic!(
                "{name}, {way:?}: it hangs: {:?}, {:?}",
                manager.totals(),
                manager.leases()
            )
        })
    });
    let counts = log::read(&place.folder.join("access.log"));
    println!(
        "{REQUESTS} requests and {resent} again, {} in its log, on {} connections, \
         {} of them at once",
        counts.requests, counts.connections, counts.at_once
    );
    if way.numbered {
        assert!(counts.at_once <= MAX_PER_HOST, "{} at once", counts.at_once);
    }
    let closed = counts.connections - counts.at_once;
    let enough = way.closes.map_or(0, |_| 4 * MAX_PER_HOST);
    assert!(closed >= enough, "it has closed but {closed}");
    runtime.block_on(client.manager().shutdown());
}
