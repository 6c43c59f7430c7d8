//! The elements of a JSON array of any size, one after another and never more than one at a time.
//!
//! This only tells where an element begins and ends, by brackets and quotes; whether it is JSON is for
//! `serde_json` to say, element by element. A parser of the whole array would have to stop at the first
//! element that is none, and everything behind it would be lost; here the next comma at the outermost
//! level is where the next element begins. Memory is bounded by [`ELEMENT_LIMIT`], also where an element
//! has no end.

use std::io::{self, BufRead};

/// The longest element that is taken, in bytes. One of a pool list has under 4,000.
pub(crate) const ELEMENT_LIMIT: usize = 64 * 1024;

/// The elements of an array whose opening bracket comes next, or comes after blanks.
pub(crate) struct Elements<R> {
    text: R,
    line: u64,
    /// The line on which the last element begins.
    element_line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BeforeTheArray,
    /// Behind the opening bracket: an element, or the closing one.
    BeforeTheFirst,
    /// Behind a comma: an element has to come.
    BehindAComma,
    Ended,
}

/// What comes next in an array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// It is in the buffer, as it stands there.
    Whole,
    /// It is none, and the next one can be looked for.
    Malformed(&'static str),
    /// The text is not the array that it began as; nothing more can be told from it.
    BrokenOff(&'static str),
    /// The array is closed and nothing stands behind it.
    End,
}

/// What ended an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Comma,
    Bracket,
    Text,
}

impl<R: BufRead> Elements<R> {
    /// The elements of the array that `text` holds; `line` is the number of the line it begins on.
    pub(crate) fn new(text: R, line: u64) -> Self {
        Self { text, line, element_line: line, state: State::BeforeTheArray }
    }

    /// The number of the line on which the element begins that was read last.
    pub(crate) fn element_line(&self) -> u64 {
        self.element_line
    }

    /// Reads the next element into `buffer`, which is cleared first.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Element> {
        buffer.clear();
        if self.state == State::BeforeTheArray {
            if self.next_visible()? != Some(b'[') {
                return Ok(Element::BrokenOff("no list in square brackets stands here"));
            }
            self.text.consume(1);
            self.state = State::BeforeTheFirst;
        }
        if self.state == State::Ended {
            return Ok(Element::End);
        }
        let first = self.next_visible()?;
        self.element_line = self.line;
        match (first, self.state) {
            (None, _) => return Ok(self.broken_off("the list ends without its closing bracket")),
            (Some(b']'), State::BeforeTheFirst) => {
                self.text.consume(1);
                return self.close();
            }
            (Some(b']'), _) => {
                // The bracket is left for the next call.
                self.state = State::BeforeTheFirst;
                return Ok(Element::Malformed("nothing stands between a comma and the end"));
            }
            _ => {}
        }
        let (ended, fits) = self.element(buffer)?;
        match ended {
            Ended::Text => return Ok(self.broken_off("the list ends inside of an element")),
            // The bracket is left for the next call.
            Ended::Bracket => self.state = State::BeforeTheFirst,
            Ended::Comma => self.state = State::BehindAComma,
        }
        Ok(if !fits {
            Element::Malformed("the element is longer than 65,536 bytes")
        } else if buffer.is_empty() {
            Element::Malformed("nothing stands between two commas")
        } else {
            Element::Whole
        })
    }

    fn broken_off(&mut self, reason: &'static str) -> Element {
        self.state = State::Ended;
        Element::BrokenOff(reason)
    }

    fn close(&mut self) -> io::Result<Element> {
        self.state = State::Ended;
        self.element_line = self.line;
        Ok(match self.next_visible()? {
            None => Element::End,
            Some(_) => Element::BrokenOff("something stands behind the list's closing bracket"),
        })
    }

    /// The next byte that is no blank, which is not consumed.
    fn next_visible(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = fill(&mut self.text)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let found = bytes.get(blanks).copied();
            self.line += newlines(&bytes[..blanks]);
            self.text.consume(blanks);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes bytes up to the comma or bracket that ends the element; the comma is consumed, the bracket
    /// is not. Answers whether all of it is in the buffer.
    fn element(&mut self, buffer: &mut Vec<u8>) -> io::Result<(Ended, bool)> {
        let (mut depth, mut quote, mut fits) = (0_u32, Quote::Outside, true);
        loop {
            let bytes = fill(&mut self.text)?;
            if bytes.is_empty() {
                return Ok((Ended::Text, fits));
            }
            let mut ended = None;
            let mut len = bytes.len();
            for (at, byte) in bytes.iter().enumerate() {
                if !STEERS[usize::from(*byte)] && quote != Quote::Escape {
                    continue;
                }
                quote = match (quote, byte) {
                    (Quote::Escape, _) | (Quote::Outside, b'"') => Quote::Inside,
                    (Quote::Inside, b'\\') => Quote::Escape,
                    (Quote::Inside, b'"') => Quote::Outside,
                    (Quote::Inside, _) => Quote::Inside,
                    (Quote::Outside, b'{' | b'[') => {
                        depth = depth.saturating_add(1);
                        Quote::Outside
                    }
                    (Quote::Outside, b',' | b']') if depth == 0 => {
                        ended = Some(if *byte == b',' { Ended::Comma } else { Ended::Bracket });
                        len = at;
                        break;
                    }
                    (Quote::Outside, b'}' | b']') => {
                        depth = depth.saturating_sub(1);
                        Quote::Outside
                    }
                    (Quote::Outside, _) => Quote::Outside,
                };
            }
            let taken = &bytes[..len];
            self.line += newlines(taken);
            fits &= buffer.len() + taken.len() <= ELEMENT_LIMIT;
            if fits {
                buffer.extend_from_slice(taken);
            }
            self.text.consume(len + usize::from(ended == Some(Ended::Comma)));
            if let Some(ended) = ended {
                return Ok((ended, fits));
            }
        }
    }
}

