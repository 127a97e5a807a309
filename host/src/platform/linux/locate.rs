//! Finding objects without doing anything to them.
//!
//! Every handle made here is O_PATH: it names an object and can neither read nor change it, and opening it starts no device, waits
//! for nobody and creates nothing. The kernel walks paths in one go (openat2) and never through the magic links of /proc.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{self as sys, AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::gate::Resource;
use crate::platform::path::join;
use crate::platform::{AbsolutePath, Error, Kind, Links, Located, Name, parent};
use crate::policy::EntityType;

/// Links in the last component that are followed before a path counts as a loop. It is Linux's own number.
const MAX_LINKS: usize = 40;
/// How often a walk that a concurrent rename disturbed is tried again.
const MAX_TRIES: usize = 128;

const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The file systems of this machine.
#[derive(Debug)]
pub struct FileSystem {
    root: Arc<OwnedFd>,
    /// /proc/self/fd, where the kernel tells the path of a handle and opens it anew with other rights.
    pub(super) descriptors: Arc<OwnedFd>,
}

/// An object that was found, under the path that it really had then.
#[derive(Debug)]
pub struct Object {
    pub(super) handle: Arc<OwnedFd>,
    pub(super) descriptors: Arc<OwnedFd>,
    pub(super) place: Option<Place>,
    path: String,
    kind: Kind,
    pub(super) identity: Identity,
}

/// Where an object stands; the root stands nowhere.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) parent: Arc<OwnedFd>,
    pub(super) name: String,
}

/// What makes an object this one and no other, as long as a handle keeps it from being used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// What is not there: the directory down to which the path exists, and the names below it that do not.
#[derive(Debug)]
pub struct Vacancy {
    pub(super) base: Arc<OwnedFd>,
    pub(super) descriptors: Arc<OwnedFd>,
    /// Of which the first `depth` lead here. All steps of a path share them: copies would be as many as its length squared.
    names: Arc<[String]>,
    depth: usize,
    base_path: String,
    path: String,
    kind: EntityType,
    cause: io::Error,
    /// Whether only a directory could be there.
    directory: bool,
}

impl FileSystem {
    /// Looks at the root and at /proc.
    ///
    /// # Errors
    ///
    /// On a kernel without openat2 (before 5.6, or forbidden by a container's filter), and where /proc is not the kernel's.
    pub fn open() -> Result<Self, Error> {
        let root = look(sys::CWD, "/", OFlags::DIRECTORY).map_err(|errno| match errno {
            Errno::NOSYS | Errno::PERM => Error::Unsupported(
                "this kernel does not offer openat2, without which no path can be opened safely: Linux 5.6 or newer is needed",
            ),
            other => Error::Io(other.into()),
        })?;
        const NO_PROC: Error =
            Error::Unsupported("/proc is not the kernel's, so that the path of an opened file cannot be known");
        let descriptors = match sys::open("/proc/self/fd", LOOK | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(NO_PROC),
            descriptors => descriptors.map_err(io::Error::from)?,
        };
        if sys::fstatfs(&descriptors).map_err(io::Error::from)?.f_type != sys::PROC_SUPER_MAGIC {
            return Err(NO_PROC);
        }
        Ok(Self { root: Arc::new(root), descriptors: Arc::new(descriptors) })
    }

    /// Finds what a path leads to. What cannot be reached counts as missing; the cause is for those who may know.
    ///
    /// # Errors
    ///
    /// On a system that offers no safe way to find it.
    pub fn locate(&self, path: &AbsolutePath, links: Links) -> Result<Located, Error> {
        let relative = path.as_str().trim_start_matches('/');
        let located = match self.walk(Arc::clone(&self.root), relative.to_owned(), links) {
            // Nobody may learn from the error what they may not open.
            Err(Error::Io(error)) => Located::Missing(self.unnameable(path.as_str().to_owned(), error)),
            located => located?,
        };
        match located {
            Located::Found(object) if path.demands_directory() && object.kind != Kind::Directory => match &object.place {
                Some(place) => self.vacancy(&place.parent, &place.name, Errno::NOTDIR).map(Located::Missing),
                None => Ok(Located::Found(object)),
            },
            Located::Missing(vacancy) => {
                Ok(Located::Missing(Vacancy { directory: vacancy.directory || path.demands_directory(), ..vacancy }))
            }
            located => Ok(located),
        }
    }

