use std::ops::RangeInclusive;

/// A section of the file: a table, or the tables of an array.
#[derive(Debug)]
pub struct Section {
    /// How it is written: `[store.NAME]`.
    pub heading: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
    /// What any other key is; without it, there is none.
    pub others: Option<Kind>,
    /// What it is, as one line.
    pub help: &'static str,
}

/// A key of a section.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What applies where it is not given, in the words of the documentation; nothing, if it has to
    /// be given or stands for nothing.
    pub default: &'static str,
    /// Whether it has to be given.
    pub is_required: bool,
    /// What it does.
    pub help: &'static str,
}

/// Which values a key takes.
#[derive(Debug)]
pub enum Kind {
    /// A text in quotes.
    Text,
    /// A path; a relative one starts at the folder of the file.
    Path,
    /// The name of a store or component that the file has.
    Name,
    /// An address to listen on.
    Address,
    /// True or false, in quotes or not.
    Boolean,
    /// A whole number in this range, in quotes or not.
    Number(RangeInclusive<u32>),
    /// A size for memory: `256MiB`.
    Size,
    /// A number of bytes in this range, which may have a unit: `64`, `64KiB`.
    Bytes(RangeInclusive<usize>),
    /// A time: `30s`.
    Duration,
    /// A list of texts, or one text.
    Texts,
    /// A text that may be secret, or a table of this section that says where it is found.
    Secret(&'static Section),
    /// A text, a number, true or false, any of them possibly secret, or such a table.
    Setting(&'static Section),
    /// A table.
    Table(&'static Section),
    /// A text, or a table with more.
    TextOrTable(&'static Section),
    /// True or false, or a table with more.
    BooleanOrTable(&'static Section),
    /// An array of tables.
    Tables(&'static Section),
    /// A table whose keys are names.
    Map(&'static Kind),
}

// === impl Section ===

impl Section {
    /// A key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }
}

// === impl Key ===

impl Key {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            is_required: false,
            help,
        }
    }

    pub(super) const fn required(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            default: "",
            is_required: true,
            help,
        }
    }
}

// === impl Kind ===

impl Kind {
    /// The sections in it.
    pub fn section(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section)
            | Self::TextOrTable(section)
            | Self::BooleanOrTable(section)
            | Self::Tables(section)
            | Self::Secret(section)
            | Self::Setting(section) => Some(*section),
            Self::Map(kind) => kind.section(),
            _ => None,
        }
    }

    /// Whether it is a setting, or a table of settings.
    pub(crate) fn is_setting(&self) -> bool {
        matches!(self, Self::Setting(_))
    }

    /// Whether a value that is no table may be secret.
    pub fn is_secret(&self) -> bool {
        match self {
            // What stands in the place of a whole table may be a URL, or a password.
            Self::Secret(_) | Self::Setting(_) | Self::Table(_) | Self::Tables(_) => true,
            Self::Map(kind) => kind.is_secret(),
            _ => false,
        }
    }
}
