//! Rows whose checksums are right and that say nothing which their table can hold: whoever wrote them had a
//! mistake, or they are another table's. A verification finds each, in every table that there is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use highwater::copies::{self, BareRow, Contents, NotLoaded};
use highwater::disk::{MemoryDisk, SimulatedDisk};
use highwater::inspect::{Flaw, Severity, decode_row, table_names, verify_on};
use highwater::{Error, ReadOnly};

use super::world::{closed, killed, lived};

type Bytes = Box<[u8]>;

/// The rows of a store by table and key.
#[derive(Clone)]
struct Rows(BTreeMap<(u8, Bytes), Bytes>);

impl Rows {
    fn of(store: &ReadOnly) -> Self {
        let rows = (0..=u8::MAX).flat_map(|table| copies::rows(store, table));
        let rows = rows.map(|row| row.map(|row| ((row.table, row.key), row.row)));
        Self(rows.collect::<Result<_, _>>().unwrap())
    }

    /// Any row of the table.
    fn any(&self, number: u8) -> Option<(Bytes, Bytes)> {
        let found = self.0.iter().find(|((table, _), _)| *table == number);
        found.map(|((_, key), row)| (key.clone(), row.clone()))
    }

    fn with(&self, table: u8, key: &[u8], row: &[u8]) -> Self {
        let mut changed = self.clone();
        changed.0.insert((table, key.into()), row.into());
        changed
    }

    /// Makes a store of them: their checksums are right, whatever they say.
    fn load(&self, contents: &Contents) -> Result<(), NotLoaded<Error>> {
        let rows = self.0.iter().map(|((table, key), row)| {
            Ok(BareRow { table: *table, key: key.clone(), row: row.clone() })
        });
        copies::load_on(Arc::new(MemoryDisk::new()), "bot", contents, rows).map(drop)
    }

    /// What the verification says of the row.
    fn flaw(&self, contents: &Contents, (table, key): (&str, &[u8])) -> Flaw {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.load(contents) {
            Err(NotLoaded::Unsound(found)) => {
                let of_row = |flaw: &&Flaw| {
                    flaw.table.as_deref() == Some(table) && flaw.key.as_ref() == Some(&hex)
                };
                let flaw = found.flaws.iter().find(of_row);
                flaw.unwrap_or_else(|| panic!("{table} {hex}: {:?}", found.flaws)).clone()
            }
            other => panic!("{table} {hex}: {other:?}"),
        }
    }
}

/// Every table that this release names: a row cut short, one with a byte too many, one under a key that is
/// none, and one of an unknown version. A table that is added is asked for by itself.
#[test]
fn a_row_that_says_nothing_is_found_in_every_table() {
    let store = ReadOnly::open_on(&lived(61)).unwrap();
    let (sound, contents) = (Rows::of(&store), Contents::of(&store));
    sound.load(&contents).unwrap();
    let (mut with_rows, mut any_key, mut tables) = (0, BTreeSet::new(), 0);
    for (number, name) in table_names() {
        tables += 1;
        let (key, row) = match sound.any(number) {
            Some(found) => {
                with_rows += 1;
                found
            }
            None => (Box::from(&b"\xffkey"[..]), Box::from(&[][..])),
        };
        let expect = |row: &[u8], problem: &str| {
            let flaw = sound.with(number, &key, row).flaw(&contents, (name, &key));
            assert_eq!(flaw.severity, Severity::Damage, "{name}: {flaw:?}");
            assert_eq!(flaw.file.as_deref(), Some("base.redb"), "{name}: {flaw:?}");
            assert!(flaw.problem.contains(problem), "{name}: {flaw:?}");
        };
        expect(&[0], "");
        if !row.is_empty() {
            expect(&[&*row, &[7]].concat(), "");
            expect(&[&[0], &row[1..]].concat(), "version 0");
            let later = sound.with(number, &key, &[&[250], &row[1..]].concat()).load(&contents);
            assert!(
                matches!(later, Err(NotLoaded::Store(Error::Version { found: 250, .. }))),
                "{name}: {later:?}"
            );
        }
        let none: &[u8] = b"\xff\xff";
        if decode_row(number, none, None).key_problem.is_none() {
            any_key.insert(name);
            continue;
        }
        let flaw = sound.with(number, none, &row).flaw(&contents, (name, none));
        assert_eq!(flaw.severity, Severity::Damage, "{name}: {flaw:?}");
    }
    // A bot's own key of an operation is any bytes.
    assert_eq!(any_key, BTreeSet::from(["keys"]));
    assert!(tables > 35 && with_rows > 20, "{with_rows} of {tables} tables");
}

/// The same in a commit that the base does not have yet: the file is the log then.
#[test]
fn a_row_that_says_nothing_is_found_in_the_log() {
    let disk = killed(62);
    assert!(verify_on(&disk).unwrap().is_sound());
    let store = ReadOnly::open_on(&disk).unwrap();
    let (key, row) = Rows::of(&store).any(25).expect("a cursor");
    drop(store);
    let flaws = verify_on(&spoil(&disk, &row)).unwrap().flaws;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let [flaw] = &flaws[..] else { panic!("{flaws:?}") };
    assert_eq!((flaw.severity, flaw.file.as_deref()), (Severity::Damage, Some("journal")));
    assert_eq!((flaw.table.as_deref(), &flaw.key), (Some("cursors"), &Some(hex)));
    let sound = closed(62);
    assert!(verify_on(&sound).unwrap().is_sound());
}

/// The same disk, with the last such row of the log under no version, and the checksums made right.
fn spoil(disk: &SimulatedDisk, row: &[u8]) -> SimulatedDisk {
    let disk = disk.fork();
    let name = super::world::wal(&disk);
    let mut bytes = disk.read_file(&name).unwrap();
    let last = |bytes: &[u8], sought: &[u8]| {
        bytes.windows(sought.len()).rposition(|window| window == sought).expect("it is there")
    };
    let at = last(&bytes, row);
    bytes[at] = 0;
    let header = last(&bytes[..at], b"HWB1");
    let len = u32::from_le_bytes(bytes[header + 4..header + 8].try_into().unwrap()) as usize;
    let crc = crc32fast::hash(&bytes[header + 48..header + 48 + len]).to_le_bytes();
    bytes[header + 36..header + 40].copy_from_slice(&crc);
    let crc = crc32fast::hash(&bytes[header..header + 44]).to_le_bytes();
    bytes[header + 44..header + 48].copy_from_slice(&crc);
    disk.write_file(&name, &bytes);
    disk
}
