//! A shopping cart in the variables of a component, which survives `kill -9` of its process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::demo::Then;
use crate::process::{Done, Owned, root, target};
use crate::{build, setup};

const STORES: [&str; 1] = ["disk"];
const WORKER: &str = "alice";
/// What is put into the cart, and how many items it has then.
const ITEMS: [(&str, &str); 3] = [
    ("add-item(\"tea\", 2)", "2"),
    ("add-item(\"coffee\", 1)", "3"),
    ("add-item(\"tea\", 1)", "4"),
];
const CART: &str = "[{product: \"coffee\", quantity: 1}, {product: \"tea\", quantity: 3}]";

/// The program, and the folder that has the journal.
struct Demo {
    program: PathBuf,
    cart: PathBuf,
    folder: PathBuf,
}

/// Shows a cart that survives its process. Runs `program`, or else builds what it needs.
pub(crate) fn worker_demo(then: Then, program: Option<&str>) -> Done {
    let program = if let Some(program) = program {
        Path::new(program).to_owned()
    } else {
        build::build_with_stores("cart", &STORES)?;
        build::program()
    };
    // With --once it is a trial run, perhaps beside another one.
    let name = match then {
        Then::End => format!("demo-worker-{}", std::process::id()),
        Then::ServeOn => "demo-worker".to_owned(),
    };
    let demo = Demo {
        program,
        cart: setup::guest("cart"),
        folder: target().join(name),
    };
    demo.forget()?;
    demo.fill_and_kill()?;
    println!("\nIts process is gone. Another one replays the journal, and has the same variables:");
    let cart = demo.show(&[
        "invoke",
        "--worker",
        WORKER,
        &demo.component(),
        "get-cart()",
    ])?;
    if cart.trim_end() != CART {
        return Err(format!("the cart is another one: {cart}"));
    }
    println!("\nThe journal has all that the worker was asked and did:");
    let log = demo.show(&["worker", "log", WORKER])?;
    if log.matches("returned").count() <= ITEMS.len() {
        return Err("the journal lacks an invocation".to_owned());
    }
    if then == Then::End {
        return demo.forget();
    }
    println!(
        "\nTry more:  target/demo/keywell invoke --worker {WORKER} {} 'checkout()' --store {}",
        demo.component(),
        demo.store()
    );
    Ok(())
}

// === impl Demo ===

impl Demo {
    fn component(&self) -> String {
        let cart = self.cart.strip_prefix(root()).unwrap_or(&self.cart);
        cart.display().to_string()
    }

    fn store(&self) -> String {
        let folder = self.folder.strip_prefix(root()).unwrap_or(&self.folder);
        format!("disk:{}", folder.display())
    }

    /// Removes what an earlier demonstration left.
    fn forget(&self) -> Done {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let folder = self.folder.display();
                Err(format!("cannot remove {folder}: {error}"))
            }
            _ => Ok(()),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let shown = arguments.iter().map(|word| {
            if word.contains('(') {
                format!("'{word}'")
            } else {
                (*word).to_owned()
            }
        });
        let shown: Vec<_> = shown.collect();
        println!("\n$ keywell {} --store {}", shown.join(" "), self.store());
        let mut command = Command::new(&self.program);
        command.current_dir(root()).args(arguments);
        command.args(["--store", &self.store()]);
        command
    }

    /// Puts items into the cart, one after the other in one process, and kills it.
    fn fill_and_kill(&self) -> Done {
        let mut command = self.command(&["invoke", "--worker", WORKER, &self.component(), "-"]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |error: std::io::Error| format!("cannot run keywell: {error}");
        let mut keywell = Owned(command.spawn().map_err(failed)?);
        let (stdin, stdout) = (keywell.0.stdin.take(), keywell.0.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err("keywell has no pipes".to_owned());
        };
        let mut answers = BufReader::new(stdout);
        for (call, expected) in ITEMS {
            println!("{call}");
            writeln!(stdin, "{call}").map_err(failed)?;
            let mut answer = String::new();
            answers.read_line(&mut answer).map_err(failed)?;
            print!("{answer}");
            if answer.trim_end() != expected {
                return Err(format!("{call} is answered {answer:?}"));
            }
        }
        println!("\n$ kill -9 {}", keywell.0.id());
        keywell.0.kill().map_err(failed)?;
        keywell.0.wait().map_err(failed)?;
        Ok(())
    }

    /// Runs the program, and shows what it prints.
    fn show(&self, arguments: &[&str]) -> Done<String> {
        let output = self.command(arguments).output();
        let output = output.map_err(|error| format!("cannot run keywell: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{text}");
        if output.status.success() {
            return Ok(text);
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
