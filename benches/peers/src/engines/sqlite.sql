CREATE TABLE IF NOT EXISTS tokens (
    key TEXT PRIMARY KEY,
    symbol TEXT, symbol_at INTEGER, name TEXT, name_at INTEGER, decimals INTEGER,
    cap BLOB, cap_at INTEGER,
    current BLOB, current_at INTEGER, first BLOB, first_at INTEGER,
    high BLOB, high_at INTEGER, low BLOB, low_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    source TEXT, key TEXT, session INTEGER, stale INTEGER, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    source TEXT PRIMARY KEY, session INTEGER, rows INTEGER, refused INTEGER, ended INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, units INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, at INTEGER, units INTEGER, debited TEXT, credited TEXT
) STRICT;
