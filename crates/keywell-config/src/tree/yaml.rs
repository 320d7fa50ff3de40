//! Reads YAML 1.2 into a tree, by the events of `saphyr-parser`.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::builder::Builder;
use super::node::{self, Node, Scalar, Value};
use crate::{Place, Problem};

/// What a file has: the first document, and where a second begins if there is one.
pub(crate) struct Yaml<'i> {
    pub(crate) root: Option<Node<'i>>,
    pub(crate) second: Option<Place>,
}

/// The most documents of a text.
const MAX_DOCUMENTS: usize = 64;

/// Reads the first document of a text.
///
/// # Errors
///
/// The first that is no YAML, or goes beyond the bounds of [`Builder`].
pub(crate) fn read(text: &str) -> Result<Yaml<'_>, Problem> {
    let (mut roots, second) = documents(text, 1)?;
    let root = roots.pop();
    Ok(Yaml { root, second })
}

/// Reads every document of a text that has something in it.
///
/// # Errors
///
/// As [`read`], and where there are more than [`MAX_DOCUMENTS`].
pub(crate) fn read_all(text: &str) -> Result<Vec<Node<'_>>, Problem> {
    match documents(text, MAX_DOCUMENTS)? {
        (_, Some(place)) => {
            let message = format!("a file has at most {MAX_DOCUMENTS} documents");
            Err(Problem::error(message).in_text(place))
        }
        (roots, None) => Ok(roots.into_iter().filter(|root| !root.is_null()).collect()),
    }
}

/// The first documents of a text, and where the one behind them begins.
fn documents(text: &str, most: usize) -> Result<(Vec<Node<'_>>, Option<Place>), Problem> {
    let mut roots = Vec::new();
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::new();
    // The anchors of the open lists and mappings, 0 for none.
    let mut open: Vec<usize> = Vec::new();
    let mut anchored: HashMap<usize, Node<'_>> = HashMap::new();
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| unread(text, &error))?;
        let mut place = place(span.start);
        if span.start.line() == span.end.line() {
            place.length = span.len();
        }
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(_) => {
                documents += 1;
                roots.extend(std::mem::replace(&mut builder, Builder::new()).finish());
                if documents > most {
                    return Ok((roots, Some(place)));
                }
            }
            Event::Alias(anchor) => {
                // One whose anchor stands on what the alias is in is not there yet.
                let Some(node) = anchored.get(&anchor) else {
                    let message = "this alias is within what it stands for";
                    return Err(Problem::error(message).in_text(place));
                };
                builder.alias(place, node)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = match tag {
                    None => false,
                    Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
                    Some(tag) => {
                        let message = format!("the tag {tag} has no meaning here");
                        return Err(Problem::error(message).help("leave it out").in_text(place));
                    }
                };
                let scalar = Scalar {
                    text,
                    is_plain: style == ScalarStyle::Plain && !is_text,
                    span: span.start.index()..span.end.index(),
                };
                if anchor > 0 {
                    let value = Value::Scalar(scalar.clone());
                    anchored.insert(anchor, Node { place, value });
                }
                builder.scalar(place, scalar)?;
            }
            Event::SequenceStart(anchor, _) => {
                open.push(anchor);
                builder.begin(place, Value::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, _) => {
                open.push(anchor);
                builder.begin(place, Value::Mapping(Vec::new()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let anchor = open.pop().unwrap_or(0);
                if let Some(node) = builder.end(anchor > 0)? {
                    anchored.insert(anchor, node);
                }
            }
        }
    }
    roots.extend(builder.finish());
    Ok((roots, None))
}

/// The parser counts lines from one and columns from zero.
fn place(marker: Marker) -> Place {
    node::place(marker.line(), marker.col() + 1)
}

/// What is wrong with the syntax, in plain words where the parser's are not.
fn unread(text: &str, error: &ScanError) -> Problem {
    let place = place(*error.marker());
    let info = error.info();
    if info.split(' ').any(|word| matches!(word, "tab" | "tabs")) {
        // The parser's place may be the start of the text that the tab ends.
        let place = indented_with_tab(text, place).unwrap_or(place);
        let problem = Problem::error("YAML does not allow a tab here").help("indent with spaces");
        return problem.in_text(place);
    }
    let (message, help) = match info {
        "mapping values are not allowed in this context" => (
            "there is a second colon in this line, or the line is indented too far".to_owned(),
            "put a text that has a colon and a space in it in quotes",
        ),
        "while parsing a block mapping, did not find expected key"
        | "simple key expect ':'"
        | "simple key expected" => (
            "a key and a colon should stand here".to_owned(),
            "look at the indentation of this line and of the one before",
        ),
        "while parsing a block collection, did not find expected '-' indicator" => (
            "an item of a list, which begins with a dash, should stand here".to_owned(),
            "look at the indentation of this line",
        ),
        "block sequence entries are not allowed in this context" => (
            "a list cannot begin here".to_owned(),
            "put its first dash on a line of its own, behind the key's line",
        ),
        // The scanner looks ahead in flow style, and has a bound of its own.
        "recursion limit exceeded" => {
            let message = format!("this is nested more than {} deep", Builder::MAX_DEPTH);
            (message, "")
        }
        "while parsing node, found unknown anchor" => (
            "this alias has no anchor before it".to_owned(),
            "put a text that begins with * in quotes",
        ),
        "while scanning a quoted scalar, found unexpected end of stream" => {
            ("this quote has no end".to_owned(), "add the closing quote")
        }
        info => {
            let words = info.rsplit(", ").next().unwrap_or(info);
            (format!("this is no YAML: {words}"), "")
        }
    };
    let problem = Problem::error(message).in_text(place);
    if help.is_empty() {
        problem
    } else {
        problem.help(help)
    }
}

/// The first tab in the indentation of a line, from that of a place on.
fn indented_with_tab(text: &str, from: Place) -> Option<Place> {
    let mut lines = text.lines().enumerate().skip(from.line.saturating_sub(1));
    lines.find_map(|(index, line)| {
        let indentation = line.len() - line.trim_start().len();
        let tab = line[..indentation].find('\t')?;
        Some(node::place(index + 1, line[..tab].chars().count() + 1))
    })
}
