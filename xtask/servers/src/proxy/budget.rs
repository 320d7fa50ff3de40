use super::frames::Frames;

/// What may still pass in one direction before all is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Budget {
    Bytes(u64),
    Frames(u64),
}

/// How much of a piece may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    All,
    /// So many bytes, and then the connection is cut.
    Only(usize),
}

/// Counts what passes against a budget, if there is one. `frames` has seen all that passed before.
pub(super) fn spend(budget: &mut Option<Budget>, frames: &mut Frames, bytes: &[u8]) -> Pass {
    let mut passed = 0;
    while let Some(end) = frames.advance(&bytes[passed..]) {
        passed += end;
        if let Some(Budget::Frames(left)) = budget {
            *left = left.saturating_sub(1);
            if *left == 0 {
                *budget = None;
                return Pass::Only(passed);
            }
        }
    }
    if let Some(Budget::Bytes(left)) = budget {
        let wanted = bytes.len() as u64;
        if *left <= wanted {
            let only = usize::try_from(*left).unwrap_or(bytes.len());
            *budget = None;
            return Pass::Only(only);
        }
        *left -= wanted;
    }
    Pass::All
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_of_commands_ends_with_a_command() {
        let two = b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n";
        let mut frames = Frames::default();
        let mut budget = Some(Budget::Frames(1));
        assert_eq!(spend(&mut budget, &mut frames, two), Pass::Only(14));
        assert!(budget.is_none());
    }

    #[test]
    fn a_budget_of_bytes_ends_within_a_command() {
        let mut frames = Frames::default();
        let mut budget = Some(Budget::Bytes(20));
        let ping = b"*1\r\n$4\r\nPING\r\n";
        assert_eq!(spend(&mut budget, &mut frames, ping), Pass::All);
        assert_eq!(spend(&mut budget, &mut frames, ping), Pass::Only(6));
    }
}
