//! nginx, which ends a connection after so many requests: by `connection: close`, or by a GOAWAY.

use std::fs;
use std::process::Command;

use http::Version;

use crate::front::{Closes, PER_CONNECTION, Place, Way, check};
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
    let Some(nginx) = find("nginx") else { return };
    let way = Way {
        tls,
        version,
        numbered: true,
        closes: Some(Closes::Announced),
    };
    check("nginx", way, |place| {
        fs::write(place.folder.join("nginx.conf"), configuration(place)).unwrap();
        let mut command = Command::new(&nginx);
        command.arg("-p").arg(&place.folder);
        command.args(["-c", &place.file("nginx.conf")]);
        command.args(["-e", &place.file("error.log")]);
        command
    });
}

fn configuration(place: &Place) -> String {
    let id = Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|output| output.stdout == b"0\n");
    // Only root may say whose the worker is, and only root's would not see the test's folder.
    let user = if is_root { "user root;" } else { "" };
    let Place { port, backend, .. } = place;
    let folder = place.folder.display();
    let tls = if place.way.tls { " ssl" } else { "" };
    let http2 = match place.way.version {
        Version::HTTP_2 => " http2",
        _ => "",
    };
    format!(
        "daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    log_format lines '$connection $status $uri';
    access_log {folder}/access.log lines;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
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
    }}
}}
"
    )
}
