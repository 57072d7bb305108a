//! Bugs on purpose, to test the tests: none of it is in an ordinary build.
//!
//! In a build with `--cfg keepalive_planted`, one bug of the catalogue is at work once `activate`
//! was called, or if `KEEPALIVE_PLANTED` names it. Whatever proves this project must
//! notice every one of them; `cargo xtask planted` prints which check did.

#[cfg(keepalive_planted)]
pub use work::{activate, is};

/// One bug: where it is known from, and what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bug itself.
    pub bug: Bug,
    /// Its name, as `KEEPALIVE_PLANTED` takes it.
    pub name: &'static str,
    /// The part of the project that has it.
    pub part: Part,
    /// Peers that shipped it, or the rule that it breaks.
    pub known_from: &'static str,
    /// What goes wrong.
    pub text: &'static str,
}

/// Where a bug is planted, which decides what may catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In the engine.
    Engine,
    /// In what threads share; a loom model of the same name catches it.
    Shared,
    /// In the rest of the driver.
    Driver,
    /// In the HTTP client.
    Http,
}

macro_rules! catalogue {
    ($($part:ident { $($name:ident, $known_from:literal, $text:literal;)* })*) => {
        /// A bug of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $text] $name,)*)*
        }

        /// All bugs.
        pub const CATALOGUE: &[Entry] = &[
            $($(Entry {
                bug: Bug::$name,
                name: stringify!($name),
                part: Part::$part,
                known_from: $known_from,
                text: $text,
            },)*)*
        ];
    };
}

