//! `keywell new`: a project to begin with.

mod name;
mod template;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use self::name::ProjectName;
use self::template::Template;
use super::output;
use crate::cli::failed::{Ended, Failed};

/// Make a Rust project of a component, in a new folder of its name.
///
/// It has the component's source, the interfaces that it imports (wit/), and a keywell.toml, which
/// `keywell dev` and `keywell up` run. It builds as it is, by `cargo build`.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell new shop --template counter\n  cd shop\n  keywell dev")]
pub(super) struct New {
    /// What the project is called: lower-case letters, digits, - and _.
    #[arg(value_name = "NAME")]
    name: ProjectName,

    /// What it begins with.
    #[arg(long, value_name = "TEMPLATE", value_enum, default_value_t = Template::Counter)]
    template: Template,
}

// === impl New ===

impl New {
    pub(super) fn main(&self) -> Ended {
        let name = &*self.name;
        let folder = Path::new(name);
        // The files are written beside it, so that a folder of this name has all of them or none.
        let draft = format!(".{name}.{}.new", std::process::id());
        let draft = Path::new(&draft);
        let written = self.write(draft).and_then(|()| place(draft, folder));
        if let Err(error) = written {
            // It may not be there.
            drop(fs::remove_dir_all(draft));
            return Err(match error.kind() {
                ErrorKind::DirectoryNotEmpty
                | ErrorKind::AlreadyExists
                | ErrorKind::NotADirectory => Failed::Failure(format!(
                    "{name} is there already, and not an empty folder; choose another name, or \
                         remove it"
                )),
                _ => Failed::because(&format!("cannot make {name}"), error),
            });
        }
        output::say(&format!(
            "{name} is {}; run it:",
            self.template.description()
        ));
        output::say(&format!("  cd {name} && keywell dev"));
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)?;
        for (file, text) in self.template.files(&self.name) {
            let path = folder.join(file);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, text)?;
        }
        Ok(())
    }
}

/// Gives a folder its name. An empty folder of that name is replaced.
fn place(draft: &Path, folder: &Path) -> io::Result<()> {
    // A link to an empty folder would be replaced by the folder.
    match folder.symlink_metadata() {
        Ok(there) if !there.is_dir() => Err(ErrorKind::AlreadyExists.into()),
        _ => fs::rename(draft, folder),
    }
}
