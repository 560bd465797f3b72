//! Random post-processors: every combination of operands the parameter stream can carry (§12.15), rectifiers, an operand
//! tensor or activation tables, and an output converter whose results mostly fit a byte.

use npu_reference::{
    Algorithm, Converter, Element, Joining, Lookup, Map, Multiplier, Operand, Post, Rectifier, Second, Slope, Stage,
    Table, Ties, post_process,
};

use super::conv::Kind;
use super::random::Random;

pub fn converter(random: &mut Random, largest: i64) -> Converter {
    // Results of up to ±200, so that some saturate and most do not.
    let scale = random.within(0x4000, 0x7FFF);
    let shift = (0..40).find(|&shift| (largest * scale) >> shift <= 200).unwrap_or(40);
    Converter {
        offset: random.within(-128, 127) as i32,
        scale: scale as i32,
        shift,
        offset_first: random.chance(20),
        ties: if random.chance(50) { Ties::Even } else { Ties::Up },
    }
}

fn rectifier(random: &mut Random, bound: i64) -> Rectifier {
    match random.size(0, 2) {
        0 => Rectifier::Off,
        1 => Rectifier::Relu,
        _ => Rectifier::ReluX(random.within(1, bound.max(1)) as i32),
    }
}

/// Random stages for `count` channels, with the window sums the compensation needs and the operand's shape.
pub fn post(random: &mut Random, kind: Kind, accumulators: &Map<i32>, sums: Map<i64>) -> Post {
    let count = accumulators.channels;
    let largest = accumulators
        .values
        .iter()
        .map(|x| i64::from(x.unsigned_abs()))
        .max()
        .unwrap_or(1)
        .max(1);
    let bound = largest.min(1 << 30);
    let each = |random: &mut Random, low: i64, high: i64| {
        Operand::PerChannel((0..count).map(|_| random.within(low, high) as i32).collect())
    };
    let full = random.chance(50);
    let bias = full || random.chance(60);
    let alu = if bias {
        Some((Algorithm::Add, each(random, -bound, bound)))
    } else if random.chance(50) {
        let what = random.pick(&[Algorithm::Max, Algorithm::Min, Algorithm::Add]);
        Some((what, Operand::Common(random.within(-bound, bound) as i32)))
    } else {
        None
    };
    let shift = random.size(0, 20) as u32;
    let multiplier = |operand| Multiplier {
        operand,
        shift: 14,
        negative_shift: 14,
        leaky: false,
    };
    let multiplier = if full {
        Some(multiplier(each(random, 0, 65535)))
    } else if random.chance(40) {
        Some(Multiplier {
            shift,
            negative_shift: if random.chance(50) {
                shift
            } else {
                random.size(0, 20) as u32
            },
            leaky: random.chance(30),
            ..multiplier(Operand::Common(random.within(-32768, 32767) as i32))
        })
    } else {
        None
    };
    let factor = if full {
        Some(each(random, -255, 255))
    } else if random.chance(40) {
        Some(Operand::Common(random.within(-255, 255) as i32))
    } else {
        None
    };
    let mut bn = Stage::BYPASS;
    if random.chance(50) {
        bn.rectifier = rectifier(random, bound);
    }
    if random.chance(25) {
        let what = random.pick(&[Algorithm::Max, Algorithm::Min, Algorithm::Add]);
        bn.alu = Some((
            what,
            if random.chance(30) {
                each(random, -bound, bound)
            } else {
                Operand::Common(random.within(-bound, bound) as i32)
            },
        ));
    }
    if random.chance(25) {
        bn.multiplier = Some(Multiplier {
            operand: if random.chance(30) {
                each(random, 0, 65535)
            } else {
                Operand::Common(random.within(-32768, 32767) as i32)
            },
            shift: random.size(8, 20) as u32,
            negative_shift: random.size(8, 20) as u32,
            leaky: random.chance(40),
        });
    }
    let mut post = Post {
        compensation: factor.map(|factor| (factor, sums)),
        bs: Stage {
            alu,
            multiplier,
            rectifier: if random.chance(20) {
                rectifier(random, bound)
            } else {
                Rectifier::Off
            },
        },
        bn,
        element: Element::Bypass,
        out: Converter::IDENTITY,
    };
    // An operand joins regular convolutions only (erratum 28).
    if kind != Kind::Depthwise && random.chance(40) {
        let shape = (count, accumulators.height, accumulators.width);
        let second = second(random, shape);
        post.element = operand(random, second);
    }
    let before = post_process(accumulators, &post);
    let largest = before
        .values
        .iter()
        .map(|x| i64::from(x.unsigned_abs()))
        .max()
        .unwrap_or(1);
    post.out = converter(random, largest);
    post
}

