//! Models of what threads share, each run by loom under every schedule of few preemptions.
//!
//! They run the driver's own code. Each was seen to fail on a bug of its own, planted in that code:
//!
//! | Model | Bug |
//! |---|---|
//! | `room::no_idle_connection_is_missed` | `ClaimPublishedLate` |
//! | `room::an_eviction_asked_for_too_late_is_asked_for_again` | `EvictionAskedOnce` |
//! | `room::the_queue_is_never_longer_than_allowed` | `QueueCountSplit` |
//! | `room::one_end_is_not_thawed_by_another` | `ThawEndsAll` |
//! | `tray::nothing_is_left_in_a_closed_tray` | `TrayClosedLate` |
//! | `tray::what_is_put_in_wakes_its_taker` | `TrayWakerLate` |
//! | `tray::the_last_who_leaves_wakes_the_taker` | `PutterCountSplit` |
//! | `signals::the_earliest_deadline_is_kept` | `AlarmOverwritten` |
//! | `signals::no_deadline_is_slept_over` | `AlarmClearedLate` |
//! | `signals::no_suspect_is_lost` | `SuspectsTakenTwice` |
//! | `watch::a_connection_freed_as_its_peer_closes_it_goes` | `FreedUnseen` |
//! | `watch::a_connection_taken_as_its_peer_closes_it_goes` | `WatchArmedLate` |
//! | `answers::a_waiter_is_woken_by_its_answer` | `WakerRegisteredLate` |
//! | `answers::a_letter_is_posted_when_its_answer_is_there` | `LetterLeftLate` |
//! | `answers::a_connection_is_there_when_its_answer_is` | `PutAfterRelease` |
//! | `answers::a_withdrawn_request_keeps_no_connection` | `ForgetSplit` |
//! | `answers::a_request_is_cancelled_or_served` | `AnswerTakenEarly` |
//! | `ends::the_end_of_a_runtime_spares_the_next` | `EraIgnored` |
//! | `ends::a_request_that_comes_as_its_runtime_goes_is_answered` | `KeptWithoutRuntime` |
//! | `ends::the_loss_of_a_runtime_ends_no_request_of_the_next` | `NextEraSwept` |
//! | `ends::who_waits_for_the_end_is_told` | `ClosedNotedLate` |
//! | `ends::a_task_that_is_stopped_as_it_starts_ends` | `StopLost` |
//! | `prompt::what_opens_at_once_as_the_manager_ends_is_closed` | `PromptUnwantedKept` |
//! | `lookups::a_name_has_one_lookup_at_a_time` | `LookupTwice` |
//! | `residents::an_address_that_goes_as_a_connection_comes_back_is_noticed` | `GoneUnfenced` |

mod answers;
mod ends;
mod lookups;
mod prompt;
mod residents;
mod rig;
mod room;
mod signals;
mod tray;
mod watch;
