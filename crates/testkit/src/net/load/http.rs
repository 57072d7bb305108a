//! Sends requests over HTTP, and checks the responses.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use keepalive::{Counts, Manager};
use keepalive_http::{Client, Error, Http};
use tokio::time::timeout;

use super::{
    Caller, Counted, Ending, HandedOut, Late, Limits, Question, judge, late, not_connected,
};
use crate::net::chaos::Protocol;

#[derive(Clone)]
pub struct HttpCaller {
    client: Client<Counted>,
    counted: Counted,
    limits: Limits,
}

impl Caller for HttpCaller {
    const PROTOCOL: Protocol = Protocol::Http;

    fn new(limits: Limits) -> Self {
        let counted = Counted::default();
        let manager = Manager::builder()
            .max_per_host(limits.max_per_host)
            .max_open(limits.max_open)
            .timeout(limits.timeout)
            .keep_alive(Duration::from_secs(3600))
            .connector(Http::over(counted.clone()));
        Self {
            client: Client::new(manager.build().expect("limits that can work")),
            counted,
            limits,
        }
    }

    async fn ask(&self, question: Question<'_>) -> (Ending, Late) {
        let asked = Instant::now();
        // The client sends a request again by itself, each time with a new deadline.
        let limit = self.limits.timeout + self.limits.patience;
        match timeout(limit, self.exchange(&question, asked)).await {
            Ok(ended) => ended,
            Err(_) => (Ending::Impatient, Duration::ZERO),
        }
    }

    async fn hold(&self, port: u16) -> Option<Box<dyn Send>> {
        let url = format!("http://127.0.0.1:{port}/1/100000/length");
        let response = self.client.get(url);
        let limit = self.limits.timeout + self.limits.patience;
        Some(Box::new(timeout(limit, response).await.ok()?.ok()?))
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn counted(&self) -> &Counted {
        &self.counted
    }

    fn totals(&self) -> Counts {
        self.client.manager().totals()
    }

    async fn shut_down(&self, limit: Duration) -> usize {
        self.client.manager().shutdown().within(limit).await
    }
}

impl HttpCaller {
    async fn exchange(&self, question: &Question<'_>, asked: Instant) -> (Ending, Late) {
        let framing = match question.way % 8 {
            0 => "close",
            1..=3 => "chunked",
            _ => "length",
        };
        let Question {
            port, nonce, size, ..
        } = question;
        let url = format!("http://127.0.0.1:{port}/{nonce}/{size}/{framing}");
        let response = match self.client.get(url).await {
            Ok(response) => response,
            Err(error) => {
                let late = match error.allocate() {
                    Some(_) if error.resent() == 0 => late(asked, self.limits),
                    _ => Duration::ZERO,
                };
                return (broken(&error), late);
            }
        };
        let allocation = *response.body().allocation();
        let handed_out = HandedOut {
            // The timing is that of the last attempt. After several attempts this time is early,
            // which is lenient.
            at: asked + allocation.timing.total(),
            reused: allocation.from_cache.is_some(),
        };
        let late = allocation
            .timing
            .total()
            .saturating_sub(self.limits.timeout);
        if (question.way / 8).is_multiple_of(16) {
            // Drops the body half read, or unread.
            drop(response);
            return (Ending::Broken("dropped".to_owned()), late);
        }
        let body = match response.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return (broken(&error), late),
        };
        let text = String::from_utf8_lossy(&body);
        (judge(&text, question, handed_out, &mut None), late)
    }
}

fn broken(error: &Error) -> Ending {
    if let Some(error) = error.allocate() {
        return not_connected(error);
    }
    let sensible = matches!(error.function(), "request" | "response" | "body");
    if sensible && !error.error_str().is_empty() {
        Ending::Broken(format!("{}: {}", error.function(), error.error_str()))
    } else {
        Ending::Wrong(format!("an error that makes no sense: {error:?}"))
    }
}
