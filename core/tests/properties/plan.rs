//! What goes wrong while a machine runs, and when.

use std::collections::BTreeMap;
use std::ops::Range;

use doorkey_core::store::StoreFailureKind;
use proptest::collection::btree_map;
use proptest::option::weighted;
use proptest::prelude::*;

use crate::disk::StoreFault;

/// What goes wrong in one run. Operations and requests are counted from 0, with the run's beginning.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub store: BTreeMap<usize, StoreFault>,
    /// From this operation on no record is written.
    pub full: Option<usize>,
    pub net: BTreeMap<usize, NetFault>,
    /// The person interrupts, once the process has done so many things.
    pub cancelled: Option<usize>,
    /// SIGKILL.
    pub killed: Option<usize>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetFault {
    /// Not a byte leaves.
    NotSent,
    /// The server acts on it; its answer gets lost after so many milliseconds.
    AnswerLost(u64),
    /// It gets lost itself, and nobody can tell that from the above.
    Lost,
    /// The server acts on it; its answer is too long.
    TooLarge,
    /// Something in between answers with a page, and the server never hears of it.
    Page(u16),
    /// 429, and `Retry-After` in seconds.
    Later(u64),
}

impl NetFault {
    /// Whether the server may have acted on it without the client's knowing.
    pub fn is_unclear(self) -> bool {
        !matches!(self, Self::NotSent | Self::Later(_))
    }
}

pub fn net_fault() -> impl Strategy<Value = NetFault> {
    prop_oneof![
        2 => Just(NetFault::NotSent),
        2 => (0u64..10_000).prop_map(NetFault::AnswerLost),
        1 => Just(NetFault::Lost),
        1 => Just(NetFault::TooLarge),
        2 => prop_oneof![Just(200), Just(302), Just(400), Just(401), Just(404), Just(500), Just(503)]
            .prop_map(NetFault::Page),
        1 => (0u64..200).prop_map(NetFault::Later),
    ]
}

pub fn store_failure_kind() -> impl Strategy<Value = StoreFailureKind> {
    prop_oneof![
        Just(StoreFailureKind::Absent),
        Just(StoreFailureKind::Locked),
        Just(StoreFailureKind::TimedOut),
        Just(StoreFailureKind::Volatile),
        Just(StoreFailureKind::Refused),
        Just(StoreFailureKind::Unreadable),
        Just(StoreFailureKind::Busy),
        Just(StoreFailureKind::Shared),
    ]
}

pub fn store_fault() -> impl Strategy<Value = StoreFault> {
    prop_oneof![
        6 => store_failure_kind().prop_map(StoreFault::Fails),
        2 => Just(StoreFault::DoneLate),
        1 => Just(StoreFault::Forgotten),
    ]
}

/// Up to so many failures of stores and of the network each.
pub fn plan(store: Range<usize>, net: Range<usize>) -> impl Strategy<Value = Plan> {
    (
        btree_map(0usize..25, store_fault(), store),
        btree_map(0usize..5, net_fault(), net),
        weighted(0.15, 0usize..50),
        weighted(0.15, 0usize..50),
    )
        .prop_map(|(store, net, cancelled, killed)| Plan { store, full: None, net, cancelled, killed })
}
