use redis::{Cmd, ToRedisArgs};

/// A command of these arguments, the first being its name.
pub(crate) fn command(arguments: &[&[u8]]) -> Cmd {
    let bytes = arguments.iter().map(|argument| argument.len()).sum();
    let mut command = Cmd::with_capacity(arguments.len(), bytes);
    for argument in arguments {
        command.arg(argument);
    }
    command
}

/// A command of one line: words between blanks.
pub(crate) fn text(line: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in line.split_ascii_whitespace() {
        word.write_redis_args(&mut command);
    }
    command
}
