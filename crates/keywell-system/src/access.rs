use std::path::Path;

/// Who may write to a folder or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The user that it belongs to.
    pub owner: u32,
    /// The user that this process runs as.
    pub user: u32,
    /// Its mode, without the type of the file.
    pub mode: u32,
}

/// What an operator should know about a folder before Keywell writes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// Every user of this machine may write to it.
    Strangers,
    /// The members of its group may write to it.
    Group,
    /// It belongs to root, and this process runs as this user, as often with a bind mount.
    OwnedByRoot(u32),
    /// It belongs to the first of these users, and this process runs as the second.
    OwnedByAnother(u32, u32),
    /// It belongs to this user, and this process runs as root, to which new files will belong.
    RunningAsRoot(u32),
}

const ROOT: u32 = 0;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

// === impl Access ===

impl Access {
    /// Whether every user of this machine may write.
    pub fn is_open_to_strangers(self) -> bool {
        self.mode & OTHERS_WRITE != 0
    }

    /// Whether only this process's user, and root, may write.
    pub fn is_ours_alone(self) -> bool {
        self.owner == self.user && self.mode & (GROUP_WRITES | OTHERS_WRITE) == 0
    }

    /// What an operator should know, the most serious first.
    pub fn concerns(self) -> impl Iterator<Item = Concern> {
        let Self { owner, user, mode } = self;
        let writers = if mode & OTHERS_WRITE != 0 {
            Some(Concern::Strangers)
        } else if mode & GROUP_WRITES != 0 {
            Some(Concern::Group)
        } else {
            None
        };
        let ownership = match (owner, user) {
            (owner, user) if owner == user => None,
            (owner, ROOT) => Some(Concern::RunningAsRoot(owner)),
            (ROOT, user) => Some(Concern::OwnedByRoot(user)),
            (owner, user) => Some(Concern::OwnedByAnother(owner, user)),
        };
        writers.into_iter().chain(ownership)
    }
}

// === impl Concern ===

impl Concern {
    /// What is the matter with this folder or file, and what to do.
    pub fn about(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Strangers => {
                format!("every user of this machine may write to {path}; run `chmod o-w {path}`")
            }
            Self::Group => format!(
                "every member of its group may write to {path}; run `chmod g-w {path}` unless you \
                 trust all of them"
            ),
            Self::OwnedByRoot(user) => format!(
                "{path} belongs to root, and this process runs as user {user}; run \
                 `chown {user} {path}` where it is mounted from"
            ),
            Self::OwnedByAnother(owner, user) => format!(
                "{path} belongs to user {owner}, who can replace every file in it, and this \
                 process runs as user {user}; run it as user {owner}, or choose another folder"
            ),
            Self::RunningAsRoot(owner) => format!(
                "{path} belongs to user {owner}, and this process runs as root, which files made \
                 here will belong to; run it as user {owner}, or run `chown -R {owner} {path}` \
                 afterwards"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concerns(owner: u32, user: u32, mode: u32) -> Vec<Concern> {
        Access { owner, user, mode }.concerns().collect()
    }

    #[test]
    fn a_folder_of_this_user_alone_is_of_no_concern() {
        for (user, mode) in [(0, 0o700), (1000, 0o755), (1000, 0o2750)] {
            assert_eq!(concerns(user, user, mode), []);
            let access = Access {
                owner: user,
                user,
                mode,
            };
            assert!(access.is_ours_alone() && !access.is_open_to_strangers());
        }
    }

    #[test]
    fn who_else_may_write_is_a_concern_and_makes_it_not_ours_alone() {
        let cases = [
            ((1000, 1000, 0o777), vec![Concern::Strangers]),
            ((1000, 1000, 0o1777), vec![Concern::Strangers]),
            ((1000, 1000, 0o702), vec![Concern::Strangers]),
            ((1000, 1000, 0o770), vec![Concern::Group]),
            (
                (0, 1000, 0o2775),
                vec![Concern::Group, Concern::OwnedByRoot(1000)],
            ),
            ((0, 1000, 0o755), vec![Concern::OwnedByRoot(1000)]),
            ((7, 1000, 0o755), vec![Concern::OwnedByAnother(7, 1000)]),
            ((1000, 0, 0o700), vec![Concern::RunningAsRoot(1000)]),
        ];
        for ((owner, user, mode), expected) in cases {
            assert_eq!(concerns(owner, user, mode), expected, "{mode:o}");
            assert!(!Access { owner, user, mode }.is_ours_alone(), "{mode:o}");
        }
    }

    #[test]
    fn each_concern_says_what_to_do_with_which_folder() {
        let about = |concern: Concern| concern.about(Path::new("/srv/data"));
        assert!(about(Concern::Strangers).contains("`chmod o-w /srv/data`"));
        assert!(about(Concern::Group).contains("`chmod g-w /srv/data`"));
        assert!(about(Concern::OwnedByRoot(7)).contains("`chown 7 /srv/data`"));
        assert!(about(Concern::OwnedByAnother(7, 8)).contains("run it as user 7"));
        let root = about(Concern::RunningAsRoot(7));
        assert!(root.contains("/srv/data belongs to user 7") && root.contains("`chown -R 7 "));
    }
}
