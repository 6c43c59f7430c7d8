//! Every sync of this process, by whichever engine in whichever language: counted, and of a chosen length.
//!
//! A program's own `fsync`, `fdatasync`, `msync` and `pwrite` come before those of the C library, for Rust code as
//! for the C and C++ code that is linked into it, so nothing has to be preloaded. A sync then sleeps for the time
//! that was chosen, or is the system's own. A write to a file that was opened with `O_DSYNC` is a sync as well:
//! LMDB writes its meta page so.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Outcome;

const REAL: i64 = -1;

static MICROS: AtomicI64 = AtomicI64::new(REAL);
static SYNCS: AtomicU64 = AtomicU64::new(0);
static MAPS: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);
/// A bit for each of the first 64 files that was opened with `O_DSYNC`.
static SYNCED_FILES: AtomicU64 = AtomicU64::new(0);

/// How long a sync takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// As long as the disk takes.
    Real,
    /// A sleep of so many microseconds, and the disk is not asked.
    Micros(u32),
}

impl std::str::FromStr for Length {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "real" { Ok(Self::Real) } else { text.parse().map(Self::Micros) }
    }
}

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Real => f.write_str("real"),
            Self::Micros(micros) => write!(f, "{micros} us"),
        }
    }
}

/// From now on every sync takes this long.
pub fn set(length: Length) {
    let micros = match length {
        Length::Real => REAL,
        Length::Micros(micros) => i64::from(micros),
    };
    MICROS.store(micros, Ordering::Relaxed);
}

/// How many syncs there were: of files, of maps, and writes that are syncs.
pub fn count() -> u64 {
    [&SYNCS, &MAPS, &WRITES].iter().map(|count| count.load(Ordering::Relaxed)).sum()
}

/// Looks which open files are written synchronously. An engine that opens such files calls it after its opening.
pub fn find_synced_files() -> Outcome<()> {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fdinfo")? {
        let entry = entry?;
        let file: u32 = entry.file_name().to_string_lossy().parse()?;
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = i32::from_str_radix(flags.unwrap_or("0").trim(), 8)?;
        if file < 64 && flags & libc::O_DSYNC != 0 {
            found |= 1 << file;
        }
    }
    SYNCED_FILES.store(found, Ordering::Relaxed);
    Ok(())
}

/// Sleeps for the chosen time; answers whether there is one.
fn slept() -> bool {
    let micros = MICROS.load(Ordering::Relaxed);
    if micros > 0 {
        sleep(micros);
    }
    micros != REAL
}

fn sleep(micros: i64) {
    thread_local!(static PRECISE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let time = libc::timespec { tv_sec: micros / 1_000_000, tv_nsec: micros % 1_000_000 * 1_000 };
    if !PRECISE.get() {
        // SAFETY: it changes how exactly this thread is woken, and nothing else.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
        PRECISE.set(true);
    }
    // SAFETY: the time is valid, and where it is too short by a signal nobody cares.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: any number is a valid argument.
    if slept() { 0 } else { unsafe { libc::syscall(libc::SYS_fsync, file) as c_int } }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: any number is a valid argument.
    if slept() { 0 } else { unsafe { libc::syscall(libc::SYS_fdatasync, file) as c_int } }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msync(from: *mut c_void, bytes: usize, flags: c_int) -> c_int {
    if flags & libc::MS_SYNC != 0 {
        MAPS.fetch_add(1, Ordering::Relaxed);
        if slept() {
            return 0;
        }
    }
    // SAFETY: the caller answers for the range.
    unsafe { libc::syscall(libc::SYS_msync, from, bytes, flags) as c_int }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    file: c_int,
    from: *const c_void,
    bytes: usize,
    offset: i64,
) -> isize {
    // SAFETY: the caller answers for the buffer.
    let written = unsafe { libc::syscall(libc::SYS_pwrite64, file, from, bytes, offset) as isize };
    if (0..64).contains(&file) && SYNCED_FILES.load(Ordering::Relaxed) >> file & 1 == 1 {
        WRITES.fetch_add(1, Ordering::Relaxed);
        slept();
    }
    written
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    file: c_int,
    from: *const c_void,
    bytes: usize,
    offset: i64,
) -> isize {
    // SAFETY: the same call; offsets have 64 bits here.
    unsafe { pwrite64(file, from, bytes, offset) }
}
