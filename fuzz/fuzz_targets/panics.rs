//! Panics that the library catches are none of the fuzzer's business.

/// Takes back the hook that ends the process at every panic: the base guards its calls into redb,
/// and a panic that it catches is an answer. One that nobody catches still ends the target, because
/// it is caught outside the body and turned into an abort.
pub fn let_the_library_catch() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::force_capture();
        eprintln!("{panic}\n{trace}");
    }));
}
