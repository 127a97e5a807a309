//! Copying, moving and linking: two ends, and a decision for each.

use std::sync::Arc;

use super::{Answer, MAX_ENTRIES, about};
use crate::capability::{Failure, State};
use crate::gate::{Asked, Chmod, Chown, Create, Delete, Move, Named, Open, Permit, Read, Resource as _, With, Write};
use crate::platform::{AbsolutePath, Destination, Kind, Links, Located, Name, Object, Rights, Vacancy, parent};
use crate::policy::EntityType::{Dir, File};
use crate::policy::Facts;
use crate::sandbox::bindings::rex::host::file_system::{CopyFlags, MoveFlags};
use crate::sandbox::bindings::rex::host::types::ErrorKind;

/// What a backup has after its name.
const BACKUP: &str = "~";

impl State {
    pub(super) fn copy_path(&mut self, source: &str, destination: &str, options: CopyFlags) -> Answer<()> {
        let (source, destination) = (AbsolutePath::parse(source)?, AbsolutePath::parse(destination)?);
        let (kind, object) = self.open_object(&source, Links::Follow)?;
        let target = self.locate(&destination, Links::Follow)?;
        self.permit_parent(&destination, &target)?;
        let (from, to) = (Asked { kind, path: source.as_str() }, Asked { kind: File, path: destination.as_str() });
        let target = match target {
            Located::Found(object) => Located::Found(self.gate.permit::<Open, _>(to, object)?.into_resource()),
            Located::Missing(vacancy) => Located::Missing(self.gate.permit::<Open, _>(to, vacancy)?.into_resource()),
        };
        if object.kind() != Kind::File {
            return Err(super::wrong_type(&source, "a regular file", object.kind()));
        }
        let read = self.gate.permit::<Read, _>(from, object)?;
        match target {
            Located::Found(object) => self.copy_over((&read, &source), object, &destination, options).map(|_| ()),
            Located::Missing(vacancy) => {
                let vacancy = self.gate.permit::<Write, _>(to, vacancy)?.into_resource();
                let vacancy = self.makeable(to, vacancy)?;
                let kept = kept(&read, options, &source)?;
                if kept.as_ref().is_some_and(|kept| !kept.are_our_own()) {
                    let _ = self.gate.permit::<Chown, _>(to, Named(File, vacancy.describe().1))?;
                }
                let permit = self.gate.permit::<Create, _>(to, vacancy)?;
                self.files.copy_new(&read, permit, kept.as_ref(), &self.clock).map_err(|error| about(to.path, error))
            }
        }
    }

    /// Copies over a file that is there.
    pub(super) fn copy_over(
        &mut self,
        (source, from): (&Permit<Read, Arc<Object>>, &AbsolutePath),
        target: Arc<Object>,
        path: &AbsolutePath,
        options: CopyFlags,
    ) -> Answer<Arc<Object>> {
        let asked = Asked { kind: File, path: path.as_str() };
        if target.kind() != Kind::File {
            return Err(super::wrong_type(path, "a regular file", target.kind()));
        }
        let permit = self.gate.permit::<Write, _>(asked, target)?;
        if !options.contains(CopyFlags::FORCE) && !Object::is_empty(&permit).map_err(|error| about(asked.path, error))? {
            let message = format!("{:?} is not empty: to replace what is in it, set force", asked.path);
            return Err(Failure::of(ErrorKind::DestinationFileNotEmptyError, message));
        }
        let kept = kept(source, options, from)?;
        if let Some(kept) = &kept {
            // What is kept of the source takes the place of what the target had.
            let had = Object::rights(&permit).map_err(|error| about(asked.path, error))?;
            if !kept.have_owner_of(&had) {
                let _ = self.gate.permit::<Chown, _>(asked, Arc::clone(permit.resource()))?;
            }
            if !kept.have_permissions_of(&had) {
                let _ = self.gate.permit::<Chmod, _>(asked, Arc::clone(permit.resource()))?;
            }
        }
        Object::copy_over(source, &permit, kept.as_ref(), &self.clock).map_err(|error| about(asked.path, error))
    }

