
/// Whether a bug is at work: whether `KEEPALIVE_PLANTED` names it.
#[allow(unused_macros)]
macro_rules! planted {
    ($bug:literal) => {{
        static AT_WORK: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
            std::env::var("KEEPALIVE_PLANTED").is_ok_and(|bug| bug == $bug)
        });
        *AT_WORK
    }};
}
#[allow(unused_imports)]
pub(crate) use planted;
