//! Reference currencies as the command line writes them, `fiat/USD:6`, read and printed alike.

use highwater::Identity;
use highwater::money::Asset;

/// The currency that `text` names, as USD, USD:6 or CHAIN/ID:6; `None` if it names none.
pub(crate) fn parse(text: &str) -> Option<Asset> {
    let (name, scale) = text.rsplit_once(':').unwrap_or((text, "6"));
    let (chain, id) = name.split_once('/').unwrap_or(("fiat", name));
    Asset::new(chain, id, scale.parse().ok()?).ok()
}

/// The currency as `--reference` takes it.
pub(crate) fn written(asset: &Asset) -> String {
    format!("{}/{}:{}", asset.chain(), asset.id(), asset.scale())
}

/// What a store was created as, or was to be opened as.
pub(crate) fn identity(identity: &Identity) -> String {
    format!("{} in {}", identity.mode, written(&identity.reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program prints can be pasted behind `--reference`.
    #[test]
    fn what_is_written_is_read_back() {
        for (text, whole) in [
            ("USD", "fiat/USD:6"),
            ("EUR:2", "fiat/EUR:2"),
            ("solana/So11:9", "solana/So11:9"),
            ("osmosis/ibc/27A:0", "osmosis/ibc/27A:0"),
        ] {
            let asset = parse(text).unwrap();
            assert_eq!(written(&asset), whole);
            assert_eq!(parse(whole), Some(asset));
        }
        for text in ["", "USD:", "USD:x", "USD:99", "/USD:6"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
