//! Reads the files of an application, of any kind, into one plan.
//!
//! A keywell.toml, wadm manifests, workloads of wasmCloud 2 and manifests of Spin are recognised by
//! their names and their texts. Of several files at most one is a keywell.toml. Relative paths of
//! stores start at its folder, or at that of the first file.
//! Places have the number of their file, by which [`Plan::at`] finds it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::keywell_toml::{self, ForManifests, Outside};
use crate::part::{self, Part};
use crate::wadm::plan::{Application, Files, Given};
use crate::wadm::{self, Providers};
use crate::{
    Code, ConfigError, Draft, Lookup, Place, Plan, Problem, Process, Report, Source, spin, workload,
};

/// What is given beside the files of a plan.
#[derive(Clone)]
pub struct ReadOptions<'a> {
    /// Where values are found that the files only name.
    pub lookup: &'a dyn Lookup,
    /// Images of capability providers, and the built-in ones that they stand for.
    pub providers: Providers,
    /// Images of components, and the files to take in place of each.
    pub images: BTreeMap<String, PathBuf>,
    /// The text of the file `-`, of any kind.
    pub input: Option<&'a str>,
}

/// The text of a file.
struct Text<'f> {
    file: &'f Path,
    text: Cow<'f, str>,
}

/// What a file is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    KeywellToml,
    Spin,
    Wadm,
    Workload,
}

/// The wadm manifests among the texts, as far as they could be read.
struct Manifests {
    applications: Vec<Application>,
    /// The text of each, to show lines of.
    sources: Vec<(PathBuf, Source)>,
    /// Whether all of them could be read.
    is_whole: bool,
}

// === impl ReadOptions ===

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self {
            lookup: &Process,
            providers: Providers::default(),
            images: BTreeMap::new(),
            input: None,
        }
    }
}

// === impl Draft ===

