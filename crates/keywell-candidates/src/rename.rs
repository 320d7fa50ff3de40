//! The names by which a host sees a component: those of its root's imports and exports.

use std::ops::Range;

use wasm_encoder::{Encode as _, RawSection};
use wasmparser::{BinaryReader, BinaryReaderError, Chunk, Encoding, FromReader, Parser, Payload};
use wasmparser::{SectionLimited, SectionLimitedIntoIterWithOffsets};

/// A section of the root with names, and where it stands.
struct Section<'a> {
    range: Range<usize>,
    /// Without the section's number and size.
    content: Range<usize>,
    names: Vec<Name<'a>>,
}

struct Name<'a> {
    /// With its length in front.
    range: Range<usize>,
    text: &'a str,
}

/// The names of what a component imports and exports, in its order. None where the bytes are none.
pub fn names(wasm: &[u8]) -> Vec<&str> {
    let sections = sections(wasm).unwrap_or_default().into_iter();
    let names = sections.flat_map(|section| section.names);
    names.map(|name| name.text).collect()
}

/// The component with other names for what it imports and exports, where `new` has one. `None` if
/// nothing changes, or the bytes are no component.
///
/// Everything else is copied. The names have to be valid, and unique among the imports and among
/// the exports.
pub fn renamed(wasm: &[u8], new: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let mut renamed = Vec::with_capacity(wasm.len() + 1024);
    let mut copied = 0;
    for section in sections(wasm).ok()? {
        let Some(content) = section.renamed(wasm, &new) else {
            continue;
        };
        let Range { start, end } = section.range;
        renamed.extend_from_slice(&wasm[copied..start]);
        let id = wasm[start];
        renamed.push(id);
        RawSection { id, data: &content }.encode(&mut renamed);
        copied = end;
    }
    (copied > 0).then(|| {
        renamed.extend_from_slice(&wasm[copied..]);
        renamed
    })
}

/// Nested modules and components are stepped over.
fn sections(wasm: &[u8]) -> Result<Vec<Section<'_>>, BinaryReaderError> {
    let mut parser = Parser::new(0);
    let mut sections = Vec::new();
    let mut at = 0;
    while let Some(rest @ [_, ..]) = wasm.get(at..) {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            break;
        };
        let range = at..at + consumed;
        at = range.end;
        let (content, names) = match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => break,
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => {
                at = unchecked_range.end;
                continue;
            }
            Payload::ComponentImportSection(imports) => (imports.range(), placed(wasm, imports)?),
            Payload::ComponentExportSection(exports) => (exports.range(), placed(wasm, exports)?),
            _ => continue,
        };
        sections.push(Section {
            range,
            content,
            names,
        });
    }
    Ok(sections)
}

/// The names of a section's items. Each stands behind a byte for its kind.
fn placed<'a, T: FromReader<'a>>(
    wasm: &'a [u8],
    section: SectionLimited<'a, T>,
) -> Result<Vec<Name<'a>>, BinaryReaderError> {
    let items: SectionLimitedIntoIterWithOffsets<'a, T> = section.into_iter_with_offsets();
    let names = items.map(|item| {
        let (kind, _) = item?;
        let start = kind + 1;
        let mut reader = BinaryReader::new(&wasm[start..], start);
        let text = reader.read_string()?;
        let range = start..reader.original_position();
        Ok(Name { range, text })
    });
    names.collect()
}

// === impl Section ===

impl Section<'_> {
    /// Its content with other names, if there are any.
    fn renamed(&self, wasm: &[u8], new: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut copied = self.content.start;
        for Name { range, text } in &self.names {
            if let Some(new) = new(text) {
                content.extend_from_slice(&wasm[copied..range.start]);
                new.encode(&mut content);
                copied = range.end;
            }
        }
        (copied > self.content.start).then(|| {
            content.extend_from_slice(&wasm[copied..self.content.end]);
            content
        })
    }
}
