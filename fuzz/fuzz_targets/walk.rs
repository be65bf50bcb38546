//! The protobuf walk, measured against prost.
#![no_main]

use logmend_fuzz::{UNBOUNDED, check};

libfuzzer_sys::fuzz_target!(|request: &[u8]| check(request, &UNBOUNDED));
