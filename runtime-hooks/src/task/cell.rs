//! The memory of a task: header, future, outcome.
//!
//! This is the doing to `state`'s deciding. The functions here are unsafe in one way only: they take
//! a pointer to a live cell (**T2**) and act on a part of it that the caller owns by **T1** or
//! **T3**. `Raw` is that pointer; it is `Copy` and owns nothing.

use core::alloc::Layout;
use core::future::Future;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::panic::Location;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use super::list::Links;
use super::locals::Locals;
use super::state::{Duty, Published, State};
use crate::contain::{Payload, contain, contain_quietly, discard};
use crate::hooks::Place;
use crate::sync::UnsafeCell;
use crate::{Capability, Handle, JoinError, Unsupported, current};

/// Facts about a task.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Meta {
    /// A number that no other live task of this program has, as long as fewer than 2³¹ were spawned.
    pub id: u32,
    /// The name given at spawn.
    pub name: Option<&'static str>,
    /// Where it was spawned.
    pub at: &'static Location<'static>,
}

impl Meta {
    /// The facts about a task that is about to be spawned at the caller.
    #[inline]
    #[track_caller]
    pub fn new(name: Option<&'static str>) -> Meta {
        Meta { id: super::runnable::next_id(), name, at: Location::caller() }
    }
}

/// What every cell begins with.
#[repr(C)]
pub(super) struct Header {
    vtable: &'static Vtable,
    pub(super) state: State,
    /// The runtime it belongs to. Not ours to drop if a home lends it (`local`).
    pub(super) rt: ManuallyDrop<Handle>,
    /// The join slot (T3).
    join: UnsafeCell<MaybeUninit<Waker>>,
    /// The host slot (T3).
    host: UnsafeCell<MaybeUninit<Waker>>,
    pub(super) links: Links,
    /// What the task was given at spawn; emptied when it ends (T1).
    locals: UnsafeCell<Locals>,
    pub(super) meta: Meta,
    /// Whose the memory is, if not the heap's. Part of the runtime, which the cell's handle keeps alive
    /// and which is only ever shared: what it lent once stays where it is.
    place: Option<NonNull<dyn Place>>,
    /// For a local task: whose it is. Behind the stage, in the same allocation.
    #[cfg(feature = "std")]
    pub(super) local: Option<NonNull<super::local::Owner>>,
}

/// The operations that know the future's type.
struct Vtable {
    layout: Layout,
    /// Polls; on `Ready` the future is dropped and the outcome stored.
    poll: unsafe fn(Raw, &mut Context<'_>) -> Poll<()>,
    /// Drops the future and stores this outcome.
    finish: unsafe fn(Raw, JoinError),
    /// Moves the outcome out, to a `Result<T, JoinError>`.
    take: unsafe fn(Raw, NonNull<()>),
    /// Drops the outcome, if it was not taken.
    discard: unsafe fn(Raw),
}

#[repr(C)]
struct Cell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

/// A cell that `E` follows.
#[repr(C)]
struct With<F: Future, E> {
    cell: Cell<F>,
    more: E,
}

impl<F: Future, E> With<F, E> {
    /// What knows the future's type knows it as a `Cell<F>`, with which this begins.
    const VTABLE: Vtable = Vtable {
        layout: Layout::new::<With<F, E>>(),
        poll: poll::<F>,
        finish: finish::<F>,
        take: take::<F>,
        discard: drop_outcome::<F>,
    };
}

/// (With a tag of its own: one that hides in an outcome's makes a future's move a move of odd bytes.)
#[repr(usize)]
enum Stage<F: Future> {
    Future(F),
    Outcome(Result<F::Output, JoinError>),
    Empty,
}

/// A pointer to a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Raw(pub(super) NonNull<Header>);

impl Raw {
    /// Lays `future` out in memory of the runtime's place or of the heap.
    ///
    /// The new cell is held by a driver and a join handle (see `State::new`). The caller sees to it
    /// that the handle's `T` is the future's output, and that what is not `Send` stays on its thread.
    pub(super) fn new<F: Future>(rt: Handle, meta: Meta, future: F) -> Result<Raw, Unsupported> {
        let state = State::new(false);
        let (rt, is_lent) = (ManuallyDrop::new(rt), false);
        Raw::lay_out((rt, is_lent), allocate, meta, state, (), future).map(|with| Raw(with.cast()))
    }

