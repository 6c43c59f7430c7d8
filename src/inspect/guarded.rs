//! Panics over a damaged base that are answers, and need not be told as well.

/// Whether a panic on this thread would become an answer just now: what reads a damaged base may panic, and
/// is caught and told as [`Error::Corrupt`](crate::Error::Corrupt) or as a [`Flaw`](super::Flaw).
///
/// The process's panic hook hears of it all the same, because a hook runs before anything is caught. The
/// library leaves that hook alone; a program that does not want to print such panics asks here in its own:
///
/// ```
/// use std::panic;
///
/// let told = panic::take_hook();
/// panic::set_hook(Box::new(move |info| {
///     if !highwater::inspect::is_panic_an_answer() {
///         told(info);
///     }
/// }));
/// ```
pub fn is_panic_an_answer() -> bool {
    crate::engine::is_guarded()
}
