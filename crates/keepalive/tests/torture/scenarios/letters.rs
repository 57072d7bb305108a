//! Answers that are posted to a mailbox.

use tokio::join;
use tokio::time::Instant;

use super::{Scenario, scenario};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("letters", (1, 2), |stage| {
            let manager = stage.manager();
            let (mailbox, mut responses) = manager.mailbox();
            let asked = Instant::now();
            for number in 0..2 {
                let sent = manager.allocate_to(&mailbox, stage.host(number), "event", number);
                assert!(sent.is_ok(), "somebody reads");
            }
            drop(mailbox);
            let mut first = stage.under_test(responses.recv()).await.flatten();
            while let Some(response) = match first.take() {
                Some(response) => Some(response),
                None => responses.recv().await,
            } {
                let (number, answer) = response.into_parts();
                let lease = stage.got(number, asked, answer, true);
                stage.enjoy(lease, 1).await;
            }
            stage.visit(0, 1).await;
        }),
        scenario!("letters that nobody reads any more", (1, 1), |stage| {
            let manager = stage.manager();
            let held = stage.ask(0).await;
            let (mailbox, mut responses) = manager.mailbox();
            for _ in 0..3 {
                let sent = manager.allocate_to(&mailbox, stage.host(0), "event", ());
                assert!(sent.is_ok(), "somebody reads");
            }
            drop(mailbox);
            let asked = Instant::now();
            let reads = stage.under_test(async {
                while let Some(response) = responses.recv().await {
                    let lease = stage.got(0, asked, response.into_result(), true);
                    stage.enjoy(lease, 1).await;
                }
                drop(responses);
            });
            join!(stage.enjoy(held, 3), reads, stage.visit(0, 1));
        }),
        scenario!("a letter about one that has gone", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let manager = stage.manager();
            let (mailbox, mut responses) = manager.mailbox();
            let asked = Instant::now();
            let sent = manager.allocate_to(&mailbox, stage.host(0), "event", ());
            assert!(sent.is_ok(), "somebody reads");
            drop(mailbox);
            stage.network.all_close();
            let response = stage.under_test(responses.recv()).await.flatten();
            if let Some(response) = response {
                let lease = stage.got(0, asked, response.into_result(), true);
                stage.enjoy(lease, 1).await;
            }
            drop(responses);
            stage.visit(0, 1).await;
        }),
    ]
}