    /// The same for a local task, whose state word may be plain, and whose runtime may be lent.
    /// `memory` answers as [`allocate`] does.
    #[cfg(feature = "std")]
    #[inline]
    pub(super) fn new_local<F: Future>(
        rt: ManuallyDrop<Handle>,
        meta: Meta,
        owner: super::local::Owner,
        memory: impl FnOnce(&Handle, Layout) -> Result<Allocated, Unsupported>,
        future: F,
    ) -> Result<Raw, Unsupported> {
        let state = State::new(owner.is_lodger());
        let is_lent = owner.is_lent();
        let with = Raw::lay_out((rt, is_lent), memory, meta, state, owner, future)?;
        // SAFETY: it was just laid out, and nobody else knows it yet; what is inside is not null.
        unsafe {
            let owner = NonNull::new_unchecked(&raw mut (*with.as_ptr()).more);
            (*with.as_ptr()).cell.header.local = Some(owner);
        }
        Ok(Raw(with.cast()))
    }

    #[inline]
    fn lay_out<F: Future, E>(
        (rt, is_lent): (ManuallyDrop<Handle>, bool),
        memory: impl FnOnce(&Handle, Layout) -> Result<Allocated, Unsupported>,
        meta: Meta,
        state: State,
        more: E,
        future: F,
    ) -> Result<NonNull<With<F, E>>, Unsupported> {
        let (memory, place) = match memory(&rt, Layout::new::<With<F, E>>()) {
            Ok(allocated) => allocated,
            Err(error) => {
                if !is_lent {
                    drop(ManuallyDrop::into_inner(rt));
                }
                return Err(error);
            }
        };
        let header = Header {
            vtable: &With::<F, E>::VTABLE,
            state,
            rt,
            join: UnsafeCell::new(MaybeUninit::uninit()),
            host: UnsafeCell::new(MaybeUninit::uninit()),
            links: Links::new(),
            locals: UnsafeCell::new(Locals::handed_on()),
            meta,
            place,
            #[cfg(feature = "std")]
            local: None,
        };
        let with: NonNull<With<F, E>> = memory.cast();
        // SAFETY: this is memory of this layout, and nobody else knows it yet. (Part by part: a whole
        // that is put together first is copied in pieces that do not match those it was written in.)
        unsafe {
            let with = with.as_ptr();
            (&raw mut (*with).cell.header).write(header);
            (&raw mut (*with).cell.stage).write(UnsafeCell::new(Stage::Future(future)));
            (&raw mut (*with).more).write(more);
        }
        Ok(with)
    }

    /// The header.
    ///
    /// # Safety
    ///
    /// The cell is alive for `'a` (T2).
    pub(super) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: alive, says the caller; the header is only ever shared.
        unsafe { self.0.as_ref() }
    }

    /// Polls the future with the task's runtime current.
    ///
    /// # Safety
    ///
    /// The caller is the driver and the task is not done (T1).
    #[inline]
    pub(super) unsafe fn poll(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: a driver keeps the cell alive.
        let header = unsafe { self.header() };
        // SAFETY: the stage is ours, says the caller.
        let poll = || unsafe { (header.vtable.poll)(self, cx) };
        // SAFETY: so are the locals.
        current::set_task(&header.rt, || unsafe { self.with_locals(poll) })
    }

    /// Drops the future, with the runtime entered, and stores `error` as the outcome.
    ///
    /// # Safety
    ///
    /// As [`Raw::poll`].
    pub(super) unsafe fn finish(self, error: JoinError) {
        // SAFETY: a driver keeps the cell alive.
        let header = unsafe { self.header() };
        // SAFETY: the stage is ours, says the caller.
        let finish = || unsafe { (header.vtable.finish)(self, error) };
        // SAFETY: so are the locals.
        header.rt.enter(|| unsafe { self.with_locals(finish) });
    }

