//! The domain held against a model of it: whatever is done to a store, in any order, it answers and
//! shows what plain maps written from the rules alone say.

#![cfg(feature = "simulation")]

#[path = "domain/alone.rs"]
mod alone;
#[path = "domain/campaign.rs"]
mod campaign;
#[path = "domain/cast.rs"]
mod cast;
#[path = "domain/crashes.rs"]
mod crashes;
#[path = "domain/day.rs"]
mod day;
#[path = "domain/every_call.rs"]
mod every_call;
#[path = "domain/model/mod.rs"]
mod model;
#[path = "domain/pair.rs"]
mod pair;
#[path = "domain/play.rs"]
mod play;
#[path = "domain/script/mod.rs"]
mod script;
#[path = "domain/side_by_side.rs"]
mod side_by_side;
#[path = "domain/store/mod.rs"]
mod store;
#[path = "domain/view.rs"]
mod view;
