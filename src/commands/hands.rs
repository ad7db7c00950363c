//! Threads that stay and take one job after the other, so that no job waits for a thread to be made.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::{io, thread};

/// The most threads beside the caller's, however much there is to do.
const MOST: usize = 7;

type Job = Box<dyn FnOnce() + Send>;

/// The threads, and what nobody has taken yet.
struct Hands {
    todo: VecDeque<Job>,
    threads: usize,
}

static HANDS: Mutex<Hands> = Mutex::new(Hands { todo: VecDeque::new(), threads: 0 });
static MORE: Condvar = Condvar::new();

/// Has something done by another thread.
pub(super) fn beside(job: impl FnOnce() + Send + 'static) {
    at_least(1);
    hands().todo.push_back(Box::new(job));
    MORE.notify_one();
}

/// Does the same work for each item, some at the same time; the results are in the order of the items.
pub(super) fn side_by_side<T, R>(items: Vec<T>, work: impl Fn(T) -> R + Send + Sync + 'static) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let work = Arc::new(work);
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return Vec::new() };
    if items.len() > 1 {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        at_least(items.len().min(processors.saturating_sub(1)));
    }
    let others: Vec<_> = items
        .map(|item| {
            let (done, result) = mpsc::sync_channel(1);
            let work = work.clone();
            beside(move || drop(done.send(panic::catch_unwind(AssertUnwindSafe(|| work(item))))));
            result
        })
        .collect();
    let mut results = vec![work(first)];
    while let Some(job) = next() {
        job();
    }
    results.extend(others.into_iter().map(|result| {
        let result = result.recv().expect("a job sends its result, or how it panicked");
        result.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }));
    results
}

/// Sees to it that there are so many threads, within bounds, or as many as the system gives: who waits for a job does
/// what nobody has taken.
fn at_least(wanted: usize) {
    while hands().threads < wanted.min(MOST) {
        let spawned = if hands().threads == 0 { spawn_elsewhere() } else { spawn(work) };
        if spawned.is_err() {
            return;
        }
        hands().threads += 1;
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(work).map(drop)
}

/// A thread on another processor than the caller's, where there is one. Linux puts one of a process's first two
/// threads on the process's own processor, now the first and now the second, where it stands in its parent's way for
/// milliseconds. So two are made, and the one that is elsewhere stays.
#[cfg(target_os = "linux")]
fn spawn_elsewhere() -> io::Result<()> {
    let home = processor();
    // Whether the first of them to come stays.
    let first_stays = Arc::new(Mutex::new(None));
    let come = move || {
        let stays = {
            let mut first_stays = first_stays.lock().unwrap_or_else(PoisonError::into_inner);
            match *first_stays {
                None => *first_stays.insert(processor() != home),
                Some(stays) => !stays,
            }
        };
        if stays {
            work();
        }
    };
    spawn(come.clone())?;
    spawn(come)
}

#[cfg(target_os = "linux")]
fn processor() -> Option<usize> {
    nix::sched::sched_getcpu().ok()
}

#[cfg(not(target_os = "linux"))]
fn spawn_elsewhere() -> io::Result<()> {
    spawn(work)
}

/// One job after the other, for as long as the process lives.
fn work() {
    loop {
        drop(MORE.wait_while(hands(), |hands| hands.todo.is_empty()));
        if let Some(job) = next() {
            job();
        }
    }
}

fn next() -> Option<Job> {
    hands().todo.pop_front()
}

fn hands() -> MutexGuard<'static, Hands> {
    HANDS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_however_many_there_are() {
        let items: Vec<u64> = (0..50).collect();
        let squares = side_by_side(items.clone(), |item| {
            thread::sleep(std::time::Duration::from_micros(500 - item * 10));
            item * item
        });
        assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
        assert!(side_by_side(Vec::<u8>::new(), |item| item).is_empty());
        assert!((1..=MOST).contains(&hands().threads), "{}", hands().threads);
    }

    #[test]
    fn a_panic_is_the_callers() {
        let of = |bad: usize| move || side_by_side(vec![0, 1, 2], move |item| assert_ne!(item, bad, "no"));
        for bad in [0, 2] {
            let panic = panic::catch_unwind(of(bad)).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("no"), "{bad}");
        }
        assert_eq!(side_by_side(vec![1, 2], |item| item + 1), [2, 3], "the threads go on");
    }
}