    /// Calls `f` with the task's locals as the current ones.
    ///
    /// # Safety
    ///
    /// The caller is the driver and the task is not done (T1).
    #[inline]
    unsafe fn with_locals<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: alive and ours, says the caller; nobody writes to them before the end.
        unsafe { self.header().locals.with(|locals| (*locals).scope(f)) }
    }

    /// Drops the task's locals.
    ///
    /// # Safety
    ///
    /// As [`Raw::with_locals`], of which none is under way.
    #[inline]
    unsafe fn drop_locals(self) {
        // SAFETY: alive and ours, says the caller.
        let header = unsafe { self.header() };
        // SAFETY: as above.
        let locals = header.locals.with_mut(|locals| unsafe { core::mem::take(&mut *locals) });
        if !locals.is_empty() {
            drop_with(&header.rt, locals);
        }
    }

    /// After the outcome is stored: unlinks, publishes, wakes the joiner, lets go.
    ///
    /// # Safety
    ///
    /// The caller is the driver, and stored an outcome. If it is not `hosted`, it holds the cell no
    /// longer afterwards.
    #[inline]
    pub(super) unsafe fn complete(self, hosted: bool) {
        // SAFETY: a driver keeps the cell alive until `publish` without duties, or `release_driver`.
        let header = unsafe { self.header() };
        // SAFETY: we are the driver, and the future is dropped.
        unsafe { self.drop_locals() };
        header.links.unlink(self);
        #[cfg(feature = "std")]
        // SAFETY: alive, and the caller is its driver.
        unsafe {
            super::local::ends(self);
        }
        let published = header.state.publish(hosted);
        if !hosted && !published.wake_joiner && !published.unclaimed {
            return; // the cell may be gone already
        }
        // SAFETY: the driver's reference was kept for what is owed.
        unsafe { self.pay(published, hosted) };
    }

    /// The rest of [`complete`](Raw::complete).
    ///
    /// # Safety
    ///
    /// The caller is the driver, and `published` what it was answered.
    #[inline(never)]
    unsafe fn pay(self, published: Published, hosted: bool) {
        // SAFETY: a driver keeps the cell alive until `release_driver`.
        let header = unsafe { self.header() };
        if published.host_waker {
            // SAFETY: `publish` cleared `HOST`, so the slot is ours (T3).
            drop_quietly(unsafe { self.take_host() });
        }
        if published.unclaimed {
            // SAFETY: there was no handle when `DONE` was set, so the outcome is ours (T1).
            unsafe { self.drop_outcome() };
        }
        if published.wake_joiner {
            // SAFETY: we set `DONE` and found `AWAITED`, so the slot is ours (T3).
            let waker = unsafe { self.take_join() };
            contain_quietly(|| waker.wake());
        }
        if !hosted {
            // SAFETY: the driver's reference is ours to give up.
            unsafe { self.release(header.state.release_driver()) };
        }
    }

    /// Moves the outcome out.
    ///
    /// # Safety
    ///
    /// The outcome is the caller's (T1), is still there, and `T` is the future's output.
    pub(super) unsafe fn take<T>(self) -> Result<T, JoinError> {
        let mut outcome = MaybeUninit::<Result<T, JoinError>>::uninit();
        let to = NonNull::from(&mut outcome).cast();
        // SAFETY: ours and alive, says the caller; `to` has room for exactly this type.
        unsafe { (self.header().vtable.take)(self, to) };
        // SAFETY: `take` wrote it.
        unsafe { outcome.assume_init() }
    }

    /// Drops the outcome if it is still there, with the runtime current.
    ///
    /// # Safety
    ///
    /// It is the caller's (T1).
    pub(super) unsafe fn drop_outcome(self) {
        // SAFETY: alive and ours, says the caller.
        let header = unsafe { self.header() };
        // SAFETY: as above.
        current::set(&header.rt, || unsafe { (header.vtable.discard)(self) });
    }

    /// Does what a move asked for with [`Duty::Free`].
    ///
    /// # Safety
    ///
    /// `duty` came from this cell's state, in answer to giving up the caller's reference.
    #[inline]
    pub(super) unsafe fn release(self, duty: Duty) {
        if duty == Duty::Free {
            // SAFETY: that move took the last reference away (T2).
            unsafe { self.free() };
        }
    }

    /// Frees the memory.
    ///
    /// # Safety
    ///
    /// Nobody holds the cell (T2), and its stage and its locals are empty.
    #[inline(never)]
    unsafe fn free(self) {
        #[cfg(feature = "std")]
        // SAFETY: nobody else holds the cell.
        let home = unsafe { super::local::leave(self) };
        #[cfg(loom)]
        // SAFETY: nobody holds the cell, says the caller: that is what this checks.
        unsafe {
            self.claim();
        }
        // SAFETY: nobody else can reach the header any more. What is left in it needs no drop but the
        // handle, which outlives the memory because the place may be its runtime's.
        let (rt, layout, place) = unsafe {
            let header = self.0.as_ptr();
            ((&raw const (*header).rt).read(), (*header).vtable.layout, (*header).place)
        };
        #[cfg(feature = "std")]
        if let Some((list, is_lent)) = home {
            // SAFETY: the heap gave it if no place did, with this layout; if it lodged, this is the
            // owner. The runtime is still there.
            unsafe {
                if place.is_some() || !list.keep_memory(self.0.cast(), layout) {
                    deallocate(self.0.cast(), layout, place);
                }
            }
            if is_lent {
                return;
            }
            return contain_quietly(|| drop(ManuallyDrop::into_inner(rt)));
        }
        // SAFETY: this is the memory that `allocate` gave for this layout, and `rt` is still there.
        unsafe { deallocate(self.0.cast(), layout, place) };
        contain_quietly(|| drop(ManuallyDrop::into_inner(rt)));
    }

    /// Lets the model checker verify that every access by anybody happened before this one.
    ///
    /// # Safety
    ///
    /// As [`Raw::free`].
    #[cfg(loom)]
    unsafe fn claim(self) {
        // SAFETY: nobody else forms a reference any more, says the caller.
        let header = unsafe { &mut *self.0.as_ptr() };
        header.state.claim();
        header.join.with_mut(|_| ());
        header.host.with_mut(|_| ());
        header.links.claim();
        header.locals.with_mut(|_| ());
        #[cfg(feature = "std")]
        // SAFETY: as above.
        unsafe {
            super::local::claim(self);
        }
    }

    // ── slots ───────────────────────────────────────────────────────────────────────────────

    /// Whether the filled join slot would wake the same task.
    ///
    /// # Safety
    ///
    /// The caller is the handle and the slot was `Filled`. The driver may move the waker out at the
    /// same time: both only read, and comparing looks at the waker's two words, not behind them.
    pub(super) unsafe fn join_matches(self, waker: &Waker) -> bool {
        // SAFETY: alive while the handle is; initialised since `AWAITED` was seen.
        unsafe { self.header().join.with(|slot| (*slot).assume_init_ref().will_wake(waker)) }
    }

    /// Fills the join slot.
    ///
    /// # Safety
    ///
    /// It is the caller's and empty (T3).
    pub(super) unsafe fn put_join(self, waker: Waker) {
        // SAFETY: ours, says the caller.
        unsafe { self.header().join.with_mut(|slot| _ = (*slot).write(waker)) };
    }

    /// Empties the join slot.
    ///
    /// # Safety
    ///
    /// It is the caller's and full (T3).
    pub(super) unsafe fn take_join(self) -> Waker {
        // SAFETY: ours and full, says the caller. Reading leaves the bytes for `join_matches`.
        unsafe { self.header().join.with(|slot| (*slot).assume_init_read()) }
    }

    /// Whether the full host slot would wake the same task; as [`Raw::join_matches`].
    ///
    /// # Safety
    ///
    /// The caller is the host driver and saw `HOST`. An aborter may move the waker out meanwhile.
    pub(super) unsafe fn host_matches(self, waker: &Waker) -> bool {
        // SAFETY: alive while the `Task` is; initialised since `HOST` was seen.
        unsafe { self.header().host.with(|slot| (*slot).assume_init_ref().will_wake(waker)) }
    }

    /// Fills the host slot.
    ///
    /// # Safety
    ///
    /// It is the caller's and empty (T3).
    pub(super) unsafe fn put_host(self, waker: Waker) {
        // SAFETY: ours, says the caller.
        unsafe { self.header().host.with_mut(|slot| _ = (*slot).write(waker)) };
    }

    /// Empties the host slot.
    ///
    /// # Safety
    ///
    /// It is the caller's and full (T3).
    pub(super) unsafe fn take_host(self) -> Waker {
        // SAFETY: ours and full, says the caller.
        unsafe { self.header().host.with(|slot| (*slot).assume_init_read()) }
    }
}

