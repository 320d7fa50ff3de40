use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;
use std::pin::pin;

use keywell_state::{Name, Secrets};
use keywell_system::terminal::Unseen;

use crate::cli::failed::Failed;
use crate::cli::{output, signal};

/// What a file holds, without a line end behind it.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, Failed> {
    let name = path.display().to_string();
    let file = File::open(path);
    let read = file.and_then(all);
    read.map_err(|error| cannot_read(&name, error))
}

/// What standard input holds, without a line end behind it; on a terminal a line, which is not shown.
pub(super) async fn standard(name: &Name) -> Result<Vec<u8>, Failed> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return all(stdin.lock()).map_err(|error| cannot_read("standard input", error));
    }
    let stop = pin!(signal::stop()?);
    let _unseen = Unseen::begin().map_err(|error| cannot_read("the terminal", error))?;
    output::remark(&format!(
        "Type the secret {name}, which is not shown, and press Enter:"
    ));
    let read = async {
        let line = tokio::task::spawn_blocking(Unseen::line).await;
        line.map_err(io::Error::other)?.map(without_line_end)
    };
    let read = signal::unless(stop, read).await;
    let read = read.map_err(|error| cannot_read("the terminal", error))?;
    read.ok_or_else(|| Failed::Failure("interrupted".to_owned()))
}

/// All of it, but not of an endless one: a byte more than shows that it is too large.
fn all(from: impl Read) -> io::Result<Vec<u8>> {
    const LINE_END: u64 = 2;

    let mut bytes = Vec::new();
    let most = Secrets::MAX_BYTES as u64 + LINE_END + 1;
    from.take(most).read_to_end(&mut bytes)?;
    Ok(without_line_end(bytes))
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

fn cannot_read(name: &str, error: io::Error) -> Failed {
    Failed::because(&format!("cannot read {name}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_left_out_and_an_endless_secret_is_given_up() {
        for (given, read) in [
            (&b"a"[..], &b"a"[..]),
            (b"a\n", b"a"),
            (b"a\r\n", b"a"),
            (b"a\n\n", b"a\n"),
            (b"\n", b""),
            (b"", b""),
            (b"a\r", b"a\r"),
        ] {
            assert_eq!(all(given).unwrap(), read);
        }
        let largest = [vec![b'x'; Secrets::MAX_BYTES], b"\r\n".to_vec()].concat();
        assert_eq!(all(&*largest).unwrap().len(), Secrets::MAX_BYTES);
        assert!(all(io::repeat(b'x')).unwrap().len() > Secrets::MAX_BYTES);
    }
}
