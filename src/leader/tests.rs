//! Terms as they come and go, by leaders that say what they are told to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::engines;

mod redis;

/// Says one thing after the other, the last for ever.
struct Told(Mutex<Vec<Result<Option<Fence>, ()>>>);

struct Shared(Arc<Told>);

impl Leader for Shared {
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>> {
        let mut said = self.0.0.lock().unwrap();
        let next = if said.len() > 1 { said.remove(0) } else { said[0] };
        Box::pin(std::future::ready(next.map_err(|()| StoreError::Closing)))
    }

    fn step_down(&self, _: Fence) -> Answer<'_, ()> {
        self.0.0.lock().unwrap().push(Ok(None));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn work_is_done_in_each_term_and_cut_off_at_its_end() {
    let said = vec![Ok(None), Ok(Some(Fence(1))), Err(()), Ok(Some(Fence(1))), Ok(None), Ok(Some(Fence(4)))];
    let (stop, begun) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
    let leader = Arc::new(Told(Mutex::new(said)));
    let leader_again = Box::new(Shared(Arc::clone(&leader))) as Box<dyn Leader>;
    let (terms, drive) = run(leader_again, Duration::from_millis(180), stop.clone());
    tokio::spawn(drive);
    let fences = Arc::new(Mutex::new(Vec::new()));
    let (counted, seen) = (Arc::clone(&begun), Arc::clone(&fences));
    let working = tokio::spawn(terms.clone().while_leading(stop.clone(), move |leadership| {
        counted.fetch_add(1, Ordering::Relaxed);
        seen.lock().unwrap().push(leadership.fence());
        std::future::pending()
    }));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(*fences.lock().unwrap(), [Fence(1), Fence(4)], "an error alone ends no term");
    assert!(terms.is_leading());
    stop.cancel();
    working.await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(leader.0.lock().unwrap().last(), Some(&Ok(None)), "it was given up");
}

/// A term's end may be known to the work before it is told: nothing spins until then, which would keep the one thread from
/// telling it.
#[tokio::test]
async fn the_end_of_a_term_is_waited_for_until_it_is_told() {
    let (told, current) = tokio::sync::watch::channel(None);
    let ended = CancellationToken::new();
    told.send_replace(Some(Leadership { fence: Fence(1), ended: ended.clone() }));
    let (begun, stop) = (AtomicU32::new(0), CancellationToken::new());
    let work = Terms { current }.while_leading(stop.clone(), |leadership| {
        begun.fetch_add(1, Ordering::Relaxed);
        async move { leadership.ended.cancel() }
    });
    let leading = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        told.send_replace(Some(Leadership { fence: Fence(1), ended: CancellationToken::new() }));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(begun.load(Ordering::Relaxed), 2, "the same fence in a new term");
        drop(told);
        stop.cancel();
    };
    tokio::join!(work, leading);
}
