//! M2: a setting that cannot work is an error that names it, its value and the allowed range.

use std::time::Duration;

use crate::support::error;
use keepalive::{Manager, ManagerBuilder};

#[track_caller]
fn assert_refused(builder: ManagerBuilder, setting: &str, value: &str) {
    let error = error(builder.build());
    assert_eq!(error.setting(), setting);
    let text = error.to_string();
    let rest = text.replace(setting, "");
    assert_ne!(rest, text, "{text:?} does not name {setting}");
    assert!(rest.contains(value), "{text:?} does not say {value}");
}

#[test]
fn zero_limits_are_refused() {
    let builder = Manager::builder;
    assert_refused(builder().max_per_host(0), "max_per_host", "0");
    assert_refused(builder().max_open(0), "max_open", "0");
    assert_refused(builder().max_queued(0), "max_queued", "0");
    assert_refused(builder().max_connecting(0), "max_connecting", "0");
    assert_refused(builder().max_uses(0), "max_uses", "0");
}

#[test]
fn zero_times_are_refused() {
    let (builder, zero) = (Manager::builder, Duration::ZERO);
    assert_refused(builder().timeout(zero), "timeout", "0");
    assert_refused(builder().max_lifetime(zero), "max_lifetime", "0");
    assert_refused(builder().close_timeout(zero), "close_timeout", "0");
}

#[test]
fn a_jitter_that_is_no_share_is_refused() {
    for jitter in [-0.5, 1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let builder = Manager::builder().lifetime_jitter(jitter);
        assert_refused(builder, "lifetime_jitter", &jitter.to_string());
    }
}

#[test]
fn the_first_bad_setting_does_not_hide_behind_good_ones() {
    let builder = Manager::builder().max_per_host(3).max_open(0).max_uses(7);
    assert_refused(builder, "max_open", "0");
}