/// Drops a task's values with its runtime current; a panic of their destructors stays here.
#[cold]
fn drop_with(rt: &Handle, locals: Locals) {
    current::set(rt, || {
        contain_quietly(move || {
            let _ends = locals;
        })
    });
}

/// Drops a foreign waker; a panic of its destructor stays here.
pub(super) fn drop_quietly(waker: Waker) {
    contain_quietly(|| drop(waker));
}

// ── what knows the future's type ────────────────────────────────────────────────────────────

/// # Safety
///
/// `raw` is a live `Cell<F>`, and its stage is the caller's (T1).
#[inline]
unsafe fn with_stage<F: Future, R>(raw: Raw, f: impl FnOnce(*mut Stage<F>) -> R) -> R {
    let cell: NonNull<Cell<F>> = raw.0.cast();
    // SAFETY: alive, says the caller. Only the stage cell is borrowed, shared.
    unsafe { (*cell.as_ptr()).stage.with_mut(f) }
}

/// # Safety
///
/// As [`with_stage`], with the future in it.
unsafe fn poll<F: Future>(raw: Raw, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: the stage is ours. The future never moves: it is pinned by staying in the cell until
    // `drop_future` drops it in place.
    let polled = contain(|| unsafe {
        with_stage::<F, _>(raw, |stage| match &mut *stage {
            Stage::Future(future) => Pin::new_unchecked(future).poll(cx),
            _ => unreachable!("a finished task was polled"),
        })
    });
    match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        // SAFETY: as above.
        Ok(Poll::Ready(output)) => unsafe { store_output::<F>(raw, output) },
        // SAFETY: as above.
        Err(payload) => unsafe { store_error::<F>(raw, JoinError::panicked(payload)) },
    }
    Poll::Ready(())
}

