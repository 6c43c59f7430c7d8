//! Every codec of the crate: whatever the bytes, they are read or refused, and what is read is what
//! is written.

use std::collections::BTreeSet;

use crate::codec::{Form, Recoding};
use crate::engine::{journal, recode_meta};
use crate::{ledger, operations, price_status, processed, store, tokens};

/// The codecs of what stands in no table: the journal, and what base and store say of themselves.
const FRAMES: &[Recoding] = &[
    // The reserved fields are written as zeros and not looked at.
    frame("segment header", journal::codecs::segment_header, Form::Lenient),
    frame("batch header", journal::codecs::batch_header, Form::Canonical),
    // Number and salt are not looked at where the log is closed.
    frame("end", journal::codecs::end, Form::Lenient),
    // The padding is no longer told from what comes next once the bytes are cut.
    frame("commits", journal::codecs::commits, Form::OpenEnd),
    frame("base", recode_meta, Form::Canonical),
    frame("identity", store::recode_identity, Form::OpenEnd),
];

const fn frame(name: &'static str, recode: fn(&[u8]) -> Option<Vec<u8>>, form: Form) -> Recoding {
    Recoding { name, tables: &[], recode, form }
}

/// The codecs whose last four bytes are the CRC of what comes before.
const SEALED: [&str; 3] = ["segment header", "batch header", "base"];

/// How much is tried of every place at which bytes can be cut.
const CUTS: usize = 64;

fn all() -> impl Iterator<Item = &'static Recoding> {
    let lists = [
        FRAMES,
        tokens::codecs::CODECS,
        ledger::codecs::CODECS,
        processed::codecs::CODECS,
        operations::codecs::CODECS,
        store::codecs::CODECS,
        price_status::codecs::CODECS,
    ];
    lists.into_iter().flatten()
}

/// A codec by its name, for whoever counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodecListed {
    /// What is read.
    pub name: &'static str,
    /// The tables in which it stands.
    pub tables: &'static [u8],
}

/// Every codec that [`row_codecs`] goes through, in the order of the numbers that choose them.
pub fn codecs() -> Vec<CodecListed> {
    all().map(|codec| CodecListed { name: codec.name, tables: codec.tables }).collect()
}

/// Every codec with the byte that chooses it.
pub(super) fn numbered() -> impl Iterator<Item = (u8, &'static Recoding)> {
    (0..=u8::MAX).zip(all())
}

/// Whether the codec reads these bytes.
pub(super) fn reads(codec: &Recoding, bytes: &[u8]) -> bool {
    (codec.recode)(bytes).is_some()
}

/// Every table that a codec is listed for, each once.
pub(super) fn tables() -> BTreeSet<u8> {
    all().flat_map(|codec| codec.tables).copied().collect()
}

/// The first byte chooses a codec, the others are what it reads.
///
/// # Panics
///
/// Where reading panics; where what is read is written otherwise than the codec's form says; where
/// bytes that are cut or longer are read as a row.
pub fn row_codecs(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let codecs: Vec<_> = all().collect();
    let codec = codecs[usize::from(*choice) % codecs.len()];
    judge(codec, bytes);
    if SEALED.contains(&codec.name) {
        judge(codec, &sealed(bytes));
    }
}

fn sealed(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len().saturating_sub(4)];
    [body, &crc32fast::hash(body).to_le_bytes()].concat()
}

fn judge(codec: &Recoding, bytes: &[u8]) {
    let Some(written) = (codec.recode)(bytes) else { return };
    let Recoding { name, form, .. } = codec;
    let again = (codec.recode)(&written);
    assert_eq!(again.as_ref(), Some(&written), "{name}: what was written is read otherwise");
    if *form == Form::Lenient {
        return;
    }
    assert!(written.len() <= bytes.len(), "{name}: a byte was left out, and more were written");
    if written.len() == bytes.len() {
        assert_eq!(written, bytes, "{name}: two encodings of one length say the same");
    }
    if *form == Form::Canonical {
        refuses_what_is_cut(codec, &written);
    }
}

/// That no beginning of the bytes says anything, and nothing that goes on behind them.
fn refuses_what_is_cut(codec: &Recoding, whole: &[u8]) {
    let step = whole.len().div_ceil(CUTS).max(1);
    for end in (0..whole.len()).step_by(step) {
        assert_eq!((codec.recode)(&whole[..end]), None, "{}: cut at {end}", codec.name);
    }
    for more in [&b"\0"[..], b"\x01", b"\xff\xff"] {
        let longer = [whole, more].concat();
        assert_eq!((codec.recode)(&longer), None, "{}: {more:?} behind it", codec.name);
    }
}
