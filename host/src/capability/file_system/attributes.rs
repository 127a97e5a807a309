//! What is known about objects besides their content, and changing that.

use std::sync::Arc;

use super::{Answer, about, entry_type};
use crate::capability::{Failure, State};
use crate::gate::{Asked, Chmod, Chown, SetXAttr, Stat, With};
use crate::platform::{self, AbsolutePath, Links, Object};
use crate::policy::Facts;
use crate::sandbox::bindings::rex::host::file_system as wit;
use crate::sandbox::bindings::rex::host::types::ErrorKind;

impl State {
    pub(super) fn stat_object(&mut self, asked: Asked<'_>, object: Arc<Object>) -> Answer<wit::Metadata> {
        let permit = self.gate.permit::<Stat, _>(asked, object)?;
        let metadata = Object::metadata(&permit).map_err(|error| about(asked.path, error))?;
        let moment = |moment: platform::Moment| wit::Moment { seconds: moment.seconds, nanoseconds: moment.nanoseconds };
        Ok(wit::Metadata {
            kind: entry_type(metadata.kind),
            size: metadata.size,
            allocated: metadata.allocated,
            inode: metadata.inode,
            device: metadata.device,
            hard_links: metadata.hard_links,
            permissions: metadata.permissions,
            user: self.names.user(metadata.user_id),
            group: self.names.group(metadata.group_id),
            accessed: moment(metadata.accessed),
            modified: moment(metadata.modified),
            changed: moment(metadata.changed),
        })
    }

    pub(super) fn chmod_object(&mut self, asked: Asked<'_>, object: Arc<Object>, permissions: u32) -> Answer<()> {
        if permissions > 0o777 {
            let message = format!("{:?}: permissions are 0o000 to 0o777, not {permissions:#o}", asked.path);
            return Err(Failure::of(ErrorKind::InvalidFileMode, message));
        }
        let permit = self.gate.permit::<Chmod, _>(asked, object)?;
        Object::set_permissions(&permit, permissions).map_err(|error| about(asked.path, error))
    }

    pub(super) fn chown_object(
        &mut self,
        asked: Asked<'_>,
        object: Arc<Object>,
        user: Option<&str>,
        group: Option<&str>,
    ) -> Answer<()> {
        let permit = self.gate.permit::<Chown, _>(asked, object)?;
        let user = user.map(|user| number("user", user, platform::user_of_name)).transpose()?;
        let group = group.map(|group| number("group", group, platform::group_of_name)).transpose()?;
        Object::set_owner(&permit, user, group).map_err(|error| about(asked.path, error))
    }

    pub(super) fn relabel_object(&mut self, asked: Asked<'_>, object: Arc<Object>, changes: &wit::SelinuxLabel) -> Answer<()> {
        let changes = [("user", &changes.user), ("role", &changes.role), ("type", &changes.type_), ("level", &changes.level)];
        for (part, value) in changes {
            // Categories of a level stand behind a colon; in the other parts it would begin the next.
            let invalid =
                |character: char| character.is_control() || character.is_whitespace() || (character == ':' && part != "level");
            if value.as_ref().is_some_and(|value| value.is_empty() || value.contains(invalid)) {
                let message = format!("{:?}: {value:?} cannot be the {part} of a SELinux label", asked.path);
                return Err(Failure::of(ErrorKind::ValidationError, message));
            }
        }
        let permit = self.gate.permit::<SetXAttr, _>(asked, With(object, Facts::Attribute(platform::SELINUX)))?;
        Object::relabel(&permit, changes.map(|(_, value)| value.as_deref())).map_err(|error| about(asked.path, error))
    }

    pub(super) fn stat_path(&mut self, path: &str, follow: bool) -> Answer<wit::Metadata> {
        let path = AbsolutePath::parse(path)?;
        let (kind, object) = self.open_object(&path, super::links(follow))?;
        self.stat_object(Asked { kind, path: path.as_str() }, object)
    }

    pub(super) fn chmod_path(&mut self, path: &str, permissions: u32) -> Answer<()> {
        let path = AbsolutePath::parse(path)?;
        let (kind, object) = self.open_object(&path, Links::Follow)?;
        self.chmod_object(Asked { kind, path: path.as_str() }, object, permissions)
    }

    pub(super) fn chown_path(&mut self, path: &str, user: Option<&str>, group: Option<&str>, follow: bool) -> Answer<()> {
        let path = AbsolutePath::parse(path)?;
        let (kind, object) = self.open_object(&path, super::links(follow))?;
        self.chown_object(Asked { kind, path: path.as_str() }, object, user, group)
    }
}

/// A name, or a number, of a user or a group.
fn number(what: &str, name: &str, look_up: fn(&str) -> Option<u32>) -> Answer<u32> {
    look_up(name).or_else(|| name.parse().ok().filter(|number| *number != u32::MAX)).ok_or_else(|| {
        Failure::of(
            ErrorKind::IdentityResolutionError,
            format!("there is no {what} with the name or number {name:?} on this machine"),
        )
    })
}
