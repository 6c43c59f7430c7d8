//! The inputs that a campaign of `cli_inputs` begins with; the library has those of the others.

use std::collections::BTreeMap;

/// Numbers, by what they are read as.
const NUMBERS: [(u8, &[u8]); 14] = [
    (0, b"61837.63"),
    (0, b"5.12E-6"),
    (0, b"0.0000000000000000000000005"),
    (0, b"340282366920938.463463374607431768211455"),
    (1, b"-170141183460469231731687303715884105728"),
    (1, b"1000000000000000000000000000000000"),
    (2, b"\x02-12.345"),
    (2, b"\x121e-7"),
    (3, b"\x9a\x99\x99\x99\x99\x99\xb9\x3f"),
    (4, b"ethereum\n0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
    (4, "solana\nDezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263 \u{1f36a}".as_bytes()),
    (4, b"chain\nwith\x07bell"),
    (5, b"0123456789abcdef0123456789ABCDEF"),
    (5, b"01234567-89ab-cdef-0123-456789abcdef"),
];

const TIMES: [(u8, &[u8]); 6] = [
    (0, b"1723161255.342"),
    (1, b"1723161255342"),
    (2, b"-1.5"),
    (3, b"1723161255342000999"),
    (4, b"2024-08-09T01:54:15.342+02:00"),
    (4, b"-009999-01-02T00:00:00Z"),
];

const FILES: [&[u8]; 8] = [
    b"time_ms,venue,instrument,trade_id,price\n1723161255342,binance,BTC,1,61837.63\r\n\n2,b,c,,1e-3\n",
    b"\xef\xbb\xbfrecv_ns,exch_ms,venue,instrument,trade_id,price\n1,2,\"spot, old\",\"a\"\"b\",3,0.5\n",
    b"timestamp_us,chain,address,exchange,price_usd\n5,solana,Abc,raydium,2\nnoon,solana,Abc,x,1\n",
    b"when,venue,symbol,last\n7,v,A,1\n7,v,A,NaN\n7,v,\"A,1\n",
    b"trade_time_s,pair,blockchain,mint,trade_price,seq\n1.5,P,c,m,-1,x\n1.5,P,c,m,1,18446744073709551615\n",
    b"time_ms,venue,instrument,price\n1,v,\xff\xfe,1\n1,v,A,1",
    b"price,price\n",
    b"",
];

const ROWS: [&[u8]; 4] = [
    b"1723161255342,binance,BTC,1,61837.63\n1723161255343,binance,BTC,2,61837.64\n",
    b"1723161255342,v,A,9,2\n1723161255342,v,A,9,3\n1,v,A,,1\n1723161999999,v,B,1,1\n",
    b"1,v,A,1,1.5\nnoon,v,A,2,1.5\n1,v,A,3,1,5\n1,v,A,4,-1\n1,v,,10,1\n",
    b" 1 , v ,\tA , 3 ,\"1.5\"\n-1,v,0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2,,0\n",
];

/// Inputs of `cli_inputs`, by name.
pub(crate) fn cli_input_seeds() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let mut add = |name: String, head: &[u8], text: &[u8]| {
        seeds.insert(name, [head, text].concat());
    };
    for (nth, (kind, text)) in NUMBERS.iter().enumerate() {
        add(format!("number-{nth:02}"), &[0, *kind], text);
    }
    for (nth, (unit, text)) in TIMES.iter().enumerate() {
        add(format!("time-{nth}"), &[1, *unit], text);
    }
    for (nth, text) in FILES.iter().enumerate() {
        for (way, choice) in [("plain", 2), ("flags", 2 + 8 * 7), ("packed", 7)] {
            add(format!("file-{nth}-{way}"), &[choice], text);
        }
    }
    for (nth, text) in ROWS.iter().enumerate() {
        for (way, head) in [
            ("cut", &[3, 40, 0][..]),
            ("known", &[4]),
            ("replayed", &[5]),
            ("strict", &[5 + 8 * 5]),
        ] {
            add(format!("rows-{nth}-{way}"), head, text);
        }
    }
    seeds
}
