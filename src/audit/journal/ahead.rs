//! The next segment, made while the last one still has room: a commit that had to zero it would keep all waiting.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::fs::{OFlags, fcntl_setfl};

use super::segment::{self, Draft, PAGE_BYTES};

/// Bytes zeroed between two syncs: commits go on meanwhile, and share the disk.
const PIECE_BYTES: u64 = 4 << 20;
/// A disk with less room than so many segments is left to those who need it now.
const SPARE: u64 = 4;
/// Bytes of one direct write.
const DIRECT_BYTES: usize = 512 * 1024;
/// How the name of a segment begins that is being made in this way.
const PREFIX: &str = "blank-";

/// Makes segments ahead of their use; dropping it stops and leaves nothing behind.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Of this journal's writer alone: another process makes its own.
    path: PathBuf,
    stop: Arc<AtomicBool>,
    making: Option<JoinHandle<io::Result<Draft>>>,
    /// Nothing was to be had; not tried again until one was made in another way.
    gave_up: bool,
}

impl Ahead {
    /// `id` is no other writer's.
    pub(super) fn new(folder: &Path, id: &str) -> Self {
        let path = folder.join(format!("{PREFIX}{id}"));
        Self { path, stop: Arc::default(), making: None, gave_up: false }
    }

    /// Begins to make a segment of so many bytes, if none is being made.
    pub(super) fn begin(&mut self, bytes: u64) {
        if self.making.is_some() || self.gave_up {
            return;
        }
        if !self.is_spacious(bytes.saturating_mul(SPARE)) {
            self.gave_up = true;
            return;
        }
        let (path, stop) = (self.path.clone(), Arc::clone(&self.stop));
        let make = move || blank(path, bytes, &stop);
        let thread = std::thread::Builder::new().name("audit-ahead".to_owned()).spawn(make);
        self.gave_up = thread.is_err();
        self.making = thread.ok();
    }

    /// Whether the disk has so much room.
    fn is_spacious(&self, bytes: u64) -> bool {
        let folder = self.path.parent().unwrap_or(&self.path);
        rustix::fs::statvfs(folder)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
    }

    /// The segment, all zeros, once it is made; its name is still none that readers look at.
    pub(super) fn take(&mut self) -> Option<Draft> {
        let made = self.making.take_if(|making| making.is_finished())?;
        match made.join() {
            Ok(Ok(draft)) => Some(draft),
            // on a full disk commits take what room there is
            _ => {
                self.gave_up = true;
                None
            }
        }
    }

    /// There is room again.
    pub(super) fn retry(&mut self) {
        self.gave_up = false;
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(making) = self.making.take() {
            let _stopped = making.join();
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes what writers that were killed had begun: nobody holds its lock any more.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let left_behind = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if left_behind {
                // takes room, and nothing else
                let _gone = std::fs::remove_file(entry.path());
            }
        }
    }
    Ok(())
}

fn blank(path: PathBuf, bytes: u64, stop: &AtomicBool) -> io::Result<Draft> {
    Draft::create(path)?.whole(|file| {
        file.try_lock()?;
        let zeros = vec![0; DIRECT_BYTES.saturating_add(PAGE_BYTES)];
        // direct i/o wants whole pages in memory, too
        let start = zeros.as_ptr().align_offset(PAGE_BYTES);
        let pages = zeros.get(start..start.saturating_add(DIRECT_BYTES)).unwrap_or_default();
        // past the page cache, which would copy them and has no use for them, where the file system lets us
        let mut is_direct = fcntl_setfl(file, OFlags::DIRECT).is_ok();
        let mut done = 0;
        while done < bytes {
            if stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let piece = PIECE_BYTES.min(bytes.saturating_sub(done));
            if is_direct && segment::fill(file, done, piece, pages).is_err() {
                is_direct = false;
                fcntl_setfl(file, OFlags::empty())?;
            }
            if !is_direct {
                segment::zero(file, done, piece)?;
            }
            file.sync_data()?;
            done = done.saturating_add(piece);
        }
        fcntl_setfl(file, OFlags::empty())?;
        file.sync_all()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(ahead: &mut Ahead) -> Option<Draft> {
        while ahead.making.as_ref().is_some_and(|making| !making.is_finished()) {
            std::thread::yield_now();
        }
        ahead.take()
    }

    #[test]
    fn it_is_all_zeros_of_the_length_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut ahead = Ahead::new(folder.path(), "one");
        assert!(ahead.take().is_none());
        ahead.begin(PIECE_BYTES + 5);
        ahead.begin(1);
        let file = take(&mut ahead).unwrap().name(folder.path(), 1).unwrap();
        assert_eq!(file.metadata().unwrap().len(), PIECE_BYTES + 5);
        assert!(segment::is_zero(&file, 0, u64::MAX).unwrap());
    }

    #[test]
    fn where_none_can_be_made_it_gives_up_until_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blank-one");
        std::fs::create_dir(&path).unwrap();
        let mut ahead = Ahead::new(folder.path(), "one");
        ahead.begin(9);
        assert!(take(&mut ahead).is_none());
        std::fs::remove_dir(&path).unwrap();
        ahead.begin(9);
        assert!(ahead.making.is_none());
        ahead.retry();
        ahead.begin(9);
        assert!(take(&mut ahead).is_some());
    }

    #[test]
    fn what_a_small_disk_has_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut ahead = Ahead::new(folder.path(), "one");
        ahead.begin(u64::MAX / SPARE);
        assert!(ahead.making.is_none() && ahead.gave_up);
    }

    #[test]
    fn nothing_stays_behind_but_what_somebody_still_makes() {
        let folder = tempfile::tempdir().unwrap();
        let exists = |id: &str| folder.path().join(format!("{PREFIX}{id}")).exists();
        let mut ahead = Ahead::new(folder.path(), "dropped");
        ahead.begin(64 << 20);
        drop(ahead);
        assert!(!exists("dropped"));
        let mut ahead = Ahead::new(folder.path(), "made");
        ahead.begin(9);
        let held = take(&mut ahead).unwrap();
        drop(Draft::create(folder.path().join("blank-killed")).unwrap());
        clear(folder.path()).unwrap();
        assert!(!exists("killed") && exists("made"));
        drop(held);
    }
}
