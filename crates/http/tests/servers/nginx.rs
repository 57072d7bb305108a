//! nginx, which ends a connection after so many requests: by `connection: close`, or by a GOAWAY.

use http::Version;

use crate::front::{Closes, PER_CONNECTION, Place, Way, check};
use keepalive_testkit::net::nginx::nginx;
use keepalive_testkit::net::program::find;

#[test]
fn nginx_answers_every_request_by_either_version() {
    for (tls, version) in [
        (true, Version::HTTP_11),
        (true, Version::HTTP_2),
        (false, Version::HTTP_2),
    ] {
        run(tls, version);
    }
}

fn run(tls: bool, version: Version) {
    if find("nginx").is_none() {
        return;
    }
    let way = Way {
        tls,
        version,
        numbered: true,
        closes: Some(Closes::Announced),
    };
    check("nginx", way, |place| {
        nginx(&place.folder, &settings(place)).expect("it was there")
    });
}

fn settings(place: &Place) -> String {
    let Place { port, backend, .. } = place;
    let folder = place.folder.display();
    let tls = if place.way.tls { " ssl" } else { "" };
    let http2 = match place.way.version {
        Version::HTTP_2 => " http2",
        _ => "",
    };
    format!(
        "    log_format lines '$connection $status $uri';
    access_log {folder}/access.log lines;
    keepalive_requests {PER_CONNECTION};
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port}{tls}{http2};
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
        }}
    }}"
    )
}
