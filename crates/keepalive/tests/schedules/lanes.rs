//! Schedules of requests that use and wait in the lane of their host.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use keepalive::Request;
use shuttle::future::{JoinHandle, spawn};

use crate::support::{Rig, explore, free, join, pause, request};

#[test]
fn a_connection_goes_round_in_a_lane() {
    explore(async || {
        let (rig, request) = warm().await;
        join([0; 3].map(|_| using(&rig, &request, 2))).await;
        assert_eq!(rig.manager.totals().opened, 1, "it was enough");
        rig.end().await;
    });
}

#[test]
fn a_request_leaves_a_lane_as_others_go_on() {
    explore(async || {
        let (rig, request) = warm().await;
        let leaving = {
            let (rig, request) = (rig.clone(), request.clone());
            spawn(async move {
                let mut leasing = pin!(rig.manager.lease(&request));
                let look = poll_fn(|context| Poll::Ready(leasing.as_mut().poll(context)));
                if let Poll::Ready(lease) = look.await {
                    take_and_free(&rig, lease.expect("a connection")).await;
                } else {
                    pause().await;
                }
            })
        };
        join([using(&rig, &request, 1), using(&rig, &request, 2), leaving]).await;
        assert_eq!(rig.manager.totals().opened, 1, "T3");
        rig.end().await;
    });
}

#[test]
fn lanes_are_called_back_as_requests_wait_in_them() {
    explore(async || {
        let (rig, request) = warm().await;
        let others = rig.exchanges([&[0, 1]]);
        join([using(&rig, &request, 2), using(&rig, &request, 1)]).await;
        join(others).await;
        rig.end().await;
    });
}

/// A manager with one connection per host, and a request whose host has a lane.
async fn warm() -> (Rig, Request) {
    let (rig, request) = (Rig::new(1, 2), request(0));
    for _ in 0..2 {
        let lease = rig.manager.lease(&request).await.expect("a connection");
        take_and_free(&rig, lease).await;
    }
    (rig, request)
}

/// A task that takes a connection and gives it back, so many times.
fn using(rig: &Rig, request: &Request, times: usize) -> JoinHandle<()> {
    let (rig, request) = (rig.clone(), request.clone());
    spawn(async move {
        for _ in 0..times {
            let lease = rig.manager.lease(&request).await.expect("L5");
            take_and_free(&rig, lease).await;
        }
    })
}

async fn take_and_free(rig: &Rig, lease: keepalive::Lease<crate::support::Mock>) {
    lease.receive(rig.mock.step());
    pause().await;
    free(lease);
}