impl Draft {
    /// Reads the file of a plan, of any kind, as far as it can be read.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`].
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::read_with(file, &Process)
    }

    /// As [`Draft::read`], with the place of what the file names.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`].
    pub fn read_with(file: &Path, lookup: &dyn Lookup) -> Result<Self, ConfigError> {
        let options = ReadOptions {
            lookup,
            ..ReadOptions::default()
        };
        Self::read_all(&[file], &options)
    }

    /// Reads several files into one plan as far as they can be read: manifests, of which those of
    /// wadm may refer to shared components of each other, and at most one `keywell.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`], of the first file that cannot be read.
    pub fn read_all(
        files: &[impl AsRef<Path>],
        options: &ReadOptions<'_>,
    ) -> Result<Self, ConfigError> {
        let texts = files
            .iter()
            .map(|file| match (file.as_ref(), options.input) {
                (file, Some(input)) if file == Path::new("-") => Ok(Text::of_input(input)),
                (file, _) => Text::read(file),
            });
        let texts: Vec<Text<'_>> = texts.collect::<Result<_, _>>()?;
        Ok(Self::of(&texts, options))
    }

    /// As [`Draft::read_all`], with the texts of the files.
    pub fn from_texts(texts: &[(&Path, &str)], options: &ReadOptions<'_>) -> Self {
        let texts = texts.iter().map(|(file, text)| Text {
            file,
            text: Cow::Borrowed(text),
        });
        Self::of(&texts.collect::<Vec<_>>(), options)
    }

    fn empty() -> Self {
        Self {
            plan: Plan::default(),
            report: Report::default(),
        }
    }

    fn of(texts: &[Text<'_>], options: &ReadOptions<'_>) -> Self {
        let mut draft = Self::together(texts, options);
        replace_images(&mut draft, &options.images);
        draft
    }

    fn together(texts: &[Text<'_>], options: &ReadOptions<'_>) -> Self {
        let (mut tomls, mut manifests, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            match text.kind() {
                Kind::KeywellToml => tomls.push(text),
                Kind::Wadm => manifests.push(text),
                Kind::Spin | Kind::Workload => others.push(text),
            }
        }
        let lookup = options.lookup;
        let mut report = Report::default();
        for other in tomls.iter().skip(1) {
            let problem = Problem::error("this is another keywell.toml, and there is one at most");
            report.push(problem.at(other.file.to_owned(), None, Place::default()));
        }
        let toml = tomls.first();
        if manifests.is_empty() && others.is_empty() {
            let mut draft = toml.map_or_else(Self::empty, |toml| {
                Self::from_toml_with(toml.file, &toml.text, lookup)
            });
            draft.report.extend(report);
            return draft;
        }
        let for_manifests = toml.map(|toml| ForManifests::read(toml.file, &toml.text, lookup));
        let ForManifests {
            mut providers,
            policies,
        } = for_manifests.unwrap_or_default();
        providers.extend(options.providers.clone());
        // The number of the keywell.toml is the first.
        let first_number = usize::from(toml.is_some());
        let parts = parts(&others, first_number, lookup, &mut report);
        let first_number = first_number + parts.len();
        let Manifests {
            applications,
            sources,
            is_whole,
        } = Manifests::read(&manifests, &providers, first_number, &mut report);
        let is_whole = is_whole && !parts.iter().any(|part| part.report.has_errors());
        let mut draft = toml.map_or_else(Self::empty, |toml| {
            let mut names = wadm::plan::names(&applications);
            names.extend(
                parts
                    .iter()
                    .flat_map(|part| part.plan.components.keys().cloned()),
            );
            let outside = Outside {
                names,
                are_partial: !is_whole,
            };
            keywell_toml::from_toml_beside(toml.file, &toml.text, lookup, Some(outside))
        });
        draft.report.extend(report);
        let mut files = Files::default();
        if let (Some(file), Some(source)) = (&draft.plan.file, &draft.plan.source) {
            files.add(file.clone(), source.clone());
        }
        for part in &parts {
            files.add(part.file.clone(), part.source.clone());
            draft.report.extend(part.add_to(&mut draft.plan));
        }
        for (file, source) in sources {
            files.add(file, source);
        }
        let given = Given {
            files: &files,
            is_whole,
            providers: &providers,
            policies: &policies,
            lookup,
        };
        if !manifests.is_empty() {
            let report = wadm::plan::add(&mut draft.plan, &applications, given);
            draft.report.extend(report);
        }
        files.give_to(&mut draft.plan);
        for problem in part::mistakes(&draft.plan, &parts) {
            draft.report.push(problem);
        }
        if manifests.is_empty() && draft.plan.triggers.is_empty() && !draft.report.has_errors() {
            let problem = Problem::error("nothing calls a component");
            let problem = problem.help("give it an HTTP route: trigger.http of Spin, or wasi:http");
            draft.report.push(draft.plan.at(Place::default(), problem));
        }
        draft
    }
}

// === impl Manifests ===

impl Manifests {
    fn read(
        texts: &[&Text<'_>],
        providers: &Providers,
        first_number: usize,
        report: &mut Report,
    ) -> Self {
        let mut manifests = Self {
            applications: Vec::new(),
            sources: Vec::new(),
            is_whole: true,
        };
        let mut seen = BTreeSet::new();
        for text in texts {
            let file = text.file.to_owned();
            if !seen.insert(text.file) {
                let problem = Problem::error("this file is given twice");
                report.push(problem.at(file, None, Place::default()));
                continue;
            }
            let (manifest, found, source) = wadm::read_shown(text.file, &text.text, providers);
            report.extend(found);
            let number = u16::try_from(first_number + manifests.sources.len());
            manifests.sources.push((file.clone(), source));
            let Some(manifest) = manifest else {
                manifests.is_whole = false;
                continue;
            };
            manifests.applications.push(Application {
                manifest,
                file,
                number: number.unwrap_or(u16::MAX),
            });
        }
        manifests
    }
}

// === impl Plan ===

impl Plan {
    /// Reads the file of a plan, of any kind.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with everything that is wrong.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Draft::read(file)?.finish()
    }
}

// === impl Text ===

impl<'f> Text<'f> {
    fn of_input(text: &'f str) -> Self {
        Self {
            file: Path::new("standard input"),
            text: Cow::Borrowed(text),
        }
    }

    fn read(file: &'f Path) -> Result<Self, ConfigError> {
        let cannot = |problem: String| ConfigError::read(file, problem);
        let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
        if metadata.is_dir() {
            return Err(cannot("it is a folder; name a file in it".to_owned()));
        }
        if metadata.len() > Plan::MAX_BYTES {
            let problem = format!("it is larger than {} bytes", Plan::MAX_BYTES);
            return Err(cannot(problem));
        }
        let text = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| cannot("it is not UTF-8".to_owned()))?;
        let text = Cow::Owned(text);
        Ok(Self { file, text })
    }

    /// What it is, or is meant to be.
    fn kind(&self) -> Kind {
        let extension = self
            .file
            .extension()
            .and_then(|extension| extension.to_str());
        let is = |kinds: &[&str]| {
            extension.is_some_and(|own| kinds.iter().any(|kind| own.eq_ignore_ascii_case(kind)))
        };
        if is(&["yaml", "yml", "json"]) || begins_as_manifest(&self.text) {
            return if workload::is_one(&self.text) {
                Kind::Workload
            } else {
                Kind::Wadm
            };
        }
        if spin::is_one(self.file, &self.text) {
            return Kind::Spin;
        }
        Kind::KeywellToml
    }
}

