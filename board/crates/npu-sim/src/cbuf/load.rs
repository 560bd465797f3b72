//! The feature loader: memory layouts to pixels with their channels side by side. Memory that lends views is read in one.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};

use super::Cbuf;
use crate::cna::{ATOM_BYTES, Converter, Input, Source};

/// Device address `bytes` after `base`; past the end of the address space the DMA faults.
pub(crate) fn offset(base: u32, bytes: usize, write: bool) -> Result<u32, DmaFault> {
    u32::try_from(bytes)
        .ok()
        .and_then(|bytes| base.checked_add(bytes))
        .ok_or(DmaFault { address: base, write })
}

impl Cbuf {
    /// Loads the band. Channels that do not exist are 0.
    pub(crate) fn load(&mut self, input: &Input, memory: &dyn DmaMem) -> Result<(), DmaFault> {
        self.features = None;
        self.map.clear();
        self.map.resize(input.width * input.height * input.pixel_bytes(), 0);
        let map = &mut self.map;
        match &input.source {
            Source::Surfaces {
                line_stride,
                surface_stride,
            } => {
                let at = |row: usize, surface: usize| surface * surface_stride + row * line_stride;
                let runs = (0..input.height)
                    .flat_map(|row| (0..input.surfaces()).map(move |surface| (row, surface)))
                    .map(|(row, surface)| (at(row, surface) * ATOM_BYTES, (row, surface)));
                read_runs(
                    input,
                    memory,
                    input.width * ATOM_BYTES,
                    runs,
                    |(row, surface), atoms| {
                        scatter(input, map, row, surface, atoms);
                    },
                )
            }
            Source::Interleaved {
                line_stride_bytes,
                converter,
            } => {
                let tables = tables(converter.as_ref(), input.real_channels);
                let runs = (0..input.height).map(|row| (row * line_stride_bytes, row));
                read_runs(input, memory, input.width * input.real_bytes(), runs, |row, bytes| {
                    spread(input, &tables, map, row, bytes);
                })
            }
        }
    }
}

/// Calls `each` with the `run_bytes` at every offset of `runs`.
fn read_runs<T>(
    input: &Input,
    memory: &dyn DmaMem,
    run_bytes: usize,
    runs: impl Iterator<Item = (usize, T)>,
    mut each: impl FnMut(T, &[u8]),
) -> Result<(), DmaFault> {
    let span = input.span();
    let view = memory.pin(input.address, span)?;
    if let Some(bytes) = view
        .as_ref()
        .map(|view| view.bytes())
        .filter(|bytes| bytes.len() == span)
    {
        runs.for_each(|(at, run)| each(run, &bytes[at..at + run_bytes]));
        return Ok(());
    }
    drop(view);
    let mut bytes = alloc::vec![0; run_bytes];
    for (at, run) in runs {
        memory.read(offset(input.address, at, false)?, &mut bytes)?;
        each(run, &bytes);
    }
    Ok(())
}

/// Puts one surface's atoms of a row into their pixels.
fn scatter(input: &Input, map: &mut [u8], row: usize, surface: usize, atoms: &[u8]) {
    let pixel_bytes = input.pixel_bytes();
    let first = surface * ATOM_BYTES;
    let real = (input.real_bytes() - first).min(ATOM_BYTES);
    let pixels = map[row * input.width * pixel_bytes..].chunks_exact_mut(pixel_bytes);
    if real == ATOM_BYTES {
        for (atom, pixel) in atoms.as_chunks::<ATOM_BYTES>().0.iter().zip(pixels) {
            pixel[first..first + ATOM_BYTES].copy_from_slice(atom);
        }
    } else {
        for (atom, pixel) in atoms.chunks_exact(ATOM_BYTES).zip(pixels) {
            pixel[first..first + real].copy_from_slice(&atom[..real]);
        }
    }
}

/// Conversion tables of the real channels; empty where features pass unchanged.
fn tables(converter: Option<&Converter>, channels: usize) -> Vec<[u8; 256]> {
    let table = |converter: &Converter| (0..channels).map(|channel| converter.table(channel)).collect();
    converter.map(table).unwrap_or_default()
}

/// Spreads a row of interleaved pixels over pixels of one atom.
fn spread(input: &Input, tables: &[[u8; 256]], map: &mut [u8], row: usize, bytes: &[u8]) {
    let pixel_bytes = input.pixel_bytes();
    let real = input.real_bytes();
    let pixels = map[row * input.width * pixel_bytes..].chunks_exact_mut(pixel_bytes);
    for (from, pixel) in bytes.chunks_exact(real).zip(pixels) {
        if tables.is_empty() {
            pixel[..real].copy_from_slice(from);
        } else {
            for ((to, from), table) in pixel.iter_mut().zip(from).zip(tables) {
                *to = table[usize::from(*from)];
            }
        }
    }
}
