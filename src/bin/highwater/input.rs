//! A source of text lines: a file or standard input, plain or gzip, told apart by content.
//!
//! Memory stays flat whatever the input holds: a line is read up to [`LINE_LIMIT`] bytes, the rest
//! of a longer one is passed over without being kept, and a decompression bomb is only ever a
//! stream of lines. This module must not know what a line means.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;

/// The longest line that is taken, in bytes. A row of any known trade file has under 500.
pub(crate) const LINE_LIMIT: usize = 64 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What the command line named as one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    StandardInput,
    File(PathBuf),
}

impl Input {
    /// `-` is standard input, everything else a path.
    pub(crate) fn from_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" {
            Self::StandardInput
        } else {
            Self::File(argument.to_owned())
        }
    }

    /// What to call it in messages.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::StandardInput => "<standard input>".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The length of a regular file; `None` for a stream, which can be read once only. A directory
    /// is an error.
    pub(crate) fn regular_file_bytes(&self) -> io::Result<Option<u64>> {
        match self {
            Self::StandardInput => Ok(None),
            Self::File(path) => {
                let metadata = path.metadata()?;
                if metadata.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                Ok(metadata.is_file().then_some(metadata.len()))
            }
        }
    }

    /// Opens it for reading by lines; `progress` counts the bytes taken from the outside, which
    /// are the compressed ones of a gzip file.
    pub(crate) fn open(&self, progress: &ProgressBar) -> io::Result<Lines> {
        Lines::new(self.raw(progress)?)
    }

    /// Opens it for reading by bytes, as [`Input::open`].
    pub(crate) fn text(&self, progress: &ProgressBar) -> io::Result<Box<dyn BufRead>> {
        unpacked(self.raw(progress)?)
    }

    fn raw(&self, progress: &ProgressBar) -> io::Result<impl Read + use<>> {
        let raw: Box<dyn Read> = match self {
            Self::StandardInput => Box::new(io::stdin().lock()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        Ok(progress.wrap_read(raw))
    }
}

/// What `raw` reads, unpacked where it is gzip.
pub(crate) fn unpacked(raw: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
    let mut head = Vec::with_capacity(GZIP_MAGIC.len());
    (&mut raw).take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head == GZIP_MAGIC;
    let whole = Cursor::new(head).chain(raw);
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
    } else {
        Box::new(whole)
    })
}

/// Lines of a text, one after another, each with its number.
pub(crate) struct Lines {
    text: Box<dyn BufRead>,
    number: u64,
}

/// What the next line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is in the buffer, without its line break.
    Whole,
    /// It is longer than [`LINE_LIMIT`]; the buffer holds its beginning.
    TooLong,
    /// There is none.
    End,
}

impl Lines {
    /// The lines of what `raw` reads.
    pub(crate) fn new(raw: impl Read + 'static) -> io::Result<Self> {
        Ok(Self::of(unpacked(raw)?))
    }

    /// The lines of a text.
    pub(crate) fn of(text: Box<dyn BufRead>) -> Self {
        Self { text, number: 0 }
    }

    /// The number of the line last read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line into `buffer`, which is cleared first.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Line> {
        buffer.clear();
        // One byte more than the limit tells a line that just fits from one that does not.
        let limit = LINE_LIMIT as u64 + 1;
        if (&mut self.text).take(limit).read_until(b'\n', buffer)? == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if buffer.last() == Some(&b'\n') {
            buffer.pop();
            if buffer.last() == Some(&b'\r') {
                buffer.pop();
            }
        } else if buffer.len() > LINE_LIMIT {
            self.text.skip_until(b'\n')?;
            return Ok(Line::TooLong);
        }
        Ok(Line::Whole)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn lines_of(bytes: Vec<u8>) -> Vec<(u64, Line, String)> {
        let mut lines = Lines::new(Cursor::new(bytes)).unwrap();
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        loop {
            let line = lines.read(&mut buffer).unwrap();
            if line == Line::End {
                return found;
            }
            found.push((lines.number(), line, String::from_utf8(buffer.clone()).unwrap()));
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Files come with line breaks of any system, compressed or not, and often lack the last one.
    #[test]
    fn plain_and_compressed_lines_are_the_same() {
        let text = b"a,b\r\n1,2\n\n3,4";
        let expected: Vec<_> = [(1, "a,b"), (2, "1,2"), (3, ""), (4, "3,4")]
            .map(|(number, line)| (number, Line::Whole, line.to_owned()))
            .into();
        assert_eq!(lines_of(text.to_vec()), expected);
        assert_eq!(lines_of(gzip(text)), expected);
        // Parts of a day concatenated, as `cat *.gz` makes them.
        assert_eq!(lines_of([gzip(&text[..6]), gzip(&text[6..])].concat()), expected);
        assert_eq!(lines_of(Vec::new()), []);
        assert_eq!(lines_of(b"x".to_vec()), [(1, Line::Whole, "x".to_owned())]);
    }

    /// A gigabyte without a line break must cost no gigabyte of memory, and the line after it is
    /// read as if nothing had been.
    #[test]
    fn a_line_without_end_is_passed_over_in_flat_memory() {
        let bomb = vec![b'x'; 64 << 20];
        let text = [b"first\n".as_slice(), &bomb, b"\nlast\n"].concat();
        let mut lines = Lines::new(Cursor::new(gzip(&text))).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(lines.read(&mut buffer).unwrap(), Line::Whole);
        assert_eq!(lines.read(&mut buffer).unwrap(), Line::TooLong);
        assert!(buffer.capacity() <= 4 * LINE_LIMIT, "{} bytes", buffer.capacity());
        assert_eq!(lines.read(&mut buffer).unwrap(), Line::Whole);
        assert_eq!((lines.number(), buffer.as_slice()), (3, b"last".as_slice()));
        assert_eq!(lines.read(&mut buffer).unwrap(), Line::End);
    }

    /// The limit is exact: the longest line that fits is taken whole.
    #[test]
    fn the_longest_line_that_fits_is_taken() {
        let fits = "y".repeat(LINE_LIMIT);
        let found = lines_of(format!("{fits}\n{fits}y\nz").into_bytes());
        let kinds: Vec<_> = found.iter().map(|(number, line, _)| (*number, line)).collect();
        assert_eq!(kinds, [(1, &Line::Whole), (2, &Line::TooLong), (3, &Line::Whole)]);
        assert_eq!(found[0].2, fits);
    }

    /// A download that broke off must not look like the end of the file.
    #[test]
    fn a_truncated_gzip_file_is_an_error_and_not_an_end() {
        let mut bytes = gzip(&b"price\n1\n".repeat(1_000));
        bytes.truncate(bytes.len() - 9);
        let mut lines = Lines::new(Cursor::new(bytes)).unwrap();
        let mut buffer = Vec::new();
        let error = loop {
            match lines.read(&mut buffer) {
                Ok(Line::End) => panic!("read as if it were whole"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
