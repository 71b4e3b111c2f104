//! What a local job is made of, in one word: a cell, and whether this is mail for it.

use core::ptr::NonNull;

use crate::task::cell::{Header, Raw};

/// The address of a cell, one more if it is mail. It owns nothing.
#[derive(Clone, Copy)]
pub(super) struct Parcel(NonNull<u8>);

const _: () = assert!(align_of::<Header>() > 1);

impl Parcel {
    #[inline]
    pub(super) fn driver(raw: Raw) -> Parcel {
        Parcel(raw.0.cast())
    }

    #[inline]
    pub(super) fn mail(raw: Raw) -> Parcel {
        // SAFETY: this is inside the cell.
        Parcel(unsafe { raw.0.cast().byte_add(1) })
    }

    #[inline]
    pub(super) fn is_mail(self) -> bool {
        self.0.addr().get() % 2 == 1
    }

    #[inline]
    pub(super) fn raw(self) -> Raw {
        // SAFETY: back to where the cell begins, whose address is even.
        Raw(unsafe { self.0.byte_sub(usize::from(self.is_mail())) }.cast())
    }
}
