//! Which users' processes may ask, and which are believed.

/// Root, which may do everything.
const ROOT: u32 = 0;

/// Whether a user may ask a process of another user.
pub(crate) fn may_ask(user: u32, owner: u32) -> bool {
    user == owner || user == ROOT
}

/// Whether a user believes what a process of another user answers. Root looks after all processes.
pub(crate) fn may_answer(owner: u32, user: u32) -> bool {
    owner == user || owner == ROOT || user == ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_of_a_process_and_root_may_ask_it() {
        for (user, owner, may) in [
            (1000, 1000, true),
            (ROOT, 1000, true),
            (1001, 1000, false),
            (1000, ROOT, false),
            (ROOT, ROOT, true),
        ] {
            assert_eq!(may_ask(user, owner), may, "{user} asks {owner}");
        }
    }

    #[test]
    fn a_process_of_a_stranger_is_not_believed() {
        for (owner, user, may) in [
            (1000, 1000, true),
            (ROOT, 1000, true),
            (1000, ROOT, true),
            (1001, 1000, false),
        ] {
            assert_eq!(may_answer(owner, user), may, "{owner} answers {user}");
        }
    }
}