/// # Safety
///
/// As [`with_stage`], with the future in it.
unsafe fn finish<F: Future>(raw: Raw, error: JoinError) {
    // SAFETY: passed on.
    unsafe { store_error::<F>(raw, error) };
}

/// Drops the future in place and stores its output, which no panic of its destructor takes away.
///
/// # Safety
///
/// As [`with_stage`], with the future in it.
#[inline]
unsafe fn store_output<F: Future>(raw: Raw, output: F::Output) {
    // SAFETY: ours; dropped once, because what is written overwrites it without a second drop.
    if let Err(payload) = unsafe { drop_future::<F>(raw) } {
        discard(payload);
    }
    // SAFETY: ours, and its old content has been dropped.
    unsafe { with_stage::<F, _>(raw, |stage| stage.write(Stage::Outcome(Ok(output)))) };
}

/// Drops the future in place and stores why there is no output: if it was cancelled, a panic of its
/// destructor is the better reason.
///
/// # Safety
///
/// As [`store_output`].
#[cold]
unsafe fn store_error<F: Future>(raw: Raw, mut error: JoinError) {
    // SAFETY: as in `store_output`.
    match unsafe { drop_future::<F>(raw) } {
        Err(payload) if error.is_cancelled() => error = JoinError::panicked(payload),
        Err(payload) => discard(payload),
        Ok(()) => {}
    }
    // SAFETY: ours, and its old content has been dropped.
    unsafe { with_stage::<F, _>(raw, |stage| stage.write(Stage::Outcome(Err(error)))) };
}

