//! Servers for the clients, each behind a faulty proxy.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Caller, Limits, Peer};
use crate::net::census::states_to;
use crate::net::chaos::{Protocol, Proxy};
use crate::net::combinations::Combination;
use crate::net::crowd::Crowd;
use crate::net::echo::Echo;
use crate::net::toxic::{Deed, Toxic};

const SERVERS: usize = 3;

/// Servers, each behind a proxy, and the number of clients of each at once.
pub struct Site {
    servers: Vec<Echo>,
    proxies: Vec<Proxy>,
    pub peers: Arc<[Peer]>,
    crowds: Vec<Arc<Crowd>>,
}

impl Site {
    pub async fn open(protocol: Protocol, limits: Limits, seed: u64, runtime: &Handle) -> Self {
        let all = Crowd::new(limits.max_open);
        let mut site = Self {
            servers: Vec::new(),
            proxies: Vec::new(),
            peers: Arc::new([]),
            crowds: vec![Arc::clone(&all)],
        };
        for number in 0..SERVERS {
            let tag = format!("server{number}");
            let server = match protocol {
                Protocol::Sealed => Echo::start_sealed(runtime, &tag).await,
                Protocol::Line | Protocol::Http => Echo::start(runtime, &tag).await,
            };
            let one = Crowd::new(limits.max_per_host);
            let crowds = vec![Arc::clone(&one), Arc::clone(&all)];
            let seed = seed + number as u64;
            let proxy = Proxy::start(runtime, protocol, server.address(), crowds, seed);
            site.crowds.push(one);
            site.servers.push(server);
            site.proxies.push(proxy);
        }
        let peers = site.servers.iter().zip(&site.proxies);
        site.peers = peers
            .map(|(server, proxy)| Peer {
                port: proxy.port(),
                tag: Arc::from(server.tag()),
            })
            .collect();
        site
    }

    /// Sets the faults of all servers from now on.
    pub fn set(&self, combination: &Combination) {
        for proxy in &self.proxies {
            proxy.set(&combination.0);
        }
    }

    /// How often each toxic acted.
    pub fn faults(&self) -> BTreeMap<String, u64> {
        let mut sum = BTreeMap::new();
        for (toxic, count) in self.proxies.iter().flat_map(Proxy::faults) {
            *sum.entry(toxic).or_default() += count;
        }
        sum
    }

    /// A toxic that has not acted yet.
    pub fn missing(&self, combination: &Combination) -> Option<Toxic> {
        let faults = self.faults();
        let mut toxics = combination.0.iter().copied();
        toxics.find(|toxic| !faults.contains_key(&toxic.to_string()))
    }

    /// Sets the faults of one server from now on.
    pub fn set_one(&self, server: usize, toxics: &[Toxic]) {
        self.proxies[server % SERVERS].set(toxics);
    }

    /// Orders a deed on all connections now.
    pub fn order(&self, deed: Deed) {
        for proxy in &self.proxies {
            proxy.order(deed);
        }
    }

    /// The number of connections that reached the servers.
    pub fn opened(&self) -> usize {
        let servers = self.servers.iter();
        servers.map(|server| server.connections.read().total).sum()
    }

    /// Requests that the servers answered.
    pub fn served(&self) -> u64 {
        self.servers.iter().map(Echo::served).sum()
    }

    /// The states of the sockets that clients hold.
    pub fn sockets(&self) -> Vec<u8> {
        let ports: Vec<_> = self.peers.iter().map(|peer| peer.port).collect();
        states_to(&ports)
    }

    /// Checks the servers' counts and the connector's.
    ///
    /// # Errors
    ///
    /// The limit that did not hold.
    pub fn check_limits(&self, caller: &impl Caller) -> Result<(), String> {
        for crowd in &self.crowds {
            if crowd.most() > crowd.limit() {
                let (most, limit) = (crowd.most(), crowd.limit());
                return Err(format!(
                    "{most} connections at a server, the limit is {limit}"
                ));
            }
        }
        let limits = caller.limits();
        let counted = caller.counted();
        let (one, all) = (counted.most_to_one(), counted.all().read().highest);
        if one > limits.max_per_host || all > limits.max_open {
            return Err(format!(
                "{one} connections to one host, {all} in all: {limits:?}"
            ));
        }
        Ok(())
    }
}
