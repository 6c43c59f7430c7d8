//! The paths in a file's code, from `use` and from everywhere else, resolved against its module.

use crate::source::{Source, Token};

/// A path as it stands, and where: `crate::disk::Disk` in line 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) names: Vec<String>,
}

/// Every path of two names or more, and every `use`; groups are taken apart.
/// `self` and `super` are resolved, so that what lies in this crate begins with `crate`.
pub(crate) fn paths(source: &Source) -> Vec<Path> {
    let tokens: Vec<_> = source.code.iter().filter(|token| !token.is_string).collect();
    let mut walk = Walk { tokens, at: 0, found: Vec::new() };
    let mut module = source.module();
    let mut depth = 0_usize;
    let mut inner_modules = Vec::new();
    while walk.at < walk.tokens.len() {
        let text = walk.text(0);
        match text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inner_modules.last() == Some(&depth) {
                    inner_modules.pop();
                    module.pop();
                }
            }
            "mod" if walk.text(2) == "{" => {
                module.push(walk.text(1).to_owned());
                inner_modules.push(depth);
            }
            _ => {}
        }
        let begins = is_name(text) && !(walk.at > 0 && walk.tokens[walk.at - 1].text == "::");
        let is_use = walk.at > 0 && walk.tokens[walk.at - 1].text == "use";
        if begins && (walk.text(1) == "::" || is_use) {
            let before = walk.found.len();
            walk.path(Vec::new());
            for path in &mut walk.found[before..] {
                resolve(&mut path.names, &module);
            }
        } else {
            walk.at += 1;
        }
    }
    walk.found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn resolve(names: &mut Vec<String>, module: &[String]) {
    let mut from = module.to_vec();
    let ups = names.iter().take_while(|name| *name == "super").count();
    let here = names.first().is_some_and(|name| name == "self");
    if ups == 0 && !here {
        return;
    }
    from.truncate(from.len().saturating_sub(ups));
    let rest = names.split_off(if here { 1 } else { ups });
    *names = std::iter::once("crate".to_owned()).chain(from).chain(rest).collect();
}

struct Walk<'s> {
    tokens: Vec<&'s Token>,
    at: usize,
    found: Vec<Path>,
}

impl Walk<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &token.text)
    }

    /// Reads one path behind `names` and everything in its groups.
    fn path(&mut self, mut names: Vec<String>) {
        let Some(line) = self.tokens.get(self.at).map(|token| token.line) else {
            return;
        };
        loop {
            if self.text(0) == "{" {
                self.at += 1;
                return self.group(&names);
            }
            if self.text(0) == "*" {
                names.push("*".to_owned());
                self.at += 1;
                break;
            }
            if !is_name(self.text(0)) {
                break;
            }
            if self.text(0) != "self" || names.is_empty() {
                names.push(self.text(0).to_owned());
            }
            self.at += 1;
            if self.text(0) != "::" {
                break;
            }
            self.at += 1;
        }
        self.found.push(Path { line, names });
    }

    fn group(&mut self, names: &[String]) {
        while self.at < self.tokens.len() && self.text(0) != "}" {
            if is_name(self.text(0)) || self.text(0) == "*" {
                self.path(names.to_vec());
                if self.text(0) == "as" {
                    self.at += 2;
                }
            } else {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}
