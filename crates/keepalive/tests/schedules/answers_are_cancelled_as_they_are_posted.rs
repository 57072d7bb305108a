use keepalive::{ErrorKind, Mailbox};
use shuttle::future::spawn;

use crate::support::{Mock, Rig, explore, free, request};

#[test]
fn answers_are_cancelled_as_they_are_posted() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let (mailbox, mut responses) = rig.manager.mailbox();
        let asking = [0, 1].map(|host| {
            let rig = rig.clone();
            let mailbox: Mailbox<usize, Mock> = mailbox.clone();
            spawn(async move {
                let asked = rig.manager.allocate_to(&mailbox, request(host), "", host);
                let id = asked.expect("the mailbox is open");
                (host == 0 && rig.manager.cancel(id)).then_some(id)
            })
        });
        drop(mailbox);
        let mut cancelled = Vec::new();
        let mut answered = 0;
        while let Some(response) = responses.recv().await {
            answered += 1;
            let (id, since) = (response.id(), rig.mock.step());
            match response.into_result() {
                Ok(lease) => {
                    lease.receive(since);
                    free(lease);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Cancelled);
                    cancelled.push(id);
                }
            }
        }
        assert_eq!(answered, 2, "R6");
        let mut withdrawn = Vec::new();
        for task in asking {
            withdrawn.extend(task.await.expect("it is done"));
        }
        assert_eq!(cancelled, withdrawn, "R6");
        rig.end().await;
    });
}