    /// Finds an entry of an open directory.
    ///
    /// # Errors
    ///
    /// As [`Self::locate`].
    pub fn locate_in(&self, directory: &Object, name: &Name, links: Links) -> Result<Located, Error> {
        match self.walk(Arc::clone(&directory.handle), name.as_str().to_owned(), links) {
            Err(Error::Io(error)) => Ok(Located::Missing(self.unnameable(join(directory.path(), name.as_str()), error))),
            located => located,
        }
    }

    /// The same object under the path that it has by now: it, or a directory that it is in, may have been moved since it was found. What has no
    /// name any more keeps its last.
    ///
    /// # Errors
    ///
    /// [`Error::Exchanged`] when the path that it has by now cannot be told.
    pub fn find_again(&self, object: &Arc<Object>) -> Result<Arc<Object>, Error> {
        let path = match path_of(&self.descriptors, &object.handle) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::clone(object)),
            path => path?,
        };
        if path == object.path {
            return Ok(Arc::clone(object));
        }
        match self.walk(Arc::clone(&self.root), path.trim_start_matches('/').to_owned(), Links::Keep)? {
            Located::Found(found) if found.identity == object.identity => Ok(found),
            _ => Err(Error::Exchanged),
        }
    }

    fn walk(&self, mut base: Arc<OwnedFd>, mut rest: String, links: Links) -> Result<Located, Error> {
        for _ in 0..MAX_LINKS {
            let (above, name) = match rest.rsplit_once('/') {
                Some((above, name)) => (above, name),
                None => (".", rest.as_str()),
            };
            if matches!(name, "" | "." | "..") {
                return self.directory_at(&base, &rest);
            }
            // `/x` as a link's target: the directory above x is the root.
            let above = if above.is_empty() { "/" } else { above };
            let parent = match above {
                "." => Arc::clone(&base),
                _ => match look(&base, above, OFlags::DIRECTORY) {
                    Ok(parent) => Arc::new(parent),
                    Err(errno) => return Ok(Located::Missing(self.vacancy(&base, &rest, errno)?)),
                },
            };
            let handle = match look(&parent, name, OFlags::NOFOLLOW) {
                Ok(handle) => handle,
                Err(errno) => return Ok(Located::Missing(self.vacancy(&parent, name, errno)?)),
            };
            let object = self.object(handle, parent, name)?;
            if object.kind != Kind::Symlink || links == Links::Keep {
                return Ok(Located::Found(Arc::new(object)));
            }
            let Some(place) = &object.place else { break };
            if object.is_magic_link()? {
                return Ok(Located::Missing(self.vacancy(&place.parent, &place.name, Errno::LOOP)?));
            }
            let target = sys::readlinkat(&object.handle, "", Vec::new()).map_err(io::Error::from)?;
            let target = target.into_string().map_err(|_| not_utf8())?;
            base = if target.starts_with('/') { Arc::clone(&self.root) } else { Arc::clone(&place.parent) };
            rest = target;
        }
        Ok(Located::Missing(self.vacancy(&base, &rest, Errno::LOOP)?))
    }

    /// A directory that is named by `.`, `..`, a trailing slash or nothing: its name is found out afterwards.
    fn directory_at(&self, base: &Arc<OwnedFd>, rest: &str) -> Result<Located, Error> {
        let handle = match look(base, if rest.is_empty() { "." } else { rest }, OFlags::DIRECTORY) {
            Ok(handle) => handle,
            Err(errno) => return Ok(Located::Missing(self.vacancy(base, rest, errno)?)),
        };
        let path = self.path_of(&handle)?;
        if path == "/" {
            let status = sys::fstat(&handle).map_err(io::Error::from)?;
            return Ok(Located::Found(Arc::new(Object {
                handle: Arc::new(handle),
                descriptors: Arc::clone(&self.descriptors),
                place: None,
                path,
                kind: Kind::Directory,
                identity: Identity::of(&status),
            })));
        }
        let parent = look(&handle, "..", OFlags::DIRECTORY).map_err(io::Error::from)?;
        let name = path.rsplit_once('/').map_or("", |(_, name)| name).to_owned();
        self.object(handle, Arc::new(parent), &name).map(|object| Located::Found(Arc::new(object)))
    }

    pub(super) fn object(&self, handle: OwnedFd, parent: Arc<OwnedFd>, name: &str) -> Result<Object, Error> {
        let status = sys::fstat(&handle).map_err(io::Error::from)?;
        let path = join(&self.path_of(&parent)?, name);
        Ok(Object {
            handle: Arc::new(handle),
            descriptors: Arc::clone(&self.descriptors),
            place: Some(Place { parent, name: name.to_owned() }),
            path,
            kind: kind(FileType::from_raw_mode(status.st_mode)),
            identity: Identity::of(&status),
        })
    }

    /// What would be at a path that leads nowhere. The policy is asked about it as if it were there, so that a denial does not tell. A link
    /// on the way is followed to where it would lead, for the same reason.
    fn vacancy(&self, base: &Arc<OwnedFd>, rest: &str, errno: Errno) -> Result<Vacancy, Error> {
        let mut vacancy = self.vacancy_here(base, rest, errno)?;
        for _ in 0..MAX_LINKS {
            let Some((name, below)) = vacancy.names().split_first() else { break };
            let Ok(link) = look(&vacancy.base, name, OFlags::NOFOLLOW) else { break };
            let Ok(target) = sys::readlinkat(&link, "", Vec::new()) else { break };
            if below.is_empty() && errno != Errno::NOENT {
                break;
            }
            let target = target.into_string().map_err(|_| not_utf8())?;
            let rest = below.iter().fold(target, |path, name| path + "/" + name);
            let directory = vacancy.directory;
            vacancy = self.vacancy_here(&Arc::clone(&vacancy.base), &rest, errno)?;
            vacancy.directory |= directory;
        }
        Ok(vacancy)
    }

    fn vacancy_here(&self, base: &Arc<OwnedFd>, rest: &str, errno: Errno) -> Result<Vacancy, Error> {
        let (mut base, mut known) = (Arc::clone(base), rest);
        if rest.starts_with('/') {
            base = Arc::clone(&self.root);
            known = rest.trim_start_matches('/');
        }
        let relative = known;
        known = known.trim_end_matches('/');
        let relative = relative.trim_end_matches('/');
        // The longest beginning that is a directory.
        let found = loop {
            known = known.rsplit_once('/').map_or("", |(above, _)| above);
            match known {
                "" => break Arc::clone(&base),
                _ => match look(&base, known, OFlags::DIRECTORY) {
                    Ok(handle) => break Arc::new(handle),
                    Err(_) => continue,
                },
            }
        };
        let base_path = self.path_of(&found)?;
        let names = relative.strip_prefix(known).unwrap_or(relative).split('/').filter(|name| !matches!(*name, "" | "."));
        let names: Arc<[String]> = names.map(ToOwned::to_owned).collect();
        let mut vacancy = Vacancy {
            base: found,
            descriptors: Arc::clone(&self.descriptors),
            depth: names.len(),
            names,
            path: String::new(),
            base_path,
            kind: EntityType::File,
            cause: errno.into(),
            directory: rest.ends_with('/'),
        };
        vacancy.path = vacancy.names().iter().fold(vacancy.base_path.clone(), |path, name| match name.as_str() {
            ".." => parent(&path).to_owned(),
            name => join(&path, name),
        });
        Ok(vacancy)
    }

    /// For what has no path that could be named: the policy is asked about the path as it was given.
    fn unnameable(&self, path: String, cause: io::Error) -> Vacancy {
        Vacancy {
            base: Arc::clone(&self.root),
            descriptors: Arc::clone(&self.descriptors),
            names: Arc::default(),
            depth: 0,
            base_path: parent(&path).to_owned(),
            path,
            kind: EntityType::File,
            cause,
            directory: false,
        }
    }

    /// The path that a directory has now.
    fn path_of(&self, directory: &OwnedFd) -> Result<String, Error> {
        path_of(&self.descriptors, directory)
    }
}

