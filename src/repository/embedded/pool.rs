use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Error, schema};

/// How long a reader may wait for a connection: a sender gives up after 60 s.
const WAIT: Duration = Duration::from_secs(30);

/// A few reading connections, opened when first needed.
pub(super) struct Pool {
    database: PathBuf,
    most: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(database: PathBuf, most: usize) -> Self {
        let (state, returned) = (Mutex::default(), Condvar::new());
        Self { database, most: most.max(1), state, returned }
    }

    /// Reads one state of the database.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.lend()?.read(work)
    }

    /// Lends one state of the database, fixed by the first thing that is read of it.
    pub(super) fn lend(&self) -> Result<Lease<'_>, Error> {
        let (mut lease, idle) = self.lease()?;
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.prepare_cached("BEGIN")?.execute(())?;
        lease.connection = Some(connection);
        Ok(lease)
    }

    fn lease(&self) -> Result<(Lease<'_>, Option<Connection>), Error> {
        let state = self.state.lock().map_err(|_| Error::Poisoned)?;
        let (mut state, wait) = self
            .returned
            .wait_timeout_while(state, WAIT, |state| state.lent >= self.most)
            .map_err(|_| Error::Poisoned)?;
        if wait.timed_out() {
            return Err(Error::Busy);
        }
        state.lent += 1;
        let lease = Lease { pool: self, connection: None, sound: Cell::new(true) };
        Ok((lease, state.idle.pop()))
    }

    fn connect(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags)?;
        schema::prepare_reader(&connection)?;
        Ok(connection)
    }
}

/// A place in the pool with a transaction in it; after an error its connection is not used again.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
    sound: Cell<bool>,
}

impl Lease<'_> {
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // there is one until the lease ends
        let result = self.connection.as_ref().ok_or(Error::Busy).and_then(work);
        self.sound.set(self.sound.get() && result.is_ok());
        result
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let sound = connection.filter(|c| self.sound.get() && commit(c).is_ok());
        if let Ok(mut state) = self.pool.state.lock() {
            state.lent = state.lent.saturating_sub(1);
            state.idle.extend(sound);
        }
        self.pool.returned.notify_one();
    }
}

fn commit(connection: &Connection) -> rusqlite::Result<usize> {
    connection.prepare_cached("COMMIT")?.execute(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_reader_is_replaced_and_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pool.db");
        schema::prepare(&Connection::open(&path).unwrap()).unwrap();
        let pool = Pool::new(path, 1);
        for _ in 0..3 {
            assert!(matches!(
                pool.read(|c| Ok(c.execute_batch("SELECT nonsense")?)),
                Err(Error::Database(_))
            ));
            assert!(pool.state.lock().unwrap().idle.is_empty());
            pool.read(|_| Ok(())).unwrap();
            assert_eq!(pool.state.lock().unwrap().idle.len(), 1);
        }
        assert!(pool.read(|c| Ok(c.execute_batch("DELETE FROM patient")?)).is_err());
    }

    #[test]
    fn a_broken_lock_is_an_error() {
        let pool = Pool::new("/nowhere/pool.db".into(), 1);
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = pool.state.lock().unwrap();
            panic!("on purpose");
        }));
        assert!(broken.is_err());
        assert!(matches!(pool.read(|_| Ok(())), Err(Error::Poisoned)));
    }
}
