//! A Rust file as the rules see it: words and signs by line, comments by line, and no test code.
//!
//! This is no parser. It knows strings, comments and braces, which is enough to tell code from prose;
//! what a word means is for the rules to say.

/// One word, sign or string of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) is_string: bool,
}

/// A source file, read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    /// How many lines it has.
    pub(crate) lines: usize,
    /// Whether its first line is a `//!` sentence.
    pub(crate) opens_with_a_sentence: bool,
    /// The code without its tests.
    pub(crate) code: Vec<Token>,
    /// The comments with the line on which each begins, those of tests too.
    pub(crate) comments: Vec<(usize, String)>,
    /// The files that are this file's tests.
    pub(crate) test_files: Vec<String>,
    /// The lines of tests that are not run.
    pub(crate) ignored: Vec<usize>,
}

impl Source {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let mut reader = Reader::default();
        reader.read(&text.chars().collect::<Vec<_>>());
        let mut source = Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            opens_with_a_sentence: text.starts_with("//! "),
            code: Vec::new(),
            comments: reader.comments,
            test_files: Vec::new(),
            ignored: ignored(&reader.tokens),
        };
        source.take_without_tests(reader.tokens);
        source
    }

    /// The module path of this file: `["engine", "journal"]` for `src/engine/journal/mod.rs`.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
        let last = module.last().map(String::as_str);
        if matches!(last, Some("mod" | "lib" | "main")) {
            module.pop();
        }
        module
    }

    pub(crate) fn comments_on(&self, line: usize) -> impl Iterator<Item = &str> {
        let here = self.comments.iter().filter(move |(at, _)| *at == line);
        here.map(|(_, text)| text.as_str())
    }

    /// The last token of a line's code.
    pub(crate) fn last_on(&self, line: usize) -> Option<&Token> {
        self.code.iter().rfind(|token| token.line == line)
    }

    fn take_without_tests(&mut self, tokens: Vec<Token>) {
        let mut at = 0;
        while at < tokens.len() {
            if is_test_attribute(&tokens[at..]) {
                at = self.skip_test_item(&tokens, at);
            } else {
                self.code.push(tokens[at].clone());
                at += 1;
            }
        }
    }

    /// Passes over the item that a test attribute at `from` belongs to; answers what comes behind it.
    fn skip_test_item(&mut self, tokens: &[Token], from: usize) -> usize {
        let mut depth = 0;
        let mut named_path = None;
        for (at, token) in tokens.iter().enumerate().skip(from) {
            match token.text.as_str() {
                _ if token.is_string && named_path.is_none() => named_path = Some(&token.text),
                "{" if !token.is_string => depth += 1,
                "}" if !token.is_string => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                ";" if depth == 0 => {
                    self.note_test_file(&tokens[from..at], named_path);
                    return at + 1;
                }
                _ => {}
            }
        }
        tokens.len()
    }

    fn note_test_file(&mut self, item: &[Token], named_path: Option<&String>) {
        let [.., keyword, name] = item else { return };
        if keyword.text != "mod" {
            return;
        }
        let beside = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(file) = named_path {
            self.test_files.push(format!("{beside}/{file}"));
            return;
        }
        let mut folder = vec!["src".to_owned()];
        folder.extend(self.module());
        let folder = folder.join("/");
        self.test_files.push(format!("{folder}/{}.rs", name.text));
        self.test_files.push(format!("{folder}/{}/mod.rs", name.text));
    }
}

fn ignored(tokens: &[Token]) -> Vec<usize> {
    let texts = |three: &[Token]| three.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    let mut found = tokens.windows(3).filter(|three| texts(three) == ["#", "[", "ignore"]);
    found.by_ref().map(|three| three[0].line).collect()
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    let text: Vec<_> = tokens.iter().take(7).map(|token| token.text.as_str()).collect();
    text.starts_with(&["#", "[", "cfg", "(", "test", ")", "]"])
        || text.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"])
        || text.starts_with(&["#", "[", "test", "]"])
}

