#!/usr/bin/env python3
"""Writes one JSON array of tokens with the fields of a pool list, for figures of a bulk sync.

    tests/sync/pool_list.py TOKENS.jsonl.gz ROWS > pools.json

The first rows are those of the file (`chain`, `address`, `symbol`, `name`, `decimals`, as they stand there,
the impossible ones included); the others are made up. The same arguments give the same bytes. 132,967 rows
are 127 MB.
"""

import gzip
import json
import random
import sys

DEXES = ["raydium", "orca", "uniswap", "aerodrome", "pancakeswap", "meteora"]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def listed(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            token = json.loads(line)
            yield {name: token[name] for name in ("chain", "address", "symbol", "name", "decimals")}


def made_up(draw, number):
    if draw.random() < 0.5:
        chain, address = "solana", "".join(draw.choices(BASE58, k=44))
    else:
        chain, address = draw.choice(["base", "bsc", "ethereum"]), f"0x{draw.getrandbits(160):040x}"
    return {
        "chain": chain,
        "address": address,
        "symbol": f"T{number}",
        "name": f"Token {number} of the list",
        "decimals": draw.choice([6, 8, 9, 18]),
    }


def pool(draw, token):
    price = draw.randrange(1, 10**9) * 10 ** draw.randrange(0, 6)
    dollars = lambda most: round(draw.random() * most, 2)
    by_time = lambda most: {span: draw.randrange(most) for span in ("m5", "h1", "h6", "h24")}
    return token | {
        "priceUsd": f"{price / 10**12:.18f}",
        "marketCap": draw.randrange(10**9),
        "dexId": draw.choice(DEXES),
        "pairAddress": f"0x{draw.getrandbits(160):040x}",
        "labels": draw.sample(["v2", "v3", "CLMM", "wp"], 2),
        "quoteToken": {"address": f"0x{draw.getrandbits(160):040x}", "symbol": "USDC", "name": "USD Coin"},
        "txns": {span: {"buys": n, "sells": n // 2} for span, n in by_time(5_000).items()},
        "volume": {span: dollars(10**6) for span in ("m5", "h1", "h6", "h24")},
        "liquidity": {"usd": dollars(10**7), "base": dollars(10**9), "quote": dollars(10**6)},
        "pairCreatedAt": 1_700_000_000_000 + draw.randrange(10**10),
        "url": f"https://example.org/{token['chain']}/{token['address']}",
        "info": {"websites": ["https://example.org/" + str(token["symbol"])], "socials": [], "note": 'a "quoted", [odd] {text}\\'},
    }


def main(path, rows):
    draw, count = random.Random(7), 0
    sys.stdout.write("[")
    for token in listed(path):
        if count == rows:
            break
        sys.stdout.write(("," if count else "") + "\n" + json.dumps(pool(draw, token), ensure_ascii=False))
        count += 1
    while count < rows:
        sys.stdout.write((",\n" if count else "\n") + json.dumps(pool(draw, made_up(draw, count)), ensure_ascii=False))
        count += 1
    sys.stdout.write("\n]\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
