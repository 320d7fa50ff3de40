use wasmparser::{BinaryReader, ExternalKind, Parser, Payload, ProducersSectionReader};

/// How many are read of one component.
const MOST: usize = 32;

/// A tool that had a part in making a component: a language, a compiler, an SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// What it calls itself: `rustc`.
    pub name: String,
    /// Its version, in its own words; it may be empty.
    pub version: String,
}

/// The tools that a component names, each once: in the sections `producers` of itself and of what is
/// in it, and in the exports by which Spin's SDK has its version.
pub(crate) fn producers(wasm: &[u8]) -> Vec<Producer> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        // What is behind a part that cannot be read is for the engine to refuse.
        let Ok(payload) = payload else { break };
        match payload {
            Payload::CustomSection(section) if section.name() == "producers" => {
                let reader = BinaryReader::new(section.data(), section.data_offset());
                // It is only a remark, so one that is malformed says nothing.
                let _ = read(reader, &mut found);
            }
            Payload::ExportSection(exports) => {
                for export in exports.into_iter().map_while(Result::ok) {
                    let version = export.name.strip_prefix("spin-sdk-version-");
                    if let (Some(version), ExternalKind::Func) = (version, export.kind) {
                        add(&mut found, "spin-sdk", &version.replacen('-', ".", 1));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn read(reader: BinaryReader<'_>, found: &mut Vec<Producer>) -> wasmparser::Result<()> {
    for field in ProducersSectionReader::new(reader)? {
        for value in field?.values {
            let value = value?;
            add(found, value.name, value.version);
        }
    }
    Ok(())
}

fn add(found: &mut Vec<Producer>, name: &str, version: &str) {
    let producer = Producer {
        name: name.to_owned(),
        version: version.to_owned(),
    };
    if found.len() < MOST && !found.contains(&producer) {
        found.push(producer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let found = producers(&wat::parse_str(text).unwrap()).into_iter();
        let texts = found.map(|producer| format!("{} {}", producer.name, producer.version));
        texts.collect()
    }

    #[test]
    fn tools_are_found_at_every_depth_and_once() {
        let text = r#"(component
            (core module
                (@producers (language "Rust" "") (processed-by "rustc" "1.95.0"))
                (func (export "spin-sdk-version-5-2")))
            (component (@producers (processed-by "rustc" "1.95.0") (sdk "kit" "2"))))"#;
        let expected = ["spin-sdk 5.2", "Rust ", "rustc 1.95.0", "kit 2"];
        let mut found = found(text);
        found.sort();
        let mut expected = expected.map(str::to_owned);
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_malformed_section_and_other_bytes_say_nothing() {
        let malformed = r#"(component (@custom "producers" "\ff\ff\ff\ff"))"#;
        assert_eq!(found(malformed), [""; 0]);
        for wasm in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff"] {
            assert_eq!(producers(wasm), []);
        }
    }

    #[test]
    fn not_more_than_so_many_are_read() {
        let tools = (0..1000).map(|n| format!("(processed-by \"t{n}\" \"\")"));
        let tools: Vec<String> = tools.collect();
        let text = format!("(component (core module (@producers {})))", tools.concat());
        assert_eq!(found(&text).len(), MOST);
    }
}
