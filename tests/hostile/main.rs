//! What a hostile script, a hostile neighbour on the machine and a careless policy may try. README.md says which line of the
//! checklist each test is for.

mod archives;
mod bombs;
mod checklist;
mod existence;
mod forgery;
mod guards;
mod hidden;
mod kernel;
mod killed;
mod lexical;
mod limits;
mod links;
mod memory;
mod moving;
mod names;
mod policies;
mod races;
mod record;
mod removal;
mod rights;
mod special;
mod tools;
