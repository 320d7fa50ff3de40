//! What holds on every system.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io;

use keywell_system::clock::uptime;
use keywell_system::directory::Directory;
use keywell_system::file::Stamp;
use keywell_system::process::{Group, shell, user};
use keywell_system::socket::{Listener, Stream, connect, peer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn kind_of_refusal(folder: &Directory, name: &str) -> io::ErrorKind {
    connect(folder, name).await.unwrap_err().kind()
}

/// Sends a byte through a connection and back.
async fn exchange(mut near: Stream, mut far: Stream, byte: u8) {
    assert_eq!(peer(&near).unwrap(), user());
    assert_eq!(peer(&far).unwrap(), user());
    near.write_all(&[byte]).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), byte);
    far.write_all(&[byte, byte]).await.unwrap();
    drop(far);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [byte, byte]);
}

#[tokio::test]
async fn a_socket_of_a_folder_is_found_by_its_name_until_nothing_listens() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Directory::open(scratch.path()).unwrap();
    let absent = kind_of_refusal(&folder, "a.sock").await;
    assert_eq!(absent, io::ErrorKind::NotFound);
    // The second replaces what the first has left.
    for byte in [1, 2] {
        let mut listener = Listener::bind(&folder, "a.sock").unwrap();
        for _ in 0..3 {
            let (near, far) = tokio::join!(connect(&folder, "a.sock"), listener.accept());
            exchange(near.unwrap(), far.unwrap(), byte).await;
        }
        drop(listener);
        let left = kind_of_refusal(&folder, "a.sock").await;
        assert_eq!(left, io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn a_client_that_has_gone_leaves_others_their_turn() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Directory::open(scratch.path()).unwrap();
    let mut listener = Listener::bind(&folder, "a.sock").unwrap();
    drop(connect(&folder, "a.sock").await.unwrap());
    // Some systems accept it, and others say that it has gone.
    drop(listener.accept().await);
    let (near, far) = tokio::join!(connect(&folder, "a.sock"), listener.accept());
    exchange(near.unwrap(), far.unwrap(), 7).await;
}

#[tokio::test]
async fn a_file_of_another_program_is_no_socket_and_stays() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Directory::open(scratch.path()).unwrap();
    fs::write(scratch.path().join("a.sock"), "precious").unwrap();
    assert!(Listener::bind(&folder, "a.sock").is_err());
    assert!(connect(&folder, "a.sock").await.is_err());
    let content = fs::read(scratch.path().join("a.sock")).unwrap();
    assert_eq!(content, b"precious");
}

#[test]
fn a_stamp_differs_once_the_file_is_longer() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    fs::write(&path, "one").unwrap();
    let before = Stamp::of(&fs::metadata(&path).unwrap());
    assert_eq!(Stamp::of(&fs::metadata(&path).unwrap()), before);
    fs::write(&path, "three").unwrap();
    assert_ne!(Stamp::of(&fs::metadata(&path).unwrap()), before);
}

#[test]
fn the_shell_has_the_line_as_it_is_written() {
    let mut command = shell(r#"echo "a b"&& exit 3"#);
    command.stdout(std::process::Stdio::piped());
    let (child, _group) = Group::spawn(&mut command).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim().trim_matches('"'), "a b");
}

#[test]
fn the_uptime_is_never_zero_and_does_not_go_back() {
    let before = uptime();
    assert!(!before.is_zero());
    assert!(uptime() >= before);
}
