//! nginx, which reads and writes in a folder of the test's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::program::find;

/// The command that runs nginx, with these settings of its part for HTTP. `None` if it is not
/// installed.
pub fn nginx(folder: &Path, http: &str) -> Option<Command> {
    let binary = find("nginx")?;
    let id = Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|output| output.stdout == b"0\n");
    // Only root may set the worker's user, and only root's worker could not read the folder.
    let user = if is_root { "user root;" } else { "" };
    let place = folder.display();
    let settings = format!(
        "daemon off;
{user}
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {place}/client_body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
{http}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, settings).expect("a folder of the test's own");
    let mut command = Command::new(binary);
    command.arg("-p").arg(folder).arg("-c").arg(file);
    // Until nginx has read its settings, its errors go to its built-in path.
    command.arg("-e").arg(folder.join("error.log"));
    Some(command)
}
