//! What every test stands on: a directory of its own, the program, and what it printed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

/// Trades as a capture of a crypto exchange has them.
pub(crate) const CRYPTO: &str = "\
recv_ns,exch_ms,venue,instrument,trade_id,price,qty,taker_side
1723161254087896568,1723161255342,binance-spot,BTCUSDT,10,61837.63,0.02,sell
1723161254087896569,1723161255617,binance-spot,BTCUSDT,11,61900.10,0.048,sell
1723161254087896570,1723161255617,binance-spot,BTCUSDT,12,61800,0.048,buy
1723161254087896571,1723161255100,binance-usdm,BTCUSDT,7,61790.5,1,buy
";

/// A directory for one test: its store, and whatever it makes beside it.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `highwater ARGUMENTS --store <the store>`.
    pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Ran {
        Ran::of(highwater().args(arguments).arg("--store").arg(self.store()))
    }

    pub(crate) fn replay(&self, file: &Path) -> Ran {
        self.run(&["replay".as_ref(), "--json".as_ref(), file.as_os_str()])
    }

    /// Every token of the store, as JSON, by chain and address.
    pub(crate) fn tokens(&self) -> BTreeMap<String, Value> {
        let ran = self.run(&["tokens", "list", "--json"]);
        ran.exits(0);
        let name = |token: &Value| {
            let part = |part: &str| token[part].as_str().unwrap().to_owned();
            format!("{}/{}", part("chain"), part("address"))
        };
        let lines = ran.lines().into_iter();
        lines.map(|token| (name(&token), token)).collect()
    }

    /// Every file of the store and its bytes.
    pub(crate) fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.store()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

/// What a run of the program printed, and its exit code.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from_output(command.output().unwrap())
    }

    pub(crate) fn from_output(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        let (out, err) = (&self.out, &self.err);
        assert_eq!(self.code, Some(code), "stdout:\n{out}\nstderr:\n{err}");
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.err.contains(text), "no {text:?} in: {}", self.err);
        self
    }

    /// Standard output as JSON lines; anything else on it fails the test.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines.map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The figures of the run, which are the last line.
    pub(crate) fn figures(&self) -> Value {
        let last = self.lines().pop().expect("a run prints its figures");
        assert_eq!(last["kind"], "run");
        last
    }
}

pub(crate) fn highwater() -> Command {
    let mut command = Command::cargo_bin("highwater").unwrap();
    command.env_remove("HIGHWATER_STORE").env_remove("CLICOLOR_FORCE");
    command.stdin(Stdio::null());
    command
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
