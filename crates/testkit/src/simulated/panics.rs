//! Separates panics that a test planned from unexpected ones.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

const PLANNED: &str = "as planned";

thread_local! {
    static UNPLANNED: RefCell<Option<String>> = const { RefCell::new(None) };
}

pub fn panic_as_planned() -> ! {
    panic!("{PLANNED}");
}

/// Silences planned panics, and notes all others of this thread, even if they are caught.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_planned(info.payload()) {
                UNPLANNED.with_borrow_mut(|unplanned| {
                    unplanned.get_or_insert_with(|| info.to_string());
                });
                report(info);
            }
        }));
    });
    UNPLANNED.take();
}

fn is_planned(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)) == Some(PLANNED)
}

/// The first unplanned panic of this thread since [`watch`].
pub fn unplanned() -> Option<String> {
    UNPLANNED.take()
}
