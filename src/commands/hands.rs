//! Threads that stay and take one job after the other, so that no job waits for a thread to be made.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

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
        if hands().threads == 0 {
            // Linux mostly puts the first thread of a process on the process's own processor, and the second on one
            // that is idle. The first would stand behind its parent for milliseconds: it has nothing to do.
            drop(thread::Builder::new().spawn(|| {}));
        }
        if thread::Builder::new().spawn(work).is_err() {
            return;
        }
        hands().threads += 1;
    }
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
