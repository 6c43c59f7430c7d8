//! The journal's codecs, as the fuzzing looks at them: bytes are read and written again, or are
//! nothing.

use super::format::{
    BATCH_HEADER_LEN, BatchHeader, Next, SEGMENT_HEADER_LEN, SegmentHeader, decode_commits,
    encode_commit,
};

/// The header of a segment, exactly.
pub(crate) fn segment_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = bytes.len() as u64 == SEGMENT_HEADER_LEN;
    SegmentHeader::decode(bytes).filter(|_| whole).map(|header| header.encode().to_vec())
}

/// The header of a batch, exactly, of whatever segment it names.
pub(crate) fn batch_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = bytes.len() as u64 == BATCH_HEADER_LEN;
    let salt = u64::from_le_bytes(*bytes.get(24..)?.first_chunk()?);
    BatchHeader::decode(bytes, salt).filter(|_| whole).map(|header| header.encode().to_vec())
}

/// What an end batch says.
pub(crate) fn end(bytes: &[u8]) -> Option<Vec<u8>> {
    Next::decode(bytes).map(|next| next.encode().to_vec())
}

/// A payload of commits, behind their number in four bytes.
pub(crate) fn commits(bytes: &[u8]) -> Option<Vec<u8>> {
    let (count, payload) = bytes.split_first_chunk()?;
    let commits = decode_commits(payload, u32::from_le_bytes(*count))?;
    let mut written = count.to_vec();
    for commit in &commits {
        encode_commit(&mut written, &commit.header, commit.rows());
    }
    // What is left over was found to be padding.
    written.resize(bytes.len().max(written.len()), 0);
    Some(written)
}
