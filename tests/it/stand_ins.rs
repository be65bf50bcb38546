//! The stand-ins are as strict and as faithful as what they stand for: real clients and published schemas say so.

mod claude;
mod github;
