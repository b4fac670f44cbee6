//! Patterns as Tensorleap's command line reads them: doublestar's rules, after its treatment of backslashes.
//!
//! | written | matches |
//! |---|---|
//! | `*` | any characters of one path component, or none |
//! | `?` | one character, not `/` |
//! | `**` | as a whole component: any number of components, or none. Elsewhere (`a**b`) it is `*` |
//! | `[a-z]`, `[^a-z]`, `[!a-z]` | one character of the class, or one that is not; never `/` |
//! | `{a,b}` | either, nested as one likes; each alternative is put in place before anything else is read |
//! | `\*` | the character itself, for each of `[]{}()*+?.,\^$|#` |
//! | `\` before anything else | `/` |
//!
//! A pattern must match the whole path. Names that begin with a dot are like others, and case counts.

/// Characters that a backslash makes literal; before any other it separates components.
const ESCAPABLE: &str = r"[]{}()*+?.,\^$|#";

/// How many alternatives the braces of one pattern may multiply to.
const MAX_ALTERNATIVES: usize = 1024;

/// A pattern, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// One for each way through the braces.
    alternatives: Vec<Vec<Segment>>,
}

/// A path as patterns see it: the characters of its components.
pub(super) struct Name(Vec<Vec<char>>);

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`
    Folders,
    Part(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Run,
    /// `[..]`, by inclusive ranges.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A character of a pattern, and whether a backslash took its meaning away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Atom {
    char: char,
    literal: bool,
}

impl Atom {
    fn is(self, char: char) -> bool {
        !self.literal && self.char == char
    }
}

impl Name {
    /// The name of a path below the root. A part that is not Unicode is matched with replacement characters.
    pub(super) fn new(path: &std::path::Path) -> Self {
        Self(path.iter().map(|part| part.to_string_lossy().chars().collect()).collect())
    }
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let alternatives =
            expand(atoms(text))?.iter().map(|alternative| segments(alternative)).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// The pattern as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the whole name of a file.
    pub(super) fn matches(&self, name: &Name) -> bool {
        let fits = |segment: &Segment, part: &Vec<char>| segment.fits(part);
        self.alternatives.iter().any(|segments| wild(segments, &name.0, |one| *one == Segment::Folders, fits))
    }

    /// Whether the pattern could match something below a folder; never false where it could.
    pub(super) fn reaches_below(&self, folder: &Name) -> bool {
        self.alternatives.iter().any(|segments| reaches_below(segments, &folder.0))
    }

    /// Whether the pattern begins with a component that is this name, letter by letter.
    pub(super) fn begins_with(&self, name: &str) -> bool {
        self.alternatives.iter().any(|segments| match segments.first() {
            Some(Segment::Part(tokens)) => tokens.iter().cloned().eq(name.chars().map(Token::Char)),
            _ => false,
        })
    }
}

impl Segment {
    fn fits(&self, part: &[char]) -> bool {
        match self {
            Self::Folders => true,
            Self::Part(tokens) => wild(tokens, part, |token| *token == Token::Run, Token::fits),
        }
    }
}

impl Token {
    fn fits(&self, char: &char) -> bool {
        match self {
            Self::Char(own) => own == char,
            Self::One | Self::Run => true,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&char)) != *negated
            }
        }
    }
}

/// Matches all of `subject`, where a `run` in the pattern stands for any number of its items.
///
/// Only the last run that was met is ever lengthened: an earlier one cannot help, as this one takes anything. The time
/// is at most the product of the two lengths.
fn wild<P, S>(pattern: &[P], subject: &[S], run: impl Fn(&P) -> bool, fits: impl Fn(&P, &S) -> bool) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last: Option<(usize, usize)> = None; // behind the last run, and how far it reaches
    loop {
        match (pattern.get(at), subject.get(place)) {
            (Some(one), _) if run(one) => {
                at += 1;
                last = Some((at, place));
            }
            (Some(one), Some(item)) if fits(one, item) => (at, place) = (at + 1, place + 1),
            (None, None) => return true,
            _ => match last {
                Some((behind, reach)) if reach < subject.len() => {
                    last = Some((behind, reach + 1));
                    (at, place) = (behind, reach + 1);
                }
                _ => return false,
            },
        }
    }
}

/// Whether the segments can match all components of the folder and have one left for what it holds.
fn reaches_below(segments: &[Segment], folder: &[Vec<char>]) -> bool {
    let mut places = vec![0];
    for part in folder {
        let mut next = Vec::new();
        for mut place in places {
            while segments.get(place) == Some(&Segment::Folders) {
                next.push(place);
                place += 1;
            }
            if segments.get(place).is_some_and(|segment| segment.fits(part)) {
                next.push(place + 1);
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    places.iter().any(|place| *place < segments.len())
}

/// Settles what every backslash means.
fn atoms(text: &str) -> Vec<Atom> {
    let mut atoms = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let escaped = chars.next_if(|next| char == '\\' && ESCAPABLE.contains(*next));
        atoms.push(match escaped {
            Some(char) => Atom { char, literal: true },
            None => Atom { char: if char == '\\' { '/' } else { char }, literal: false },
        });
    }
    atoms
}

/// Puts the alternatives of all braces in place.
fn expand(pattern: Vec<Atom>) -> Result<Vec<Vec<Atom>>, String> {
    let (mut open, mut done) = (vec![pattern], Vec::new());
    while let Some(pattern) = open.pop() {
        let Some(start) = first_brace(&pattern)? else {
            done.push(pattern);
            continue;
        };
        let (prefix, rest) = pattern.split_at(start);
        let (choices, suffix) = choices(&rest[1..]).ok_or("a `{` is not closed")?;
        for choice in choices.into_iter().rev() {
            open.push([prefix, choice, suffix].concat());
        }
        if open.len() + done.len() > MAX_ALTERNATIVES {
            return Err(format!("its braces stand for more than {MAX_ALTERNATIVES} patterns"));
        }
    }
    Ok(done)
}

/// The place of the first `{` that is not part of a class.
fn first_brace(pattern: &[Atom]) -> Result<Option<usize>, String> {
    let mut at = 0;
    while let Some(atom) = pattern.get(at) {
        if atom.is('{') {
            return Ok(Some(at));
        } else if atom.is('}') {
            return Err("a `}` has no `{` before it".to_owned());
        }
        at += if atom.is('[') { class(&pattern[at..])?.1 } else { 1 };
    }
    Ok(None)
}

/// Splits what follows a `{` into its alternatives and what stands behind its `}`. Classes do not protect commas or
/// braces.
fn choices(rest: &[Atom]) -> Option<(Vec<&[Atom]>, &[Atom])> {
    let (mut choices, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, atom) in rest.iter().enumerate() {
        if atom.is('{') {
            depth += 1;
        } else if atom.is('}') && depth > 0 {
            depth -= 1;
        } else if depth == 0 && (atom.is(',') || atom.is('}')) {
            choices.push(&rest[start..at]);
            start = at + 1;
            if atom.is('}') {
                return Some((choices, &rest[start..]));
            }
        }
    }
    None
}

/// Reads a pattern without braces.
fn segments(pattern: &[Atom]) -> Result<Vec<Segment>, String> {
    let (mut segments, mut tokens, mut start, mut at) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        let atom = pattern.get(at).copied();
        match atom {
            Some(atom) if !atom.is('/') => {
                let (token, length) = match atom.char {
                    char if atom.literal => (Token::Char(char), 1),
                    '*' => (Token::Run, 1),
                    '?' => (Token::One, 1),
                    '[' => class(&pattern[at..])?,
                    char => (Token::Char(char), 1),
                };
                tokens.push(token);
                at += length;
            }
            end => {
                let folders = at - start == 2 && tokens == [Token::Run, Token::Run];
                let part = std::mem::take(&mut tokens);
                segments.push(if folders { Segment::Folders } else { Segment::Part(part) });
                at += 1;
                start = at;
                if end.is_none() {
                    return Ok(segments);
                }
            }
        }
    }
}

/// Reads the class that `pattern` begins with, and says how many characters it takes.
fn class(pattern: &[Atom]) -> Result<(Token, usize), String> {
    let negated = pattern.get(1).is_some_and(|atom| atom.is('^') || atom.is('!'));
    let first = if negated { 2 } else { 1 };
    let length = pattern.iter().skip(first).position(|atom| atom.is(']')).ok_or("a `[` is not closed")?;
    let inner = &pattern[first..first + length];
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(low) = inner.get(at) {
        match (inner.get(at + 1), inner.get(at + 2)) {
            (Some(dash), Some(high)) if dash.is('-') => {
                ranges.push((low.char, high.char));
                at += 3;
            }
            _ => {
                ranges.push((low.char, low.char));
                at += 1;
            }
        }
    }
    if ranges.is_empty() {
        return Err("a class `[]` is empty".to_owned());
    }
    Ok((Token::Class { negated, ranges }, first + length + 1))
}

#[cfg(test)]
mod tests;
