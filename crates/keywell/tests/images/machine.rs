use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::application::Application;
use crate::support::{guest, keywell};

/// A machine of its own: its cache, and its configuration of Docker.
pub(crate) struct Machine(TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn keywell(&self, arguments: &[&str]) -> Command {
        let mut keywell = keywell();
        keywell
            .env("KEYWELL_CACHE", self.folder().join("cache"))
            .env("DOCKER_CONFIG", self.folder())
            .args(arguments);
        keywell
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(&mut self.keywell(arguments))
    }

    /// Runs what has to succeed, and answers what it prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let (code, said, complained) = self.run(arguments);
        assert_eq!((code, &*complained), (0, ""), "{arguments:?}");
        said
    }

    /// Runs what has to fail for the world's sake, and answers its one line.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let (code, said, complained) = self.run(arguments);
        assert_eq!((code, &*said), (1, ""), "{complained}");
        assert_eq!(complained.lines().count(), 1, "{complained}");
        complained
    }

    pub(crate) fn serve(&self, image: &str) -> Application {
        let arguments = [
            "serve",
            image,
            "--store",
            "memory:",
            "--addr",
            "127.0.0.1:0",
        ];
        Application::spawn(&mut self.keywell(&arguments), 1)
    }

    pub(crate) fn log_in(&self, config: &str) {
        fs::write(self.folder().join("config.json"), config).unwrap();
    }

    /// A credential helper, and the folder that it is in.
    pub(crate) fn helper(&self, script: &str) -> PathBuf {
        let path = self.folder().join("docker-credential-keywell-test");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.folder().to_owned()
    }
}

pub(crate) fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

pub(crate) fn file(name: &str) -> String {
    guest(name).to_str().unwrap().to_owned()
}