fn path_of(descriptors: &OwnedFd, directory: &OwnedFd) -> Result<String, Error> {
    const DELETED: &str = " (deleted)";
    let path =
        sys::readlinkat(descriptors, directory.as_raw_fd().to_string(), Vec::with_capacity(128)).map_err(io::Error::from)?;
    let path = path.into_string().map_err(|_| not_utf8())?;
    if !path.starts_with('/') {
        return Err(Error::Unsupported("the directory cannot be reached from the root of this process"));
    }
    // A directory may have this for a name; one that is gone has no links.
    if path.ends_with(DELETED) && sys::fstat(directory).map_err(io::Error::from)?.st_nlink == 0 {
        return Err(Error::Io(Errno::NOENT.into()));
    }
    Ok(path)
}

/// Opens a handle that can do nothing.
pub(super) fn look(base: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let base: BorrowedFd<'_> = base.as_fd();
    for _ in 0..MAX_TRIES {
        match sys::openat2(base, path, LOOK | flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            answer => return answer,
        }
    }
    Err(Errno::AGAIN)
}

fn not_utf8() -> Error {
    Error::Io(io::Error::new(
        io::ErrorKind::InvalidFilename,
        "the path has a name in it that is not UTF-8, which no policy can name",
    ))
}

impl Identity {
    pub(super) fn of(status: &sys::Stat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino }
    }
}