#[derive(Default)]
struct Reader {
    tokens: Vec<Token>,
    comments: Vec<(usize, String)>,
    line: usize,
}

impl Reader {
    fn read(&mut self, text: &[char]) {
        self.line = 1;
        let mut rest = text;
        while let Some(&first) = rest.first() {
            let length = match (first, rest.get(1)) {
                ('/', Some('/')) => self.comment(rest, length_until(rest, &['\n'])),
                ('/', Some('*')) => self.comment(rest, length_of_block_comment(rest)),
                ('"' | 'r' | 'b' | 'c', _) if let Some(begin) = string_begins(rest) => {
                    self.string(rest, begin)
                }
                ('\'', _) => length_of_quote(rest),
                (':', Some(':')) => self.token(rest, 2),
                _ if first.is_alphanumeric() || first == '_' => {
                    self.token(rest, length_of_word(rest))
                }
                _ if first.is_whitespace() => 1,
                _ => self.token(rest, 1),
            };
            let length = length.clamp(1, rest.len());
            self.line += rest[..length].iter().filter(|&&one| one == '\n').count();
            rest = &rest[length..];
        }
    }

    fn token(&mut self, rest: &[char], length: usize) -> usize {
        let text = rest[..length].iter().collect();
        self.tokens.push(Token { text, line: self.line, is_string: false });
        length
    }

    fn string(&mut self, rest: &[char], Begin { quote, hashes, is_raw }: Begin) -> usize {
        let length = quote + length_of_string(&rest[quote..], hashes, is_raw);
        let inside = rest.get(quote + 1..length - 1 - hashes).unwrap_or_default();
        let text = inside.iter().collect();
        self.tokens.push(Token { text, line: self.line, is_string: true });
        length
    }

    fn comment(&mut self, rest: &[char], length: usize) -> usize {
        let text: String = rest[..length.min(rest.len())].iter().collect();
        for (index, line) in text.lines().enumerate() {
            self.comments.push((self.line + index, line.to_owned()));
        }
        length
    }
}

fn length_until(rest: &[char], ends: &[char]) -> usize {
    rest.iter().position(|one| ends.contains(one)).unwrap_or(rest.len())
}

fn length_of_word(rest: &[char]) -> usize {
    let is_word = |one: &char| one.is_alphanumeric() || *one == '_';
    rest.iter().position(|one| !is_word(one)).unwrap_or(rest.len())
}

fn length_of_block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// How a string begins: `"`, `b"`, `r"`, `br#"` and the like.
struct Begin {
    /// Where its quote stands.
    quote: usize,
    hashes: usize,
    /// It knows no escapes.
    is_raw: bool,
}

fn string_begins(rest: &[char]) -> Option<Begin> {
    let letters = length_of_word(rest);
    let hashes = rest[letters..].iter().take_while(|&&one| one == '#').count();
    let prefix: String = rest[..letters].iter().collect();
    let is_raw = ["r", "br", "cr"].contains(&prefix.as_str());
    let is_known = is_raw || (hashes == 0 && ["", "b", "c"].contains(&prefix.as_str()));
    let quote = letters + hashes;
    let begins = is_known && rest.get(quote) == Some(&'"');
    begins.then_some(Begin { quote, hashes, is_raw })
}

/// The length of a string whose quote stands first and which ends with a quote and `hashes` signs.
fn length_of_string(rest: &[char], hashes: usize, is_raw: bool) -> usize {
    let mut at = 1;
    while at < rest.len() {
        let mut behind = rest[at + 1..].iter();
        if rest[at] == '"' && behind.by_ref().take_while(|&&one| one == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += if rest[at] == '\\' && !is_raw { 2 } else { 1 };
    }
    rest.len()
}

/// A character (`'a'`, `'\n'`), or the one sign of a lifetime.
fn length_of_quote(rest: &[char]) -> usize {
    if rest.get(1) == Some(&'\\') {
        return 3 + length_until(rest.get(3..).unwrap_or_default(), &['\'']) + 1;
    }
    if rest.get(2) == Some(&'\'') { 3 } else { 1 }
}
