//! Names of users and groups, each looked up once in a run.

use std::collections::HashMap;

use crate::platform;

/// Names that are remembered at one time, of users and of groups.
const MAX_REMEMBERED: usize = 1024;

/// What was looked up.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Names {
    /// The user's name, or number where it has none.
    pub(super) fn user(&mut self, id: u32) -> String {
        look_up(&mut self.users, id, platform::name_of_user)
    }

    /// The group's name, or number where it has none.
    pub(super) fn group(&mut self, id: u32) -> String {
        look_up(&mut self.groups, id, platform::name_of_group)
    }
}

fn look_up(known: &mut HashMap<u32, String>, id: u32, ask: fn(u32) -> Option<String>) -> String {
    if known.len() >= MAX_REMEMBERED {
        known.clear();
    }
    known.entry(id).or_insert_with(|| ask(id).unwrap_or_else(|| id.to_string())).clone()
}
