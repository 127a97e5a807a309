//! Reading, with an end: of the file, of the bytes that one call may have, or of the time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::limits::RunClock;

/// What a permit to read gives.
#[derive(Debug)]
pub struct Reader {
    pub(super) file: File,
    pub(super) clock: RunClock,
    /// Bytes, for what has a size.
    pub(super) size: Option<u64>,
}

impl Reader {
    /// Bytes, where that is known beforehand and will not grow unnoticed: of regular files that have any.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }
}

impl Read for Reader {
    /// Waits where there is nothing yet, such as for the writer of a FIFO, but not beyond the end of the run.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.clock.check().map_err(io::Error::other)?;
            if self.size.is_none() {
                let nap = Timespec::try_from(self.clock.nap()).map_err(io::Error::other)?;
                let mut wait = [PollFd::new(&self.file, PollFlags::IN)];
                match poll(&mut wait, Some(&nap)) {
                    Ok(0) | Err(Errno::INTR) => continue,
                    Ok(_) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                answer => return answer,
            }
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}