    pub(super) fn move_path(&mut self, source: &str, destination: &str, options: MoveFlags) -> Answer<()> {
        let (source, destination) = (AbsolutePath::parse(source)?, AbsolutePath::parse(destination)?);
        let (kind, object) = self.open_object(&source, Links::Keep)?;
        self.move_object(object, Asked { kind, path: source.as_str() }, &destination, options)
    }

    fn move_object(
        &mut self,
        object: Arc<Object>,
        from: Asked<'_>,
        destination: &AbsolutePath,
        options: MoveFlags,
    ) -> Answer<()> {
        let kind = from.kind;
        let target = self.locate(destination, Links::Keep)?;
        self.permit_parent(destination, &target)?;
        let to = Asked { kind, path: destination.as_str() };
        let canonical = target.path().to_owned();
        let moving = With(Arc::clone(&object), Facts::Destination(canonical.clone()));
        let permit = self.gate.permit_to::<Move, _>(from, to.path, moving)?;
        let target = match target {
            Located::Missing(vacancy) => {
                let vacancy = self.makeable(to, vacancy.as_kind(kind))?;
                Destination::New(self.gate.permit::<Create, _>(to, vacancy)?)
            }
            Located::Found(there) => {
                let _ = self.gate.permit::<Create, _>(to, Arc::clone(&there))?;
                if options.contains(MoveFlags::BACKUP) {
                    return self.move_after_backup(permit, from, there, destination);
                }
                Destination::Over(self.permit_replacing(to, there)?)
            }
        };
        if object.kind() == Kind::Directory {
            self.permit_moving_tree(object, from.path, (&canonical, to.path), &mut 0)?;
        }
        self.files.rename(permit, target, &self.clock).map_err(|error| about(to.path, error))
    }

    fn move_after_backup(
        &mut self,
        permit: Permit<Move, With<Arc<Object>>>,
        from: Asked<'_>,
        there: Arc<Object>,
        destination: &AbsolutePath,
    ) -> Answer<()> {
        let kind = there.describe().0;
        let backup = AbsolutePath::parse(&format!("{}{BACKUP}", destination.as_str()))?;
        self.move_object(there, Asked { kind, path: destination.as_str() }, &backup, MoveFlags::empty())?;
        let With(object, _) = permit.into_resource();
        self.move_object(object, from, destination, MoveFlags::empty())
    }

    /// Leave to put something else in a thing's place: its content goes, and so does its name.
    fn permit_replacing(&mut self, asked: Asked<'_>, there: Arc<Object>) -> Answer<Permit<Delete, Arc<Object>>> {
        let there =
            if there.kind() == Kind::Directory { there } else { self.gate.permit::<Write, _>(asked, there)?.into_resource() };
        Ok(self.gate.permit::<Delete, _>(asked, there)?)
    }

    /// With a directory moves all that is in it, and other statements may hold where it comes to be: a canonical path, and what the caller
    /// called it.
    fn permit_moving_tree(
        &mut self,
        object: Arc<Object>,
        from: &str,
        (canonical, to): (&str, &str),
        count: &mut usize,
    ) -> Answer<()> {
        let directory = self.gate.permit::<Open, _>(Asked { kind: Dir, path: from }, object)?.into_resource();
        for entry in self.list_whole(Arc::clone(&directory), from)?.entries {
            *count += 1;
            if *count > MAX_ENTRIES {
                let message =
                    format!("{from:?}: more than {MAX_ENTRIES} entries would be moved by one call; move parts of it first");
                return Err(self.excess(ErrorKind::InvalidArguments, message));
            }
            let name = Name::parse(&entry.name)?;
            let [from, canonical, to] = [from, canonical, to].map(|directory| format!("{directory}/{}", entry.name));
            let Some(child) = self.child(&directory, &name, &from)? else { continue };
            let kind = child.describe().0;
            let asked = Asked { kind, path: &from };
            let moving = With(Arc::clone(&child), Facts::Destination(canonical.clone()));
            let _ = self.gate.permit_to::<Move, _>(asked, &to, moving)?;
            let _ = self.gate.permit::<Create, _>(Asked { kind, path: &to }, Named(kind, &canonical))?;
            if child.kind() == Kind::Directory {
                self.permit_moving_tree(child, &from, (&canonical, &to), count)?;
            }
        }
        Ok(())
    }

