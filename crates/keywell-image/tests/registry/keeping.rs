//! What is pulled, kept, and found again.

use std::fs;
use std::time::Duration;

use keywell_image::{Digest, Problem};
use keywell_servers::Registry;

use crate::support::{Machine, at, component};

#[tokio::test]
async fn what_one_machine_pushes_another_pulls() {
    let registry = Registry::start().await.unwrap();
    let (one, other) = (Machine::new(), Machine::new());
    let reference = at(registry.addr(), "acme/counter:1");
    let digest = one.push(&component(1), &reference).await;
    for reference in [
        reference.clone(),
        format!("oci://{reference}"),
        format!("{}@{digest}", at(registry.addr(), "acme/counter")),
    ] {
        let pulled = other.pull(&reference).await.unwrap();
        assert_eq!(pulled.digest, digest);
        assert_eq!(fs::read(pulled.file).unwrap(), component(1));
    }
    // The same component is the same image.
    assert_eq!(one.push(&component(1), &reference).await, digest);
}

#[tokio::test]
async fn a_tag_is_resolved_at_every_pull() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let reference = at(registry.addr(), "x:1");
    let mut files = Vec::new();
    for number in [1, 2, 1] {
        let digest = machine.push(&component(number), &reference).await;
        let pulled = machine.pull(&reference).await.unwrap();
        assert_eq!(pulled.digest, digest);
        assert_eq!(fs::read(&pulled.file).unwrap(), component(number));
        files.push(pulled.file);
    }
    assert_eq!(files[0], files[2]);
    assert_ne!(files[0], files[1]);
}

#[tokio::test]
async fn a_registry_that_cannot_answer_leaves_what_the_tag_was_last() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::patient(Duration::from_secs(2));
    let reference = at(registry.addr(), "x:1");
    let digest = machine.push(&component(1), &reference).await;
    let pulled = machine.pull(&reference).await.unwrap();

    registry.freeze().unwrap();
    assert_eq!(machine.pull(&reference).await.unwrap(), pulled);
    registry.kill().await.unwrap();
    assert_eq!(machine.pull(&reference).await.unwrap(), pulled);
    // Without asking at all.
    let pinned = format!("{}@{digest}", at(registry.addr(), "x"));
    assert_eq!(machine.pull(&pinned).await.unwrap().file, pulled.file);

    for unknown in [at(registry.addr(), "x:2"), at(registry.addr(), "y:1")] {
        let problem = machine.problem(&unknown).await;
        assert!(matches!(problem, Problem::Unreachable { .. }), "{problem}");
    }
    // What is kept and damaged is downloaded again.
    fs::write(&pulled.file, "damaged").unwrap();
    assert_eq!(machine.kept(&reference).await, None);
    let problem = machine.problem(&reference).await;
    assert!(matches!(problem, Problem::Unreachable { .. }), "{problem}");
    registry.restart().await.unwrap();
    assert_eq!(machine.pull(&reference).await.unwrap(), pulled);
    assert_eq!(fs::read(&pulled.file).unwrap(), component(1));
}

#[tokio::test]
async fn a_tag_that_a_registry_does_not_have_is_not_taken_from_the_cache() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let reference = at(registry.addr(), "x:1");
    let digest = machine.push(&component(1), &reference).await;
    machine.pull(&reference).await.unwrap();
    for unknown in [at(registry.addr(), "x:2"), at(registry.addr(), "y")] {
        let problem = machine.problem(&unknown).await;
        assert!(matches!(problem, Problem::NotFound { .. }), "{problem}");
    }
    // The manifest is gone from the registry's disk.
    let digits = digest.to_string();
    let digits = digits.strip_prefix("sha256:").unwrap();
    fs::remove_file(registry.blob(digits)).unwrap();
    let problem = machine.problem(&reference).await;
    assert!(!problem.is_outage(), "{problem}");
}

#[tokio::test]
async fn a_layer_that_is_not_what_its_digest_says_is_not_kept() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let reference = at(registry.addr(), "x:1");
    machine.push(&component(1), &reference).await;
    let digest = Digest::of(&component(1)).to_string();
    let blob = registry.blob(digest.strip_prefix("sha256:").unwrap());
    let longer = [component(1), b"more".to_vec()].concat();
    let shorter = component(1)[..100].to_vec();
    for content in [component(2), longer, shorter] {
        fs::write(&blob, content).unwrap();
        let problem = machine.problem(&reference).await;
        assert!(matches!(problem, Problem::Damaged { .. }), "{problem}");
        assert!(problem.to_string().contains("its layer"), "{problem}");
        let names = fs::read_dir(machine.images()).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.all(|name| name.starts_with("manifest-")));
    }
    fs::write(&blob, component(1)).unwrap();
    machine.pull(&reference).await.unwrap();
}

#[tokio::test]
async fn a_registry_with_a_login_says_so() {
    let registry = Registry::with_login().await.unwrap();
    let machine = Machine::new();
    let problem = machine.problem(&at(registry.addr(), "x:1")).await;
    assert!(matches!(problem, Problem::Login { .. }), "{problem}");
    assert!(problem.to_string().contains("docker login"), "{problem}");
}
