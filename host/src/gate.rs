//! The only door to the machine.
//!
//! A capability describes the object that it opened and asks for a permit. The gate asks the policy, has the answer recorded, and only
//! then gives the permit, without which no effect of [`crate::platform`] can be called.

use std::marker::PhantomData;

use crate::audit::{self, Audit, AuditError};
use crate::journal::{DenialRecord, SharedJournal};
use crate::limits::{RunClock, Stop};
use crate::policy::{Action, Decider, EntityType, Facts, Request};

/// What a permit is for, as a type: a function that reads takes a `Permit<Read, _>`, and nothing else will do.
pub trait Act {
    /// The same as a value.
    const ACTION: Action;
}

macro_rules! acts {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("Permits for [`Action::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub enum $name {}
            impl Act for $name {
                const ACTION: Action = Action::$name;
            }
        )*
    };
}
acts!(Open, Read, RedactedRead, Write, Create, Delete, Stat, Chmod, Chown, SetXAttr, Move);

/// Permits with which content can be read. What is read with [`RedactedRead`] is for [`crate::capability`] to redact.
pub trait Reads: Act {}
impl Reads for Read {}
impl Reads for RedactedRead {}

/// What the policy is asked about: an object as it was found, not as it was called.
pub trait Resource {
    /// Its type, and its canonical path.
    fn describe(&self) -> (EntityType, &str);

    /// What shall be done with it, as far as the policy can look at that.
    fn facts(&self) -> Facts {
        Facts::None
    }
}

impl<R: Resource + ?Sized> Resource for std::sync::Arc<R> {
    fn describe(&self) -> (EntityType, &str) {
        (**self).describe()
    }

    fn facts(&self) -> Facts {
        (**self).facts()
    }
}

/// A thing that is asked about by its path alone, because nothing is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'p>(pub EntityType, pub &'p str);

impl Resource for Named<'_> {
    fn describe(&self) -> (EntityType, &str) {
        (self.0, self.1)
    }
}

/// A thing together with what shall be done with it.
#[derive(Debug)]
pub struct With<R>(pub R, pub Facts);

impl<R: Resource> Resource for With<R> {
    fn describe(&self) -> (EntityType, &str) {
        self.0.describe()
    }

    fn facts(&self) -> Facts {
        self.1.clone()
    }
}

/// The policy's leave to do one thing with one object.
#[derive(Debug)]
#[must_use]
pub struct Permit<A, R> {
    // INVARIANT: private, and made in `Gate::ask` alone.
    resource: R,
    action: PhantomData<fn(A)>,
}

impl<A, R> Permit<A, R> {
    /// The object.
    pub fn resource(&self) -> &R {
        &self.resource
    }

    /// The object.
    pub fn into_resource(self) -> R {
        self.resource
    }
}

/// Leave to do one of two things.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Either<A, B, R> {
    First(Permit<A, R>),
    Second(Permit<B, R>, DenialRecord),
}

/// How the caller named a thing, for what the caller is told. What it resolved to is for the record alone.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Asked<'a> {
    pub kind: EntityType,
    pub path: &'a str,
}