/// Where the reader stands with respect to a text in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    Outside,
    Inside,
    /// Inside, behind a backslash.
    Escape,
}

/// The bytes that can change where an element ends.
const STEERS: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"\"\\{}[],";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What can be read at once; an interrupted call is made again.
fn fill(text: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match text.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // It is there, so that this reads nothing.
    text.fill_buf()
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Every element, in words; `Err` where one is none.
    fn elements_in(text: impl BufRead) -> Vec<Result<String, &'static str>> {
        let mut elements = Elements::new(text, 1);
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        loop {
            match elements.read(&mut buffer).unwrap() {
                Element::Whole => {
                    found.push(Ok(String::from_utf8_lossy(&buffer).trim_end().to_owned()));
                }
                Element::Malformed(reason) => found.push(Err(reason)),
                Element::BrokenOff(reason) => {
                    found.push(Err(reason));
                    return found;
                }
                Element::End => return found,
            }
        }
    }

    /// As a whole and in pieces of any length, a text has the same elements.
    fn elements(text: &str) -> Vec<Result<String, &'static str>> {
        let found = elements_in(text.as_bytes());
        for capacity in 1..8 {
            let pieces = BufReader::with_capacity(capacity, text.as_bytes());
            assert_eq!(elements_in(pieces), found, "{text:?} in pieces of {capacity}");
        }
        found
    }

    fn words<const N: usize>(words: [&str; N]) -> Vec<Result<String, &'static str>> {
        words.map(|word| Ok(word.to_owned())).into()
    }

    #[test]
    fn elements_are_parted_by_commas_of_the_outermost_level_only() {
        assert_eq!(elements("[]"), []);
        assert_eq!(elements(" \n[ \n] \n"), []);
        assert_eq!(elements("[1]"), words(["1"]));
        assert_eq!(
            elements(r#" [ {"a":[1,{"b":2}],"c":"},{["} , {"d":"\"],\\"},"x,]y" ] "#),
            words([r#"{"a":[1,{"b":2}],"c":"},{["}"#, r#"{"d":"\"],\\"}"#, r#""x,]y""#])
        );
    }

    /// The story: one element with a bracket too few took all 100,000 behind it along.
    #[test]
    fn an_element_that_is_no_json_costs_only_itself() {
        let junk = ["NaN", "{]", "{\"a\":1}}", "{\"a\":[1}}", "\"two\nlines\"", "\\\"\"", "'"];
        for junk in junk {
            let found = elements(&format!("[1,{junk},{{\"a\":2}},3]"));
            let last: Vec<_> = found.iter().rev().take(2).collect();
            assert_eq!(last, [&Ok("3".to_owned()), &Ok("{\"a\":2}".to_owned())], "{junk}");
            assert_eq!(found.len(), 4, "{junk}: {found:?}");
        }
    }

    /// A quote or bracket that is not closed takes the rest along: where the list ends, it ends inside of an
    /// element, and is not taken for whole.
    #[test]
    fn a_quote_or_bracket_without_its_end_breaks_the_list_off() {
        for list in
            ["[1,\"open,2]", "[1,{\"a\":\"x},{\"a\":\"y\"},3]", "[\"\\\"]", "[}{,2]", "[[,2]"]
        {
            let broken_off = Err("the list ends inside of an element");
            assert_eq!(elements(list).last(), Some(&broken_off), "{list}");
        }
    }

    #[test]
    fn commas_with_nothing_between_them_are_told() {
        let nothing = Err("nothing stands between two commas");
        let no_last = Err("nothing stands between a comma and the end");
        assert_eq!(elements("[1,,2]"), [Ok("1".to_owned()), nothing.clone(), Ok("2".to_owned())]);
        assert_eq!(elements("[1,]"), [Ok("1".to_owned()), no_last.clone()]);
        assert_eq!(elements("[,]"), [nothing, no_last]);
    }

    /// The story: a download that broke off was taken for a whole list, and half of all tokens for
    /// delisted. No beginning of a list is one.
    #[test]
    fn a_list_that_is_cut_anywhere_is_told() {
        let whole = "[{\"a\":\"b]\"}, 2,\n[3]]";
        assert_eq!(elements(whole).len(), 3);
        for end in 0..whole.len() {
            let found = elements(&whole[..end]);
            assert!(matches!(found.last(), Some(Err(_))), "{:?}: {found:?}", &whole[..end]);
        }
        for more in ["]", ",", "[1]", "x"] {
            let found = elements(&format!("{whole}\n{more}"));
            let told = Err("something stands behind the list's closing bracket");
            assert_eq!(found.last(), Some(&told), "{more}");
        }
        assert_eq!(elements("{\"a\":1}"), [Err("no list in square brackets stands here")]);
    }

    /// Positions in messages are lines of the file.
    #[test]
    fn an_element_stands_on_the_line_on_which_it_begins() {
        let mut elements = Elements::new(&b"[\n1,\n{\n\"a\":\"\n\"},\n\n3]"[..], 5);
        let (mut buffer, mut lines) = (Vec::new(), Vec::new());
        while elements.read(&mut buffer).unwrap() == Element::Whole {
            lines.push(elements.element_line());
        }
        assert_eq!(lines, [6, 7, 11]);
    }

    /// One pattern over and over.
    struct Again {
        pattern: &'static [u8],
        at: usize,
    }

    impl Read for Again {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.pattern[self.at % self.pattern.len()];
                self.at += 1;
            }
            Ok(buffer.len())
        }
    }

    /// A gigabyte in one element, or a text without a closing quote, must cost no memory; the element
    /// behind it is read as if nothing had been.
    #[test]
    fn an_element_without_end_is_passed_over_in_flat_memory() {
        for (open, close) in [("\"", "\""), ("[", "]"), ("{\"a\":[", "]}")] {
            let filler: &[u8] = if open == "\"" { b"x" } else { b"1," };
            let bomb = Again { pattern: filler, at: 0 }.take(4 << 20);
            let text = open.as_bytes().chain(bomb).chain(close.as_bytes());
            let text = (&b"[1,"[..]).chain(text).chain(&b",2]"[..]);
            let mut elements = Elements::new(BufReader::new(text), 1);
            let mut buffer = Vec::new();
            assert_eq!(elements.read(&mut buffer).unwrap(), Element::Whole);
            assert!(matches!(elements.read(&mut buffer).unwrap(), Element::Malformed(_)));
            assert!(buffer.capacity() <= 4 * ELEMENT_LIMIT, "{} bytes", buffer.capacity());
            assert_eq!(elements.read(&mut buffer).unwrap(), Element::Whole);
            assert_eq!(buffer, b"2");
        }
    }
}
