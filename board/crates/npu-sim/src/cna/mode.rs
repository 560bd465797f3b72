//! Mode and precision of a convolution, and every CNA feature that this model refuses by name (§12.21).

use npu_regs::{Register, cna};

use crate::fault::FaultKind;
use crate::file::{View, not_modelled};
use crate::rules;
use crate::tile::Precision;

/// What kind of convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) precision: Precision,
    pub(crate) depthwise: bool,
    /// Interleaved channels of a first layer, 1 to 4; `None` for surfaces.
    pub(crate) interleaved: Option<usize>,
}

impl Mode {
    pub(crate) fn decode(view: &View<'_>) -> Result<Self, FaultKind> {
        use cna::{CONV_CON1, CONV_CON2, CONV_CON3};
        let precision = precision(view)?;
        let depthwise = match view.get(CONV_CON1::CONV_MODE) {
            0 => false,
            3 => true,
            other => {
                let modelled = "dense (0) or depthwise (3) convolution";
                return Err(not_modelled(CONV_CON1::INFO, "CONV_MODE", other, modelled));
            }
        };
        let interleaved = match view.get(CONV_CON1::ARGB_IN) {
            0 => None,
            code @ 8..=11 => Some(code as usize - 7),
            other => {
                let modelled = "surfaces (0) or 1 to 4 interleaved channels (8 to 11)";
                return Err(not_modelled(CONV_CON1::INFO, "ARGB_IN", other, modelled));
            }
        };
        view.only(CONV_CON1::DECONV, 0, "no transposed convolution (0)")?;
        view.only(CONV_CON3::DECONV_X_STRIDE, 0, "no transposed convolution (0)")?;
        view.only(CONV_CON3::DECONV_Y_STRIDE, 0, "no transposed convolution (0)")?;
        view.only(CONV_CON3::NN_MODE, 0, "0")?;
        // S-mesa sets both in first layers of one channel, the vendor in none; strides say the same either way (§2.3, §11).
        if interleaved.is_none() {
            view.only(CONV_CON1::GROUP_LINE_OFF, 0, "0 outside first layers")?;
            view.only(CONV_CON1::NONALIGN_DMA, 0, "0 outside first layers")?;
        }
        view.only(CONV_CON2::CMD_FIFO_SRST, 0, "0")?;
        view.only(CONV_CON2::CSC_DO_EN, 0, "0")?;
        view.only(CONV_CON2::CSC_WO_EN, 0, "0")?;
        view.only(cna::DATA_SIZE3::SURF_MODE, 0, "surface mode 0")?;
        unused(view)?;
        Ok(Self {
            precision,
            depthwise,
            interleaved,
        })
    }
}

fn precision(view: &View<'_>) -> Result<Precision, FaultKind> {
    use cna::CONV_CON1;
    let code = view.get(CONV_CON1::PROC_PRECISION);
    let precision = match code {
        0 => Precision::Int8,
        2 if cfg!(feature = "float") => Precision::Fp16,
        2 => {
            let modelled = "int8 (0); this build has no floating point";
            return Err(not_modelled(CONV_CON1::INFO, "PROC_PRECISION", code, modelled));
        }
        _ => {
            let modelled = "int8 (0) or fp16 (2); no int16, no bf16";
            return Err(not_modelled(CONV_CON1::INFO, "PROC_PRECISION", code, modelled));
        }
    };
    let same = "the precision of the arithmetic (PROC_PRECISION)";
    view.only(CONV_CON1::IN_PRECISION, code, same)?;
    Ok(precision)
}

/// Fully-connected mode, weight decompression and registers without a known meaning.
fn unused(view: &View<'_>) -> Result<(), FaultKind> {
    view.only(cna::CBUF_CON0::FC_DATA_BANK, 0, "0, no fully-connected mode")?;
    view.only(cna::FC_CON0::FC_SKIP_EN, 0, "no zero skipping (0)")?;
    view.only(cna::DCOMP_CTRL::DECOMP_CONTROL, 0, "no weight decompression (0)")?;
    // S-mesa writes it, all ones for one channel, and the tasks run (§11); what else it could say is unknown.
    let none_or_all = |v: u32| v == 0 || v == 0xFFFF;
    view.held(
        cna::CVT_CON5::PER_CHANNEL_CVT_EN,
        none_or_all,
        rules::CHANNEL_CONVERTERS,
    )?;
    // Without skipping its value, and without decompression its bypass, say nothing.
    view.zero(&[0x1064, 0x1074, 0x1104])?;
    view.zero(&[0x1114, 0x1118, 0x111C, 0x1120, 0x1124, 0x1128, 0x112C])?;
    view.zero(&[0x1130, 0x1134, 0x1138, 0x113C, 0x1140, 0x1144, 0x1148, 0x114C])?;
    view.zero(&[0x1210, 0x1214, 0x1218, 0x121C, 0x1220, 0x1224, 0x1228, 0x122C, 0x1230])
}
