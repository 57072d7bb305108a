//! What users of reqwest reach for, by layers of tower: time limits, retries with backoff, redirects,
//! bodies unpacked, cookies and JSON.
//!
//! It starts two servers of its own. It logs in at the first, orders something from a page that is not
//! well at first, and is sent to the second with a password that the second may not be told.

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
        .timeout(Duration::from_secs(30)) // until the head of the last answer
        .retry(Retries::at_most(3))
        .layer(FollowRedirectLayer::with_policy(Redirects::at_most(10)))
        .layer(DecompressionLayer::new())
        .layer(CookieLayer::default())
        .layer(ResponseBodyTimeoutLayer::new(Duration::from_secs(10))) // without a byte
        .timeout(Duration::from_secs(10)) // of each exchange, until the head of its answer
        .service(Client::new(manager.clone()));

    // The answer sets a cookie and leads to a page that wants it.
    let request = Request::post(first.url("/login")).body("me".to_owned())?;
    let response = client.ready().await?.call(request).await?;
    println!("logged in: {}", response.status());

    // It is busy when it is asked first. The answer is packed.
    let order = Order {
        item: "tea".to_owned(),
        number: 2,
    };
    let request = json::request(Method::PUT, &first.url("/order"), &order)?;
    let response = client.ready().await?.call(request).await?;
    let confirmed: Order = json::read(response).await?;
    println!("ordered: {confirmed:?}");
    assert_eq!(confirmed, order);

    // It leads elsewhere, where a password does not belong.
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