/// # Safety
///
/// As [`store_output`]. The caller overwrites the stage without dropping it.
#[inline]
unsafe fn drop_future<F: Future>(raw: Raw) -> Result<(), Payload> {
    // SAFETY: ours, and in its place: it is not moved.
    contain(|| unsafe { with_stage::<F, _>(raw, |stage| stage.drop_in_place()) })
}

/// # Safety
///
/// As [`with_stage`], with the outcome in it; `to` has room for a `Result<F::Output, JoinError>`.
unsafe fn take<F: Future>(raw: Raw, to: NonNull<()>) {
    let to: NonNull<Result<F::Output, JoinError>> = to.cast();
    // SAFETY: ours; the content is moved out and replaced.
    let stage = unsafe { with_stage::<F, _>(raw, |stage| stage.replace(Stage::Empty)) };
    // Case by case: a small output is a small write.
    match stage {
        // SAFETY: room for this type, says the caller.
        Stage::Outcome(Ok(output)) => unsafe { to.write(Ok(output)) },
        // SAFETY: as above.
        Stage::Outcome(Err(error)) => unsafe { to.write(Err(error)) },
        _ => unreachable!("an outcome was taken twice"),
    }
}

/// # Safety
///
/// As [`with_stage`], with the outcome or nothing in it.
unsafe fn drop_outcome<F: Future>(raw: Raw) {
    // SAFETY: ours; the content is moved out and replaced.
    let stage = unsafe { with_stage::<F, _>(raw, |stage| stage.replace(Stage::Empty)) };
    contain_quietly(|| drop(stage));
}

// ── memory ──────────────────────────────────────────────────────────────────────────────────

/// Memory for `layout`, and the place it is from.
pub(super) fn allocate(rt: &Handle, layout: Layout) -> Result<Allocated, Unsupported> {
    if let Some(place) = rt.runtime().spawner().place() {
        let block = place.place(layout).ok_or_else(|| rt.unsupported(Capability::Memory))?;
        // SAFETY: only the lifetime changes. The pointer is used while the cell holds a handle, and the
        // runtime lends its parts for as long as it lives.
        let place = unsafe { core::mem::transmute::<&dyn Place, &'static dyn Place>(place) };
        return Ok((block, Some(NonNull::from(place))));
    }
    from_heap(rt, layout)
}

/// The same where the runtime lends none.
#[inline]
pub(super) fn from_heap(rt: &Handle, layout: Layout) -> Result<Allocated, Unsupported> {
    #[cfg(any(feature = "alloc", loom, shuttle))]
    {
        // SAFETY: a cell is never empty, it begins with its header.
        let block = unsafe { crate::sync::alloc(layout) };
        let _ = rt;
        match NonNull::new(block) {
            Some(block) => Ok((block, None)),
            None => alloc::alloc::handle_alloc_error(layout),
        }
    }
    #[cfg(not(any(feature = "alloc", loom, shuttle)))]
    {
        let _ = layout;
        Err(rt.unsupported(Capability::Memory))
    }
}

pub(super) type Allocated = (NonNull<u8>, Option<NonNull<dyn Place>>);

/// # Safety
///
/// `block` came from [`allocate`] with the same layout and place, is not used afterwards, and the
/// runtime is still there.
unsafe fn deallocate(block: NonNull<u8>, layout: Layout, place: Option<NonNull<dyn Place>>) {
    match place {
        // SAFETY: the place is part of the runtime, and gave the block.
        Some(place) => unsafe { place.as_ref().unplace(block, layout) },
        #[cfg(any(feature = "alloc", loom, shuttle))]
        // SAFETY: it came from the heap with this layout.
        None => unsafe { crate::sync::dealloc(block.as_ptr(), layout) },
        #[cfg(not(any(feature = "alloc", loom, shuttle)))]
        None => {}
    }
}