impl Object {
    /// The canonical path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The file that has taken this one's place.
    pub(super) fn successor(&self, file: impl AsFd) -> Result<Arc<Self>, Error> {
        let file = file.as_fd();
        let place = self.place.as_ref().ok_or(Error::Io(Errno::BUSY.into()))?;
        let handle =
            sys::openat(&self.descriptors, file.as_raw_fd().to_string(), LOOK, Mode::empty()).map_err(io::Error::from)?;
        let status = sys::fstat(&handle).map_err(io::Error::from)?;
        Ok(Arc::new(Self {
            handle: Arc::new(handle),
            descriptors: Arc::clone(&self.descriptors),
            place: Some(Place { parent: Arc::clone(&place.parent), name: place.name.clone() }),
            path: self.path.clone(),
            kind: self.kind,
            identity: Identity::of(&status),
        }))
    }

    /// Whether this is one of the links of /proc whose text is not where they lead.
    fn is_magic_link(&self) -> Result<bool, Error> {
        let Some(place) = &self.place else { return Ok(false) };
        if sys::fstatfs(&self.handle).map_err(io::Error::from)?.f_type != sys::PROC_SUPER_MAGIC {
            return Ok(false);
        }
        // The kernel knows which are: it refuses to follow them.
        Ok(look(&place.parent, &place.name, OFlags::empty()).is_err_and(|errno| errno == Errno::LOOP))
    }

    /// Fails if the object's name stands for something else by now.
    pub(super) fn confirm(&self) -> Result<&Place, Error> {
        let place = self.place.as_ref().ok_or(Error::Io(Errno::BUSY.into()))?;
        let status = sys::statat(&place.parent, &place.name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| match errno {
            Errno::NOENT => Error::Exchanged,
            other => Error::Io(other.into()),
        })?;
        if Identity::of(&status) == self.identity { Ok(place) } else { Err(Error::Exchanged) }
    }
}

impl Resource for Object {
    fn describe(&self) -> (EntityType, &str) {
        (if self.kind == Kind::Directory { EntityType::Dir } else { EntityType::File }, &self.path)
    }
}

impl Vacancy {
    /// Says what would be there: files are what is assumed.
    #[must_use]
    pub fn as_kind(mut self, kind: EntityType) -> Self {
        self.kind = kind;
        self
    }

    /// The names below the base.
    pub(super) fn names(&self) -> &[String] {
        self.names.get(..self.depth).unwrap_or_default()
    }

    /// Why there is nothing.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }

    /// Whether a file could be made here: nothing but its name is missing.
    #[must_use]
    pub fn admits_file(&self) -> bool {
        self.is_last_only() && !self.directory
    }

    /// Whether nothing but the last name is missing.
    #[must_use]
    pub fn is_last_only(&self) -> bool {
        self.depth == 1 && self.is_plainly_missing()
    }

    /// Whether the names below the base could be made.
    #[must_use]
    pub fn is_plainly_missing(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound && self.names().iter().all(|name| name != "..")
    }

    /// This vacancy, and before it those of the directories above that are missing as well, from the top.
    #[must_use]
    pub fn steps(self) -> Vec<Self> {
        let mut path = self.base_path.clone();
        let mut steps = Vec::new();
        for (index, name) in self.names().iter().enumerate() {
            path = join(&path, name);
            steps.push(Self {
                base: Arc::clone(&self.base),
                descriptors: Arc::clone(&self.descriptors),
                names: Arc::clone(&self.names),
                depth: index + 1,
                base_path: self.base_path.clone(),
                path: path.clone(),
                kind: self.kind,
                cause: Errno::NOENT.into(),
                directory: true,
            });
        }
        steps
    }
}

impl Resource for Vacancy {
    fn describe(&self) -> (EntityType, &str) {
        (self.kind, &self.path)
    }
}

pub(super) const fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_path_share_its_names() {
        let path = AbsolutePath::parse("/nothing-of-this-name/b/c").unwrap();
        let Located::Missing(vacancy) = FileSystem::open().unwrap().locate(&path, Links::Keep).unwrap() else { panic!() };
        let steps = vacancy.steps();
        let paths: Vec<_> = steps.iter().map(|step| (step.path.as_str(), step.names().len())).collect();
        assert_eq!(paths, [("/nothing-of-this-name", 1), ("/nothing-of-this-name/b", 2), ("/nothing-of-this-name/b/c", 3)]);
        assert!(steps.iter().all(|step| Arc::ptr_eq(&step.names, &steps[0].names)));
    }
}
