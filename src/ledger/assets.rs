//! The assets that the ledger knows: each has a short number, and one scale for ever.

use super::rows::{self, Key, VERSION};
use super::{ASSET_KEYS, ASSETS, Error};
use crate::codec;
use crate::engine::{KeyRange, Reader};
use crate::money::{self, Asset, TokenKey};

/// The number of an asset in this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AssetId(pub(crate) u32);

impl AssetId {
    pub(crate) fn key(self) -> Vec<u8> {
        Key::new().u32(self.0).into_bytes()
    }
}

/// The asset's number, if the ledger knows it. The same asset with another scale is refused.
pub(crate) fn find(reader: &dyn Reader, asset: &Asset) -> Result<Option<AssetId>, Error> {
    let key = asset.key().as_bytes();
    let Some((number, scale)) = rows::load::<(u32, u8)>(reader, ASSETS, key)? else {
        return Ok(None);
    };
    if scale != asset.scale() {
        let (left, right) = (scale, asset.scale());
        let conflict = money::Error::ScaleConflict { key: asset.key().clone(), left, right };
        return Err(conflict.into());
    }
    Ok(Some(AssetId(number)))
}

/// The asset with this number, which some row names.
pub(crate) fn asset(reader: &dyn Reader, id: AssetId) -> Result<Asset, Error> {
    let key = id.key();
    let row = rows::named(reader, ASSET_KEYS, &key)?;
    decode(&key, &row)
}

/// Two rows: by key and by number.
pub(crate) fn encode(id: AssetId, asset: &Asset) -> (Vec<u8>, Vec<u8>) {
    let by_key = rows::encode(&(id.0, asset.scale()));
    let by_number = codec::encode(VERSION, &(asset.scale(), asset.key().as_bytes()));
    (by_key, by_number)
}

pub(crate) fn decode(key: &[u8], row: &[u8]) -> Result<Asset, Error> {
    let (scale, token): (u8, &[u8]) = rows::decode(ASSET_KEYS, key, row)?;
    let token = TokenKey::from_bytes(token);
    let asset = token.and_then(|token| Asset::with_key(token, scale).ok());
    asset.ok_or_else(|| rows::impossible(ASSET_KEYS, key, "asset"))
}

/// Every asset, in the order in which the ledger came to know them.
pub(crate) fn all(reader: &dyn Reader) -> Result<Vec<Asset>, Error> {
    let rows = reader.scan(ASSET_KEYS, KeyRange::all());
    rows.map(|row| {
        let (key, row) = row?;
        decode(&key, &row)
    })
    .collect()
}

/// The scale with which the ledger holds the token, if it does.
pub(crate) fn scale_of(reader: &dyn Reader, key: &TokenKey) -> Option<u8> {
    // A row that cannot be read is for the ledger to tell; the token's own row is not touched by it.
    let row = rows::load::<(u32, u8)>(reader, ASSETS, key.as_bytes()).ok()?;
    row.map(|(_, scale)| scale)
}