catalogue! {
    Engine {
        LeakOnCancelAssigned, "bb8 #59, sqlx #83, poolboy #70 (B1)", "a request withdrawn after its answer keeps the connection for ever";
        LeakOnCancelConnecting, "bb8 #67, hackney #420 (B1)", "a request withdrawn while its attempt is in flight takes the attempt with it to nowhere";
        TimesOutAfterAnswer, "httpclient #309, vertx-sql #1620 (B2)", "the deadline of a request that has been answered still fires";
        ClosingHasNoLimit, "sqlx #4349 (B3)", "closing a dead peer's connection may hold its slot for ever";
        CloseWakesNobody, "sqlx #622, tokio #4618 (B4)", "a slot that has become free is given to nobody";
        MissedIdle, "hyper #1799 (B5)", "a request waits beside an idle connection of its host";
        CancelKillsAttempt, "hyper #3199, go #66442 (B6)", "an attempt ends with the request that it was started for, although others wait";
        LeakOnConnectFailure, "deadpool #18 (B7)", "a failed attempt keeps its slot";
        SlotFreedTwice, "deadpool 0.9.5 (B7)", "the slot of a closed connection comes back twice";
        CancelOnlyFromFront, "go #32336, #45570, #76784 (B8)", "a withdrawn request stays in the queue unless it is the first";
        ReusesWhatWasClosed, "hyper #2646, seastar #2759 (B9)", "a connection that its user closed serves the next one";
        IdleNeverExpires, "hyper #2420, requests #4575, urllib3 #2100 (B12)", "an idle connection stays for ever";
        ExpiryHerd, "sqlx #2854, pgx #1437 (B13)", "connections opened together end together";
        OneConnectForTwo, "HikariCP #452 (B14)", "two requests wait and one attempt begins";
        ServesAfterShutdown, "akka-http #1245 (B15)", "a request made after the shutdown is let in";
        ShutdownForgetsParked, "akka-http #1245 (B15)", "shutdown does not answer who waits behind a limit";
        ShutdownKeepsIdle, "rule C7", "shutdown leaves idle connections open";
        DeliveredBeforeReady, "hyper #1433 (B16)", "a connection is handed out while it still shakes hands";
        StreamSlotLeaks, "reactor-netty #2018 (B17)", "a stream that ends makes no room for the next waiter";
        CapacityNeverShrinks, "vert.x #4061 (B17); deadpool's resize", "a connection carries more than its peer allows now";
        LeasesCountAsConnections, "rule L1", "each lease of a multiplexed connection counts against the limit";
        NeverEvictsForOthers, "POE Client::Keepalive", "idle connections of one host starve another at the total limit";
        SaturatedHostStalls, "POE Client::Keepalive", "one waiter of a saturated host stalls all other hosts";
        EvictsTheNewest, "POE Client::Keepalive", "not the connection idle longest is closed to make room";
        CancelClosesConnection, "rule T3", "withdrawing a request closes the connection held for it";
        DeadlineWaitsForExpiry, "rule T1", "a deadline fires only when something else happens";
        ClockGoesBack, "rule T1", "a time that lies before an earlier one is taken as it is";
        ClosingDoesNotCount, "rule L1", "a closing connection does not count";
        FailureHitsTheOldest, "rule L6", "a failed attempt fails the oldest waiter, not its own";
        FailureWakesNobody, "rule L6", "what a failed attempt leaves is offered to nobody";
        ExpiredStaysOpen, "rule C5", "an expired connection is counted and never closed";
        LastComeFirstServed, "rule L2", "the youngest waiter is served first";
        OwnerServedFirst, "rule L5", "a new connection goes to the request it was opened for, not to the oldest";
        SwapLosesAttempt, "rule L5", "a request that gave its attempt away has none";
        OrphanForgotten, "rule L5", "an attempt that nobody needs goes on";
        OverTotalLimit, "rule L1", "one connection more than max_open";
        OverHostLimit, "rule L1", "one connection more than max_per_host";
        OverConnectLimit, "rule L7", "one attempt more than max_connecting";
        QueueTooLong, "rule L7", "one waiter more than max_queued";
        QueueCountLeaks, "rule L7", "requests that leave still count as queued";
        ClaimOutlivesRequest, "bb8 #223 (B4)", "a slot is granted to a request that has gone";
        GrantStaysReserved, "rule L1", "a granted slot counts twice against its host";
        WithdrawnMakesWay, "rule L7", "an attempt that is withdrawn counts no longer, although it has not ended";
        GrantLost, "sqlx #1211 (B4)", "a slot on its way to a request that has gone is lost";
        GrantsTheYoungest, "rule L2", "room in total goes to the youngest claim";
        ReuseStarvesOthers, "rule L2", "a busy host keeps its connections although others wait";
        OvertakesUnbounded, "rule L2", "waiting requests are overtaken without a bound in all";
        QueueTimeoutIgnored, "rule T1", "queue_timeout never fires";
        QueueTimeoutWhileConnecting, "rule T1", "queue_timeout fires although an attempt has begun";
        TimeoutLeavesAttempt, "rule L5", "the attempt of a request that timed out is left to itself";
        OldestIdleFirst, "rule C4", "the connection idle longest is handed out first";
        NewCalledCached, "rule R8", "a connection that was shared while it opened is called used";
        TakenPastAClaim, "rule L2", "what is found and taken in one is taken from under an older claim";
        RaceWaitsAfterFailure, "RFC 8305, 5", "an address that failed has its successor wait all the same";
        RaceOneFamilyFirst, "RFC 8305, 4", "all addresses of a family are tried before the other's";
        RaceLostWhileSought, "RFC 8305, 3", "a race is given up while a lookup could still help";
        RaceForgetsTheLast, "RFC 8305, 4", "the address that worked last is tried in its turn";
        RaceAllAtOnce, "RFC 8305, 5", "all addresses are tried at once";
        RaceDoesNotWaitForBetter, "RFC 8305, 3", "IPv4 begins although IPv6 may be found in a moment";
        ForgottenStaysDue, "rule T3", "the deadline of a request that was dropped in the queue stays behind";
        WaitsWithoutDeadline, "rule T1", "who asks and has to wait in one is never out of time";
        HandedOverPastAClaim, "rule L2", "what comes back goes to its host's next although a claim is older";
        BackPastTheQueue, "rule L5", "a connection that comes back is kept although its host has waiters";
        KeepsWithoutKeepAlive, "rule M2", "keep_alive 0 keeps connections";
        UsesNotCounted, "rule C6", "max_uses has no effect";
        RetiredServesOn, "rule C6", "a connection whose time is over goes on when its lease comes back";
        LifetimeEndsIdleOnly, "rule C6", "max_lifetime does not end what is leased";
        DoubleServe, "rule I7", "a connection that is full is still offered";
        DeadlineOutlivesConnection, "rule I9", "the deadline of a closed connection stays";
        IdleStaysPublished, "rule L4", "a shard says that it has an idle connection when it has none";
        IdleSinceItOpened, "rule C5", "keep_alive runs from the opening, not from the return";
        NextIsTrusted, "rule C4", "after an idle connection that gave way, the next is given to a request unasked";
        RejectedIsForgotten, "rule R6", "a request whose connection died before it was taken has no answer";
        AsksForEver, "found here", "a peer that ends what is opened at once is connected to without end";
        LateReportHitsSuccessor, "rule I6", "a late report about a closed connection ends its successor";
        OpensWhileEnding, "rule C7", "what a shutdown leaves is opened again";
        ThawWakesNobody, "rule M4", "after the loss of a runtime, what is free is given to nobody";
        TimeBookedTwice, "rule W2", "time is booked in two phases";
    }
    Shared {
        ClaimPublishedLate, "L4: no idle connection is missed", "a claim is published after looking at what is idle";
        EvictionAskedOnce, "L4: no idle connection is missed", "an eviction that was asked for too late is never asked for again";
        QueueCountSplit, "L7; deadpool #18", "the queue is counted in two steps, and grows beyond its bound";
        ThawEndsAll, "C7: nothing starts afterwards", "the end of one freeze ends all";
        TrayClosedLate, "R4", "a closed tray is emptied before it is closed";
        TrayWakerLate, "embassy #6964: lost wake-ups", "a tray is looked at first, and listened to then";
        PutterCountSplit, "embassy #6964: lost wake-ups", "two who leave a tray count as one";
        AlarmOverwritten, "T1", "a later deadline takes the place of an earlier one";
        AlarmClearedLate, "T1", "deadlines set while the keeper looks through the shards are forgotten";
        SuspectsTakenTwice, "C3", "the list of suspects is read in one step and emptied in another";
        FreedUnseen, "C3; hyper #2136", "what was heard of a connection on its way back is forgotten";
        WatchArmedLate, "C3; hyper #2136", "a connection is looked at first, and listened to then";
        WakerRegisteredLate, "tokio #4618: lost wake-ups", "a cell is looked at first, and listened to then";
        LetterLeftLate, "hyper #1799", "a letter is left in a cell whose answer has come meanwhile";
        PutAfterRelease, "hyper #1433", "a connection is given on before it is there";
        ForgetSplit, "bb8 #59, sqlx #83", "whether a withdrawn request was answered is looked up too early";
        AnswerTakenEarly, "httpclient #309", "an answer is taken in one step and its connection in another";
        EraIgnored, "M4", "the end of a runtime is taken for the end of the next";
        KeptWithoutRuntime, "M4; akka-http #1245", "what comes as the runtime goes waits, or stays idle, for ever";
        NextEraSwept, "M4", "the loss of a runtime ends requests that the next one carries";
        ClosedNotedLate, "C7", "what is open is counted first, and listened to then";
        StopLost, "C7; hackney #420", "a task that is to be stopped before its handle is known goes on";
        PromptUnwantedKept, "bb8 #67, hackney #420", "what opens at once, as its request goes, keeps its slot for ever";
        LookupTwice, "X1", "two who ask for one name at the same time start two lookups";
        GoneUnfenced, "C3; hyper #2136", "a connection to an address that its name loses as it comes back is kept";
    }
    Driver {
        DroppedLeaseReused, "hyper #2646, akka #17403", "a lease that is dropped, not freed, is used again";
        UnreadDataIgnored, "CVE-2025-4366 of pingora, ureq #372", "a freed connection is not looked at for unread data";
        SuspectsIgnored, "hyper #2420, urllib3 #2100", "an idle connection that the peer closes stays until it is asked for";
        StaleHandOut, "rule C4", "a connection that went while its answer waited is handed out";
        DoubtForgotten, "rule C4", "an idle connection that was not looked at, because another was, is handed out";
        CheckForgotten, "found here", "a shared connection that failed a check goes to those it was promised to";
        CloseWithoutLimit, "sqlx #4349", "a peer that never answers the close holds a slot for ever";
        StoppedTaskUnreported, "bb8 #67, deadpool #18", "an attempt that is withdrawn or panics loses its slot";
        RuntimeLossUnnoticed, "rule M4", "what a runtime took along when it went is never given back";
        AlarmNotRung, "rule T1", "a deadline earlier than all before is noticed late";
        StaleWaker, "the contract of futures", "a request that moves to another task wakes the first";
        DroppedRequestKept, "bb8 #59, sqlx #83", "a pending request that is dropped keeps its place and its connection";
        UnreadLetterKept, "hackney #420, poolboy #70", "an answer to a mailbox that nobody reads keeps its connection";
        MessageLost, "go #32336", "a slot that goes to another shard is lost on its way";
        CloseNotAwaited, "L1: a closing socket still counts", "a connection that takes time to close frees its slot at once";
        PromptErrorForgotten, "deadpool #18", "an attempt that fails at once keeps its slot";
        PhasesUntold, "rule W1", "the phases of an attempt that has to wait after all are not told";
        AttemptsNest, "the stack", "a connector that asks its manager is called within itself";
        LastHandleSilent, "M5; akka-http #1245", "the last handle goes, and requests wait for ever";
        SuspectTrusted, "C4; hyper #2136, haproxy #1423", "a connection is handed out although its watch has fired";
        VanishedKept, "rule X1: names move", "connections stay although their name has lost their address";
        LookupsUnbounded, "rule X1", "as many names are looked up at once as are asked for";
        FailureKept, "rule E1", "that a lookup failed is remembered as if the name had no address";
        LosersKept, "rule L1", "the sockets of a race that did not win stay open";
        TargetNotInKey, "rule X2", "a way through a proxy to one host serves another";
        TunnelStartLost, "rule X2", "what a host says first is taken for its proxy's";
        CredentialsShown, "rule X3", "a proxy's credentials are in its errors";
        TlsNotInKey, "CVE-2022-27782 of curl", "a connection serves requests with other TLS settings";
        LeasedBeforeHandshake, "POE Client::Keepalive", "a socket is handed out before its handshake";
        HandshakeOutlivesRequest, "rule T2", "a handshake goes on although its time is over";
        TurnKept, "found here", "a handshake that waits for its peer has all others wait";
        CloseUnannounced, "rule C8", "a session is closed without a word";
        CutIsAnEnd, "RFC 8446, 6.1", "a session that is cut off looks like one that has ended";
        TicketsDiscard, "rule C3", "an idle connection goes as soon as a session ticket comes";
        UnaskedTaken, "CVE-2025-4366 of pingora", "data that comes over an idle session is kept for the next user";
    }
    Http {
        ReusedBeforeReady, "hyper #1433", "a connection goes back before hyper is done with it";
        ExtraBytesIgnored, "CVE-2025-4366 of pingora, dusty #112", "bytes after a response are not looked for before reuse";
        ResentWhenFresh, "hyper #2136, gatling #3609", "a request is sent again whatever its connection was and answered";
        ResentForEver, "hyper #3553", "a request is sent again as often as the server closes";
        LastTryOnIdle, "rule B11", "a request is sent for the last time on a connection that was idle";
        PostedTwice, "RFC 9110, section 9.2.2", "a request that must not be done twice is sent again";
        RestUnbounded, "rule X1", "what is left of a dropped body is read however much it is";
        KeepAliveUnheard, "RFC 2068, section 19.7.1.1", "a connection is used after its server has said that it closes it";
        CheckedUntilFull, "found here", "each check of a session that is shared takes more data in, until there is no room";
        TunnelReused, "RFC 9110, section 9.3.6", "a connection that has become a tunnel takes the next request";
        UpgradeLetGo, "rule C2", "a connection that changes its protocol is not held";
        GoawayUnheard, "RFC 9113, section 6.8", "a connection whose server is about to close takes requests";
        StreamLimitUnheard, "RFC 9113, section 5.1.2", "nobody is told how many streams a server allows";
        NeighboursClosed, "reactor-netty #2018", "an exchange that is dropped ends its connection for the others";
        ResetTakenForRefused, "RFC 9113, section 8.7", "a stream that was reset is taken for one that was refused";
        HostSentTwice, "RFC 9113, section 8.3.1", "a given host is sent beside that of the URL";
    }
}

#[cfg(keepalive_planted)]
mod work {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Bug, CATALOGUE};

    /// No bug at work.
    const NONE: usize = usize::MAX;

    static ACTIVE: AtomicUsize = AtomicUsize::new(NONE);

    /// Puts one bug to work, or none.
    pub fn activate(bug: Option<Bug>) {
        from_environment();
        ACTIVE.store(bug.map_or(NONE, |bug| bug as usize), Ordering::Relaxed);
    }

    /// Whether `bug` is at work.
    pub fn is(bug: Bug) -> bool {
        from_environment();
        ACTIVE.load(Ordering::Relaxed) == bug as usize
    }

    fn from_environment() {
        static READ: OnceLock<()> = OnceLock::new();
        READ.get_or_init(|| {
            if let Ok(name) = std::env::var("KEEPALIVE_PLANTED") {
                let entry = CATALOGUE.iter().find(|entry| entry.name == name);
                let entry = entry.unwrap_or_else(|| panic!("no bug is called {name}"));
                ACTIVE.store(entry.bug as usize, Ordering::Relaxed);
            }
        });
    }
}
