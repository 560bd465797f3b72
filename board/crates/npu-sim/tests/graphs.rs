//! Small networks as one hardware start each: every tensor on the way must be exact, and one interrupt arrives.

mod support;

use npu_reference::{Map, native, pool, post_process, saturate_i8};
use support::case::{Case, Expected, Source, Wish, compare, convolution, guarded, verify};
use support::conv::Kind;
use support::element::Join;
use support::machine::{FIRST, Machine, NO_FAULT};
use support::pooling::{Pooling, random_window};
use support::program::Program;
use support::random::{Random, for_seeds};
use support::stages;
use support::style::Style;

/// A tensor the chain must have written.
struct Written {
    name: &'static str,
    source: Source,
}

/// A chain under construction.
struct Chain<'a> {
    machine: &'a Machine,
    style: Style,
    programs: Vec<Program>,
    cases: Vec<(&'static str, Case)>,
    written: Vec<Written>,
}

impl Chain<'_> {
    fn convolve(
        &mut self,
        random: &mut Random,
        name: &'static str,
        (kind, pointwise): (Kind, Option<usize>),
        from: Option<&Source>,
    ) -> Source {
        let wish = Wish {
            pointwise,
            ..Wish::small(kind, self.style)
        };
        let case = convolution(random, self.machine, wish, from);
        let Expected::Int8(map) = &case.expected else {
            panic!("int8 was asked for")
        };
        let source = Source {
            map: map.clone(),
            address: case.layer.addresses.output,
        };
        self.programs.extend(case.programs.iter().cloned());
        self.cases.push((name, case));
        source
    }

    fn join(&mut self, random: &mut Random, left: &Source, right: &Source) -> Source {
        let shape = (left.map.channels.next_multiple_of(8), left.map.height, left.map.width);
        let post = stages::join(random, &left.map, right.map.clone().into());
        let mut join = Join {
            shape,
            left: left.address,
            right: right.address,
            output: 0,
            rows: (0, shape.1),
        };
        join.output = guarded(self.machine, shape.0 / 8 * join.surface_bytes());
        self.programs.push(join.program(&post, self.style));
        let map = post_process(&left.map.map(i32::from), &post).map(saturate_i8);
        self.wrote("join", map, join.output)
    }

    fn pool(&mut self, random: &mut Random, from: &Source) -> Source {
        let Map {
            channels,
            height,
            width,
            ..
        } = from.map;
        let (window, what) = random_window(random, height, width);
        let mut pooling = Pooling {
            input: (channels.next_multiple_of(8), height, width),
            half: false,
            window,
            pool: what,
            pad: random.pick(&[0, -128]),
            from: from.address,
            to: 0,
        };
        pooling.to = guarded(self.machine, pooling.output_bytes());
        self.programs.push(pooling.program());
        self.wrote("pooling", pool(&from.map, window, what, pooling.pad), pooling.to)
    }

    fn wrote(&mut self, name: &'static str, map: Map<i8>, address: u32) -> Source {
        let source = Source {
            map: map.clone(),
            address,
        };
        self.written.push(Written { name, source });
        Source { map, address }
    }

    fn run(&self) {
        assert_eq!(
            self.machine.run(&self.programs, self.style),
            NO_FAULT,
            "{:?}",
            self.style
        );
        for (name, case) in &self.cases {
            if let Err(why) = verify(self.machine, &case.layer, &case.expected) {
                panic!("{name}: {why}\n{:?}\n{:?}", self.style, case.layer);
            }
        }
        for Written { name, source } in &self.written {
            let Map {
                channels,
                height,
                width,
                ..
            } = source.map;
            let pitch = native::Pitch::packed(height, width);
            let bytes = self
                .machine
                .read(source.address, native::features_bytes::<i8>(channels, pitch));
            let got = native::unpack_features::<i8>(&bytes, (channels, height, width), pitch);
            compare(&got.map(i32::from), &source.map.map(i32::from)).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
    }
}

fn chain(machine: &Machine, style: Style) -> Chain<'_> {
    Chain {
        machine,
        style,
        programs: Vec::new(),
        cases: Vec::new(),
        written: Vec::new(),
    }
}

#[test]
fn first_layer_convolutions_residual_pool_and_depthwise_run_as_one_start() {
    for_seeds("network", 40, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let mut chain = chain(&machine, style);
        let image = chain.convolve(&mut random, "first layer", (Kind::First, None), None);
        let trunk = chain.convolve(&mut random, "dense", (Kind::Dense, None), Some(&image));
        let same = Some(trunk.map.channels);
        let branch = chain.convolve(&mut random, "pointwise", (Kind::Dense, same), Some(&trunk));
        let sum = chain.join(&mut random, &trunk, &branch);
        let pooled = chain.pool(&mut random, &sum);
        chain.convolve(&mut random, "head", (Kind::Dense, Some(24)), Some(&pooled));
        chain.run();
        // One interrupt, of the DPU, of the group the last task ran in; bits 0 to 7 stay silent (§12.24).
        let raised = machine.peek(0x2C);
        assert!(raised == 0x100 || raised == 0x200, "0x{raised:X}");
        assert!(machine.board.interrupt_level());
    });
}

#[test]
fn a_depthwise_separable_block_runs_as_one_start() {
    for_seeds("separable", 30, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let mut chain = chain(&machine, style);
        let wide = chain.convolve(&mut random, "expand", (Kind::Dense, Some(40)), None);
        let deep = chain.convolve(&mut random, "depthwise", (Kind::Depthwise, None), Some(&wide));
        chain.convolve(&mut random, "project", (Kind::Dense, Some(16)), Some(&deep));
        chain.run();
    });
}

#[test]
fn a_chain_that_ends_in_the_pooling_unit_is_done_without_an_interrupt_erratum_10() {
    let mut random = Random(3);
    let machine = Machine::new(FIRST);
    let mut chain = chain(&machine, Style::Open);
    let map = chain.convolve(&mut random, "dense", (Kind::Dense, None), None);
    chain.pool(&mut random, &map);
    chain.run();
    assert_eq!((machine.peek(0x2C), machine.board.interrupt_level()), (0, false));
}
