//! Encodes records of sectors, as many at once as it was given threads. They work at the lowest priority and are
//! there only while there is something to do: each holds a table of 130 MiB.

use crate::frames;
use allotment_kzg::{erasure, scalar};
use allotment_space::record::{self, EncodedRecord};
use allotment_space::Table;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use thread_priority::{set_current_thread_priority, ThreadPriority};

/// MiB that an encoding takes: its table and what goes in and out.
pub const ENCODING_MEBIBYTES: usize = 160;
/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(30);

/// Encodes a record of 1 MiB by the table of a seed. The error is a sentence.
pub fn encode(table: &mut Table, seed: &[u8; 32], source: &[u8]) -> Result<EncodedRecord, String> {
    let scalars = scalar::many_from_bytes(source).map_err(|error| error.to_string())?;
    let parity = erasure::extend(&scalars).map_err(|error| error.to_string())?;
    table.build(seed);
    Ok(record::encode(
        table,
        source,
        &scalar::many_to_bytes(&parity),
    ))
}

struct Job {
    id: u32,
    seed: [u8; 32],
    record: Vec<u8>,
    given_up: Arc<AtomicBool>,
    answers: Sender<(u32, Vec<u8>)>,
}

impl Job {
    fn run(self, table: &mut Table) {
        if self.given_up.load(Ordering::Relaxed) {
            return;
        }
        let started = Instant::now();
        let answer = match encode(table, &self.seed, &self.record) {
            Ok(record) => frames::encoded(self.id, started.elapsed().as_millis() as u32, &record),
            Err(reason) => frames::refused(self.id, &reason),
        };
        // Nobody may be there any more.
        let _ = self.answers.send((self.id, answer));
    }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
}

/// The plotter that all connections share.
pub struct Plotter {
    threads: usize,
    queue: Mutex<Queue>,
    more: Condvar,
}

impl Plotter {
    /// With so many threads at most; none are started yet.
    pub fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            threads,
            queue: Mutex::default(),
            more: Condvar::new(),
        })
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, job: Job) {
        let mut queue = self.queue();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads == self.threads {
            self.more.notify_one();
            return;
        }
        queue.threads += 1;
        let plotter = Arc::clone(self);
        thread::spawn(move || plotter.work());
    }

    /// Takes jobs that were given up out of the queue, and their records out of memory.
    fn forget_given_up(&self) {
        let is_wanted = |job: &Job| !job.given_up.load(Ordering::Relaxed);
        self.queue().jobs.retain(is_wanted);
    }

    fn work(&self) {
        // Where the system refuses that, it plots all the same.
        let _ = set_current_thread_priority(ThreadPriority::Min);
        let mut table = Table::new();
        while let Some(job) = self.next() {
            job.run(&mut table);
        }
    }

    /// Waits for a job; nothing when there was none for a while, and the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        queue.idle += 1;
        let (mut queue, _) = self
            .more
            .wait_timeout_while(queue, IDLE, |queue| queue.jobs.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.threads -= 1;
        }
        job
    }
}

/// The encodings that one connection waits for; given up with it.
pub struct Encodings {
    plotter: Arc<Plotter>,
    waiting: HashMap<u32, Arc<AtomicBool>>,
    answers: Sender<(u32, Vec<u8>)>,
    finished: Receiver<(u32, Vec<u8>)>,
}

impl Encodings {
    pub fn new(plotter: &Arc<Plotter>) -> Self {
        let (answers, finished) = channel();
        Self {
            plotter: Arc::clone(plotter),
            waiting: HashMap::new(),
            answers,
            finished,
        }
    }

    /// Takes what a page asks; answers at once only what it refuses.
    pub fn take(&mut self, asked: frames::Asked) -> Option<Vec<u8>> {
        match asked {
            frames::Asked::GiveUp { id } => {
                if let Some(given_up) = self.waiting.remove(&id) {
                    given_up.store(true, Ordering::Relaxed);
                    self.plotter.forget_given_up();
                }
                None
            }
            frames::Asked::Encode { id, seed, record } => {
                // As many again as are worked on wait, so that no thread ever does.
                if self.waiting.len() >= 2 * self.plotter.threads || self.waiting.contains_key(&id)
                {
                    return Some(frames::refused(id, "busy"));
                }
                let given_up = Arc::new(AtomicBool::new(false));
                self.waiting.insert(id, Arc::clone(&given_up));
                self.plotter.add(Job {
                    id,
                    seed,
                    record,
                    given_up,
                    answers: self.answers.clone(),
                });
                None
            }
        }
    }

    /// Whether an encoding is waited for.
    pub fn pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// An answer that is ready, if there is one.
    pub fn ready(&mut self) -> Option<Vec<u8>> {
        loop {
            let (id, answer) = self.finished.try_recv().ok()?;
            if self.waiting.remove(&id).is_some() {
                return Some(answer);
            }
        }
    }
}

impl Drop for Encodings {
    fn drop(&mut self) {
        for given_up in self.waiting.values() {
            given_up.store(true, Ordering::Relaxed);
        }
        self.plotter.forget_given_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Asked;

    #[test]
    fn what_is_given_up_waits_no_longer() {
        let plotter = Plotter::new(2);
        // As if all threads were at work: none is started.
        plotter.queue().threads = 2;
        let mut encodings = Encodings::new(&plotter);
        for id in 1..=3 {
            let asked = Asked::Encode {
                id,
                seed: [0; 32],
                record: Vec::new(),
            };
            assert_eq!(encodings.take(asked), None);
        }
        assert_eq!(plotter.queue().jobs.len(), 3);
        assert_eq!(encodings.take(Asked::GiveUp { id: 2 }), None);
        let waiting: Vec<u32> = plotter.queue().jobs.iter().map(|job| job.id).collect();
        assert_eq!(waiting, [1, 3]);
        drop(encodings);
        assert!(plotter.queue().jobs.is_empty());
    }
}