/// What is told of a denial where only links lead to what is not permitted. The policy's own reason would tell where: it is for the record
/// alone.
const ELSEWHERE: &str = "the policy does not permit it where this path leads";

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The policy does not allow it.
    #[error("{0}")]
    Denied(DenialRecord),
    /// The answer is not in the record. The run ends.
    #[error(transparent)]
    Unrecorded(#[from] AuditError),
    /// The run has to end.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// The door of one run.
#[derive(Debug)]
pub struct Gate {
    decider: Decider,
    principal: String,
    journal: SharedJournal,
    audit: Audit,
    clock: RunClock,
}

impl Gate {
    /// For one run, by one principal.
    #[must_use]
    pub fn new(decider: Decider, principal: String, journal: SharedJournal, audit: Audit, clock: RunClock) -> Self {
        Self { decider, principal, journal, audit, clock }
    }

    /// Asks the policy and has the answer recorded.
    ///
    /// # Errors
    ///
    /// When the policy does not allow it, when its answer cannot be recorded, or when the run has to end.
    pub fn permit<A: Act, R: Resource>(&mut self, asked: Asked<'_>, resource: R) -> Result<Permit<A, R>, Refusal> {
        self.ask(asked, None, resource).inspect_err(|refusal| self.report(refusal))
    }

    /// The same for what shall be elsewhere afterwards: `to` is what the caller called that.
    ///
    /// # Errors
    ///
    /// As [`Gate::permit`].
    pub fn permit_to<A: Act, R: Resource>(&mut self, asked: Asked<'_>, to: &str, resource: R) -> Result<Permit<A, R>, Refusal> {
        self.ask(asked, Some(to), resource).inspect_err(|refusal| self.report(refusal))
    }

    /// Asks for one thing, and where the policy does not allow it but might allow another, for that. Both answers are recorded. The
    /// report has a denial only if both are, that of the first; should the second be of no use, see [`Gate::deny`].
    ///
    /// # Errors
    ///
    /// As [`Gate::permit`].
    pub fn permit_or<A: Act, B: Act, R: Resource + Clone>(
        &mut self,
        asked: Asked<'_>,
        resource: &R,
    ) -> Result<Either<A, B, R>, Refusal> {
        let denial = match self.ask(asked, None, resource.clone()) {
            Ok(permit) => return Ok(Either::First(permit)),
            Err(Refusal::Denied(denial)) => denial,
            Err(refusal) => return Err(refusal),
        };
        if self.decider.may_permit(B::ACTION) {
            match self.ask(asked, None, resource.clone()) {
                Err(Refusal::Denied(_)) => {}
                answer => return answer.map(|permit| Either::Second(permit, denial)),
            }
        }
        Err(self.deny(denial))
    }

    /// Reports a denial after all.
    pub fn deny(&self, denial: DenialRecord) -> Refusal {
        let refusal = Refusal::Denied(denial);
        self.report(&refusal);
        refusal
    }

    fn report(&self, refusal: &Refusal) {
        if let Refusal::Denied(denial) = refusal {
            self.journal.lock().deny(denial.clone());
        }
    }

    fn ask<A: Act, R: Resource>(&mut self, asked: Asked<'_>, to: Option<&str>, resource: R) -> Result<Permit<A, R>, Refusal> {
        let (kind, id) = resource.describe();
        let facts = resource.facts();
        let decision = self.decider.decide(Request { action: A::ACTION, kind, id, facts: &facts });
        let number = self.journal.lock().count(A::ACTION, decision.allowed);
        self.audit.decision(&audit::DecisionRecord {
            action: A::ACTION,
            kind,
            id,
            facts: &facts,
            asked: asked.path,
            decision: &decision,
        })?;
        if !decision.allowed {
            let told = self.told::<A>(asked, to, id, &facts).unwrap_or_else(|| decision.reason.to_string());
            let denial = DenialRecord {
                decision: number,
                principal: self.principal.clone(),
                action: A::ACTION.to_string(),
                resource: format!("{}::{:?}", asked.kind.name(), asked.path),
                reason: told,
            };
            return Err(Refusal::Denied(denial));
        }
        // A run that was given up while the policy was asked must have no effect any more.
        self.clock.check()?;
        Ok(Permit { resource, action: PhantomData })
    }

    /// What is told of a denial where links lead elsewhere: what the policy says of the paths as they were given, so that not even the link
    /// shows where they may not be looked at.
    fn told<A: Act>(&mut self, asked: Asked<'_>, to: Option<&str>, id: &str, facts: &Facts) -> Option<String> {
        let given = match (facts, to) {
            (Facts::Destination(_), Some(to)) => &Facts::Destination(to.to_owned()),
            _ => facts,
        };
        if id == asked.path && given == facts {
            return None;
        }
        let decision = self.decider.decide(Request { action: A::ACTION, kind: asked.kind, id: asked.path, facts: given });
        Some(if decision.allowed { ELSEWHERE.to_owned() } else { decision.reason.to_string() })
    }
}
