//! The log as its reader tells it: whole, torn, damaged, made up, and beside a bot that appends.
#![cfg(feature = "simulation")]

mod inspect {
    mod agreement;
    mod as_of;
    mod bits;
    mod covered;
    mod hostile;
    mod live;
    mod repair;
    mod rows;
    mod spoilt;
    mod story;
    mod world;
}
