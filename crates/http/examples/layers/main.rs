//! Features of reqwest, built from tower layers: time limits, retries with backoff, redirects,
//! decompression, cookies and JSON.
//!
//! It starts two servers of its own. It logs in at the first, and orders something from a page that
//! fails at first. Then it is redirected to the second server, which must not receive its password.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

mod cookies;
mod json;
mod redirects;
mod retries;
mod server;

use std::error::Error;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use keepalive::Manager;
use keepalive_http::{Client, Http};
use serde::{Deserialize, Serialize};
use server::Server;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::decompression::DecompressionLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::timeout::ResponseBodyTimeoutLayer;

use crate::cookies::CookieLayer;
use crate::redirects::Redirects;
use crate::retries::Retries;

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Order {
    item: String,
    number: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (second, first) = Server::start_two().await?;

    let manager = Manager::builder()
        .max_per_host(4)
        .connector(Http::new())
        .build()?;
    let mut client = ServiceBuilder::new()
        .timeout(Duration::from_secs(30)) // until the head of the last response
        .retry(Retries::at_most(3))
        .layer(FollowRedirectLayer::with_policy(Redirects::at_most(10)))
        .layer(DecompressionLayer::new())
        .layer(CookieLayer::default())
        .layer(ResponseBodyTimeoutLayer::new(Duration::from_secs(10))) // without a byte
        .timeout(Duration::from_secs(10)) // of each exchange, until the head of its response
        .service(Client::new(manager.clone()));

    // The response sets a cookie, and redirects to a page that needs it.
    let request = Request::post(first.url("/login")).body("me".to_owned())?;
    let response = client.ready().await?.call(request).await?;
    println!("logged in: {}", response.status());

    // The first try gets a 503. The response is compressed.
    let order = Order {
        item: "tea".to_owned(),
        number: 2,
    };
    let request = json::request(Method::PUT, &first.url("/order"), &order)?;
    let response = client.ready().await?.call(request).await?;
    let confirmed: Order = json::read(response).await?;
    println!("ordered: {confirmed:?}");
    assert_eq!(confirmed, order);

    // The redirect leads to another host, which must not receive the password.
    let request = Request::get(first.url("/old")).header(AUTHORIZATION, "Basic bWU6c2VjcmV0");
    let response = client
        .ready()
        .await?
        .call(request.body(String::new())?)
        .await?;
    println!("elsewhere: {}", response.status());

    let told = [first.told(), second.told()].concat();
    for line in &told {
        println!("{line}");
    }
    assert_eq!(
        told,
        [
            "POST /login",
            "GET /home, with a cookie",
            "PUT /order, with a cookie",
            "PUT /order, with a cookie",
            "GET /old, with a cookie, with a password",
            "GET /new, with a cookie",
        ]
    );
    println!("connections opened: {}", manager.totals().opened);
    Ok(())
}
