//! A credentials file and what is remembered beside it, in memory: records by slug, and one that is in use.

use std::collections::BTreeMap;

use doorkey_core::record::{Record, Slot, Version};
use doorkey_core::store::{Ledger, StoreAnswer, StoreOp};

/// Where API tokens are kept.
#[derive(Default)]
pub struct Shelf {
    records: BTreeMap<String, Record>,
    active: Option<String>,
    ledger: Ledger,
}

impl Shelf {
    /// What a store answers; `None` to what is the same for every place.
    pub fn perform(&mut self, op: &StoreOp) -> Option<StoreAnswer> {
        Some(match op {
            StoreOp::ReadLedger => StoreAnswer::Ledger(self.ledger.clone()),
            StoreOp::WriteLedger(ledger) => {
                self.ledger = ledger.clone();
                StoreAnswer::Done
            }
            StoreOp::Probe(_) => StoreAnswer::Done,
            StoreOp::Load { slot, .. } => StoreAnswer::Records(
                self.held(slot).map(|record| (slot.clone(), record.clone())).into_iter().collect(),
            ),
            StoreOp::LoadAll(_) => StoreAnswer::Records(self.all()),
            StoreOp::Write { slot, expected, record, .. } => {
                if self.version(slot) != *expected {
                    return Some(StoreAnswer::Conflict);
                }
                let slug = match slot {
                    Slot::Active => {
                        let slug = record.slug().unwrap_or_default().to_owned();
                        self.active = Some(slug.clone());
                        slug
                    }
                    Slot::Workspace(slug) => slug.clone(),
                };
                self.records.insert(slug, record.clone());
                StoreAnswer::Done
            }
            StoreOp::Delete { slot, expected, .. } => {
                if self.version(slot).is_some_and(|version| version != *expected) {
                    return Some(StoreAnswer::Conflict);
                }
                let gone = match slot {
                    Slot::Active => None,
                    Slot::Workspace(slug) => self.records.remove(slug).map(|_| slug),
                };
                if gone.is_none_or(|slug| self.active.as_ref() == Some(slug)) {
                    self.active = None;
                }
                StoreAnswer::Done
            }
            _ => return None,
        })
    }

    fn held(&self, slot: &Slot) -> Option<&Record> {
        let slug = match slot {
            Slot::Active => self.active.as_ref()?,
            Slot::Workspace(slug) => slug,
        };
        self.records.get(slug)
    }

    fn version(&self, slot: &Slot) -> Option<Version> {
        self.held(slot).map(Record::version)
    }

    fn all(&self) -> Vec<(Slot, Record)> {
        let slots = self.records.keys().cloned().map(Slot::Workspace);
        let slots = std::iter::once(Slot::Active).chain(slots);
        slots.filter_map(|slot| self.held(&slot).cloned().map(|record| (slot, record))).collect()
    }
}
