//! Things found by name, that come, change and go by themselves.
//!
//! xDS delivers listeners, routes and clusters apart. A route holds the [`Slot`] of its cluster: it is filled when the
//! cluster comes, and what is in it can be exchanged between two requests without the route being made anew.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

/// A place for a thing with a name.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    pub(crate) name: Box<str>,
    content: RefCell<Option<Rc<T>>>,
}

impl<T> Slot<T> {
    /// What is in it.
    pub(crate) fn get(&self) -> Option<Rc<T>> {
        self.content.borrow().clone()
    }

    /// Puts something else in, or nothing; the answer is what was there.
    pub(crate) fn set(&self, content: Option<Rc<T>>) -> Option<Rc<T>> {
        std::mem::replace(&mut *self.content.borrow_mut(), content)
    }
}

/// All slots of a kind.
#[derive(Debug)]
pub(crate) struct Slots<T>(HashMap<String, Rc<Slot<T>>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Slots<T> {
    /// The slot called `name`, empty if it is new.
    pub(crate) fn slot(&mut self, name: &str) -> Rc<Slot<T>> {
        let new = || Rc::new(Slot { name: name.into(), content: RefCell::new(None) });
        Rc::clone(self.0.entry(name.to_owned()).or_insert_with(new))
    }

    /// Empties the slots whose name is not to be kept; the answer is what was in them. Forgets those nobody holds.
    pub(crate) fn retain(&mut self, kept: impl Fn(&str) -> bool) -> Vec<Rc<T>> {
        let gone = self.0.iter().filter(|(name, _)| !kept(name)).filter_map(|(_, slot)| slot.set(None)).collect();
        self.0.retain(|name, slot| kept(name) || Rc::strong_count(slot) > 1);
        gone
    }

    /// All that is there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Rc<T>> {
        self.0.values().filter_map(|slot| slot.get())
    }
}
