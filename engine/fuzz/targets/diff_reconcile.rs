//! The random scenarios, edits and walkers of the engine's tests with choices made by the fuzzer: every promise of
//! `tests/common/scene.rs` holds.

#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use common::dice::Dice;
use common::oracle::Gait;
use common::property::Tally;
use common::scenario::Taste;
use common::scene::{Scene, keeps_its_promises};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|tape: &[u8]| {
    let dice = &mut Dice::new(tape);
    let gait = *dice.pick(&[Gait::AnyWay, Gait::Jumping, Gait::ByData]);
    let scene = Scene::random(dice, &Taste::ALL, gait);
    let mut world = scene.world();
    let choose = dice.below(3);
    if let Err(why) = keeps_its_promises(&scene, &mut world, &Tally::default(), choose) {
        panic!("{why}");
    }
});
