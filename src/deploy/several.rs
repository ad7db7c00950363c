//! Several pieces of work, each after those that it depends on, and only so many at the same time.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn<T> {
    /// It was done, well or badly.
    Ended(T),
    /// It never began, for this one ended badly.
    NotBegun(usize),
}

/// Does the work of each index of `after`, whose entry says what comes before it, `parallel` pieces at the same time.
/// What depends on a piece that did not end `well` does not begin; the others go on. Work that waits for itself, be it
/// through others, does not begin.
pub async fn in_turn<T>(
    after: &[Vec<usize>],
    parallel: usize,
    work: impl AsyncFn(usize) -> T,
    well: impl Fn(&T) -> bool,
) -> Vec<Turn<T>> {
    let mut turns: Vec<Option<Turn<T>>> = after.iter().map(|_| None).collect();
    let mut begun = vec![false; after.len()];
    let mut under_way = FuturesUnordered::new();
    let work = &work;
    loop {
        bar(after, &mut turns, &mut begun, &well);
        for (index, before) in after.iter().enumerate() {
            let free = before.iter().all(|other| matches!(turns.get(*other), Some(Some(Turn::Ended(_)))));
            if under_way.len() < parallel.max(1) && !begun[index] && free {
                begun[index] = true;
                under_way.push(async move { (index, work(index).await) });
            }
        }
        let Some((index, ended)) = under_way.next().await else { break };
        turns[index] = Some(Turn::Ended(ended));
    }
    turns.into_iter().enumerate().map(|(index, turn)| turn.unwrap_or(Turn::NotBegun(index))).collect()
}

/// Notes what cannot begin any more, and because of which failure.
fn bar<T>(
    after: &[Vec<usize>],
    turns: &mut [Option<Turn<T>>],
    begun: &mut [bool],
    well: &impl Fn(&T) -> bool,
) {
    let mut told = true;
    while told {
        told = false;
        for (index, before) in after.iter().enumerate() {
            if begun[index] {
                continue;
            }
            let failed = before.iter().find_map(|other| match turns.get(*other)?.as_ref()? {
                Turn::Ended(ended) if !well(ended) => Some(*other),
                Turn::NotBegun(because) => Some(*because),
                Turn::Ended(_) => None,
            });
            if let Some(because) = failed {
                turns[index] = Some(Turn::NotBegun(because));
                begun[index] = true;
                told = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// Work that takes a few turns of the scheduler: how it ended, in what order it ended, and how many were at it at
    /// most.
    fn check(after: &[&[usize]], parallel: usize, bad: &[usize], expected: &[&str]) -> (Vec<usize>, usize) {
        let after: Vec<Vec<usize>> = after.iter().map(|before| before.to_vec()).collect();
        let (order, at_work, most) = (RefCell::new(Vec::new()), Cell::new(0), Cell::new(0));
        let work = async |index: usize| {
            at_work.set(at_work.get() + 1);
            most.set(most.get().max(at_work.get()));
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            at_work.set(at_work.get() - 1);
            order.borrow_mut().push(index);
            !bad.contains(&index)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turns = runtime.block_on(in_turn(&after, parallel, work, |ended| *ended));
        let said: Vec<String> = turns
            .iter()
            .map(|turn| match turn {
                Turn::Ended(true) => "well".to_owned(),
                Turn::Ended(false) => "badly".to_owned(),
                Turn::NotBegun(because) => format!("not for {because}"),
            })
            .collect();
        assert_eq!(said, expected);
        (order.into_inner(), most.get())
    }

    #[test]
    fn what_depends_on_another_comes_after_it() {
        let (order, most) = check(&[&[1, 2], &[2], &[], &[]], 8, &[], &["well"; 4]);
        assert_eq!(most, 2);
        let place = |index: usize| order.iter().position(|it| *it == index);
        assert!(place(2) < place(1) && place(1) < place(0), "{order:?}");
    }

    #[test]
    fn no_more_are_at_work_than_are_wanted() {
        for parallel in [0, 1, 3, 20, 50] {
            let (order, most) = check(&[&[][..]; 20], parallel, &[], &["well"; 20]);
            assert_eq!((order.len(), most), (20, parallel.clamp(1, 20)));
        }
    }

    #[test]
    fn a_failure_stops_what_depends_on_it_and_nothing_else() {
        let after: [&[usize]; 5] = [&[], &[0], &[1], &[], &[3]];
        check(&after, 2, &[0], &["badly", "not for 0", "not for 0", "well", "well"]);
        check(&[&[1], &[0], &[]], 2, &[], &["not for 0", "not for 1", "well"]);
    }
}
