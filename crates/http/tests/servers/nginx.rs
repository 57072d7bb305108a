//! nginx, which ends a connection after so many requests: by `connection: close`, or by a GOAWAY.

use http::Version;
use keepalive_testkit::net::nginx::nginx;

use crate::front::{ALL_WAYS, Closes, PER_CONNECTION, Place, check};

#[test]
fn nginx_answers_every_request_by_either_version() {
    let [_, ways @ ..] = ALL_WAYS;
    let closes = |_, _| Some(Closes::Announced);
    check("nginx", ways, true, closes, |_, place| {
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