/// A second operand of any form and size.
pub fn second(random: &mut Random, (channels, height, width): (usize, usize, usize)) -> Second {
    let wide = random.chance(35);
    let value = |random: &mut Random| {
        if wide {
            random.next() as i16
        } else {
            i16::from(random.i8())
        }
    };
    match random.size(0, 3) {
        0 => Second::PerChannel((0..channels).map(|_| value(random)).collect()),
        1 => Second::Common(random.next() as i16 as i32),
        _ => Second::Tensor(Map::from_fn(channels, height, width, |_, _, _| value(random))),
    }
}

/// A second operand through its converter, joined in any way.
fn operand(random: &mut Random, second: Second) -> Element {
    let converter = Converter {
        offset: random.within(-128, 128) as i32,
        scale: random.within(1, 32767) as i32,
        shift: random.size(0, 16) as u32,
        offset_first: true,
        ties: if random.chance(70) { Ties::Even } else { Ties::Up },
    };
    let joining = if random.chance(60) {
        Joining::Alu(random.pick(&[Algorithm::Add, Algorithm::Add, Algorithm::Max, Algorithm::Min]))
    } else {
        Joining::Multiply {
            shift: random.size(0, 24) as u32,
            negative_shift: random.size(0, 24) as u32,
            ties: converter.ties,
            leaky: random.chance(30),
        }
    };
    Element::Operand {
        second,
        converter,
        joining,
        rectifier: if random.chance(50) {
            Rectifier::Off
        } else {
            Rectifier::Relu
        },
    }
}

/// Tables of the vendor's ranges (§2.6): LE below 0, LO above, 513 random entries each, a line outside.
pub fn lookup(random: &mut Random) -> Lookup {
    let select = random.size(0, 6) as u32;
    let overlap = if random.chance(50) {
        random.within(0, 512 << select) as i32
    } else {
        0
    };
    let mut table = |start: i32| Table {
        entries: (0..513).map(|_| random.next() as i16).collect(),
        start,
        end: start + (512 << select),
        select,
    };
    // LE has priority where the tables overlap (§11).
    let (le, lo) = (table(-512 << select), table(-overlap));
    let mut slope = || Slope {
        scale: random.next() as i16,
        shift: random.size(0, 31) as u32,
    };
    let (below, above) = (slope(), slope());
    Lookup { le, lo, below, above }
}

/// A post-processor with tables: bias, then BN brings the accumulators into the tables' range and a bit beyond.
pub fn activation(random: &mut Random, accumulators: &Map<i32>) -> Post {
    let largest = largest(accumulators);
    let lookup = lookup(random);
    let reach = i64::from(lookup.le.end - lookup.le.start);
    // operand / 2^shift ~ 1.5 reach / largest
    let shift = (0..30)
        .take_while(|shift| (reach << shift) * 3 / 2 <= largest * 16000)
        .last()
        .unwrap_or(0);
    let operand = ((reach << shift) * 3 / 2 / largest).clamp(1, 32767) as i32;
    let mut post = Post {
        bs: Stage {
            alu: Some((
                Algorithm::Add,
                Operand::PerChannel(
                    (0..accumulators.channels)
                        .map(|_| random.within(-largest, largest) as i32)
                        .collect(),
                ),
            )),
            ..Stage::BYPASS
        },
        bn: Stage {
            multiplier: Some(Multiplier {
                operand: Operand::Common(operand),
                shift,
                negative_shift: shift,
                leaky: false,
            }),
            ..Stage::BYPASS
        },
        element: Element::Table(lookup),
        ..Post::BYPASS
    };
    let before = post_process(accumulators, &post);
    post.out = converter(random, self::largest(&before));
    post
}

fn largest(map: &Map<i32>) -> i64 {
    let sizes = map.values.iter().map(|x| i64::from(x.unsigned_abs()));
    sizes.max().unwrap_or(1).clamp(1, 1 << 30)
}

/// A post-processor that joins `left` with a second operand in a DPU-only task (appendix B.4).
pub fn join(random: &mut Random, left: &Map<i8>, second: Second) -> Post {
    let multiplier = random.chance(70).then(|| {
        let shift = random.size(0, 8) as u32;
        Multiplier {
            operand: Operand::Common(random.within(-32768, 32767) as i32),
            shift,
            negative_shift: shift,
            leaky: false,
        }
    });
    let mut post = Post {
        bs: Stage {
            alu: random
                .chance(70)
                .then(|| (Algorithm::Add, Operand::Common(random.within(-255, 255) as i32))),
            multiplier,
            rectifier: Rectifier::Off,
        },
        element: operand(random, second),
        ..Post::BYPASS
    };
    let before = post_process(&left.map(i32::from), &post);
    post.out = converter(random, largest(&before));
    post
}
