//! The built program as a newcomer runs it: the demo from outside, and the other commands.

mod commands;
mod partner;
mod played;
mod program;
mod running;