    pub(super) fn link_path(&mut self, existing: &str, path: &str) -> Answer<()> {
        let (existing, path) = (AbsolutePath::parse(existing)?, AbsolutePath::parse(path)?);
        let (kind, object) = self.open_object(&existing, Links::Keep)?;
        let target = self.locate(&path, Links::Keep)?;
        self.permit_parent(&path, &target)?;
        let to = Asked { kind: File, path: path.as_str() };
        let moving = With(object, Facts::Destination(target.path().to_owned()));
        let permit = self.gate.permit_to::<Move, _>(Asked { kind, path: existing.as_str() }, to.path, moving)?;
        let create = self.permit_new(to, target)?;
        if permit.resource().0.kind() != Kind::File {
            return Err(super::wrong_type(&existing, "a regular file", permit.resource().0.kind()));
        }
        self.files.create_link(&permit, create).map_err(|error| about(to.path, error))
    }

    pub(super) fn symlink_path(&mut self, target: &str, path: &str, force: bool) -> Answer<()> {
        let path = AbsolutePath::parse(path)?;
        let asked = Asked { kind: File, path: path.as_str() };
        let located = self.locate(&path, Links::Keep)?;
        self.permit_parent(&path, &located)?;
        if target.is_empty() || target.contains('\0') {
            return Err(Failure::of(ErrorKind::InvalidArguments, format!("{target:?} cannot be what a link points to")));
        }
        match located {
            Located::Found(there) if force && there.kind() == Kind::Symlink => {
                let there = self.gate.permit::<Create, _>(asked, there)?.into_resource();
                let permit = self.gate.permit::<Delete, _>(asked, there)?;
                Object::replace_symlink(permit, target).map_err(|error| about(asked.path, error))
            }
            located => {
                let permit = self.permit_new(asked, located)?;
                self.files.create_symlink(permit, target).map_err(|error| about(asked.path, error))
            }
        }
    }

    pub(super) fn link_target(&mut self, path: &str) -> Answer<String> {
        let path = AbsolutePath::parse(path)?;
        let (kind, object) = self.open_object(&path, Links::Keep)?;
        let asked = Asked { kind, path: path.as_str() };
        let permit = self.gate.permit::<Read, _>(asked, object)?;
        if permit.resource().kind() != Kind::Symlink {
            let message = format!("{:?} is not a symbolic link", path.as_str());
            return Err(Failure::of(ErrorKind::EntryTypeMismatchError, message));
        }
        Object::link_target(&permit).map_err(|error| about(asked.path, error))
    }

    /// Leave to make something where nothing may be yet. What is there is asked about too, or a denial would tell.
    fn permit_new(&mut self, asked: Asked<'_>, located: Located) -> Answer<Permit<Create, Vacancy>> {
        match located {
            Located::Missing(vacancy) => {
                let vacancy = self.makeable(asked, vacancy)?;
                Ok(self.gate.permit::<Create, _>(asked, vacancy)?)
            }
            Located::Found(there) => {
                let _ = self.gate.permit::<Create, _>(asked, there)?;
                Err(Failure::of(ErrorKind::AlreadyExists, format!("{:?} exists already", asked.path)))
            }
        }
    }

    /// A vacancy of which only the last name is missing.
    fn makeable(&mut self, asked: Asked<'_>, vacancy: Vacancy) -> Answer<Vacancy> {
        if vacancy.is_last_only() {
            return Ok(vacancy);
        }
        let permit = self.gate.permit::<Create, _>(asked, vacancy)?;
        Err(super::unreachable(parent(asked.path), permit.resource()))
    }
}

/// What a copy shall keep of its source.
fn kept(source: &Permit<Read, Arc<Object>>, options: CopyFlags, path: &AbsolutePath) -> Answer<Option<Rights>> {
    let rights = options.contains(CopyFlags::PRESERVE).then(|| Object::rights(source));
    rights.transpose().map_err(|error| about(path.as_str(), error))
}
