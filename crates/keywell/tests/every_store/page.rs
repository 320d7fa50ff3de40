use std::path::PathBuf;

/// A page of the documentation, with a part between two marks that a test writes.
pub(crate) struct Part {
    path: PathBuf,
    page: String,
    begin: String,
    end: String,
}

// === impl Part ===

impl Part {
    pub(crate) fn of(page: &str, name: &str) -> Self {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        let path = PathBuf::from(docs).join(page);
        Self {
            page: std::fs::read_to_string(&path).unwrap(),
            path,
            begin: format!("<!-- {name} -->\n"),
            end: format!("<!-- end of {name} -->"),
        }
    }

    /// Writes the part.
    pub(crate) fn write(&self, part: &str) {
        std::fs::write(&self.path, self.with(part)).unwrap();
    }

    /// Checks the part, or writes it with `KEYWELL_UPDATE_DOCS=1` in the environment.
    pub(crate) fn check(&self, part: &str) {
        if std::env::var_os("KEYWELL_UPDATE_DOCS").is_some() {
            return self.write(part);
        }
        assert!(
            self.page == self.with(part),
            "{} differs from this; run this test with KEYWELL_UPDATE_DOCS=1\n{part}",
            self.path.display()
        );
    }

    fn with(&self, part: &str) -> String {
        let (begin, end) = (&self.begin, &self.end);
        let parts = self.page.split_once(begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(end)?;
            Some((before, after))
        });
        let Some((before, after)) = parts else {
            panic!("{} has no {begin}{end}", self.path.display());
        };
        format!("{before}{begin}\n{part}\n{end}{after}")
    }
}