/// Reads the files of other kinds than wadm's, each by itself.
fn parts(
    texts: &[&Text<'_>],
    first_number: usize,
    lookup: &dyn Lookup,
    report: &mut Report,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for text in texts {
        let file = text.file.to_owned();
        if parts.iter().any(|part| part.file == file) {
            let problem = Problem::error("this file is given twice");
            report.push(problem.at(file, None, Place::default()));
            continue;
        }
        let number = u16::try_from(first_number + parts.len()).unwrap_or(u16::MAX);
        let content = text.text.strip_prefix('\u{feff}').unwrap_or(&text.text);
        parts.push(match text.kind() {
            Kind::Spin => spin::read(file, content, number, lookup),
            _ => workload::read(file, content, number, lookup),
        });
    }
    parts
}

/// Whether the first line that says something is one of YAML or JSON, and none of TOML.
fn begins_as_manifest(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| {
        let key = line.split(':').next().unwrap_or_default();
        let is_key = ["apiVersion", "kind", "metadata", "spec"]
            .contains(&key.trim_matches(['"', '\'', ' ']));
        line.starts_with(['{', '%']) || line.starts_with("---") || is_key && line.contains(':')
    })
}

/// Takes files in place of images, where that is asked for.
fn replace_images(draft: &mut Draft, images: &BTreeMap<String, PathBuf>) {
    let bare = |reference: &str| -> String {
        let schemes = ["oci://", "http://", "https://"];
        let bare = schemes
            .iter()
            .find_map(|scheme| reference.strip_prefix(scheme));
        bare.unwrap_or(reference).to_owned()
    };
    for (image, file) in images {
        let mut is_used = false;
        for component in draft.plan.components.values_mut() {
            if let Code::Image { reference, .. } = &component.code
                && bare(reference) == bare(image)
            {
                component.code = Code::File(file.clone());
                is_used = true;
            }
        }
        if !is_used && !draft.report.has_errors() {
            let problem = Problem::warning(format!("no component has the image {image}"));
            draft
                .report
                .push(problem.help("--image replaces one that is written"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_known_by_its_first_line() {
        for text in [
            "---\nkind: x",
            "# c\n\napiVersion: x",
            "{",
            "\"kind\" : x",
            "\u{feff}spec:",
        ] {
            assert!(begins_as_manifest(text), "{text}");
        }
        for text in ["", "[store.main]", "kind = 'x'", "# apiVersion: x", "x: y"] {
            assert!(!begins_as_manifest(text), "{text}");
        }
    }
}
