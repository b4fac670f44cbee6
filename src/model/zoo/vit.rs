//! The vision transformer ViT-B/16 (Dosovitskiy et al., *An Image is Worth 16x16 Words*, ICLR 2021, arXiv:2010.11929).

use candle_core::{D, Result as TensorResult, Tensor};
use candle_nn::{Init, VarBuilder};

use super::super::Mode;
use super::super::staged::{Layer, Staged};
use super::blocks::{Dense, Head};
use super::columns::{LayerNorm, Mlp, Patches};
use super::{Zoo, facts};

/// Side of the input: the positions are learned for it.
pub(super) const SIDE: usize = 224;
const PATCH: usize = 16;
const WIDTH: usize = 768;
const HEADS: usize = 12;
const BLOCKS: usize = 12;
/// The patches and the class token before them.
const TOKENS: usize = (SIDE / PATCH) * (SIDE / PATCH) + 1;

/// The network's stages: `pos_drop` (the tokens with their positions), `blocks.0` to `blocks.11`; each gives the tokens
/// `(n, 197, 768)`, of which the first is the class token and the others are the patches, row by row.
pub(super) fn new(zoo: Zoo, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let embedding = Embedding {
        patches: Patches::new(channels, WIDTH, PATCH, vb.pp("patch_embed").pp("proj"))?,
        class_token: vb.get_with_hints((1, 1, WIDTH), "cls_token", Init::Randn { mean: 0.0, stdev: 1e-6 })?,
        positions: vb.get_with_hints((1, TOKENS, WIDTH), "pos_embed", Init::Randn { mean: 0.0, stdev: 0.02 })?,
    };
    let mut stages: Vec<(String, Box<dyn Layer>)> = vec![("pos_drop".into(), Box::new(embedding))];
    for index in 0..BLOCKS {
        stages.push((format!("blocks.{index}"), Box::new(Block::new(&vb.pp("blocks").pp(index))?)));
    }
    let head = Head {
        neck: Box::new(ClassToken(LayerNorm::new(WIDTH, vb.pp("norm"))?)),
        dropout: 0.0,
        last: Dense::new(WIDTH, classes, vb.pp("head"))?,
    };
    Ok(Staged::new(facts(zoo, channels, classes, WIDTH, &vb), stages, Box::new(head)))
}

#[derive(Debug)]
struct Embedding {
    patches: Patches,
    class_token: Tensor,
    positions: Tensor,
}

impl Layer for Embedding {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        let patches = self.patches.forward(xs)?.flatten_from(2)?.transpose(1, 2)?;
        let class_token = self.class_token.broadcast_as((patches.dim(0)?, 1, WIDTH))?;
        Tensor::cat(&[&class_token, &patches], 1)?.broadcast_add(&self.positions)
    }
}

/// Attention, then two layers, each behind a normalisation and added to what came in. Inside, a token is a column; what
/// goes in and out is a view with tokens as rows.
#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(vb: &VarBuilder) -> TensorResult<Self> {
        Ok(Self {
            norm1: LayerNorm::new(WIDTH, vb.pp("norm1"))?,
            attention: Attention::new(&vb.pp("attn"))?,
            norm2: LayerNorm::new(WIDTH, vb.pp("norm2"))?,
            mlp: Mlp::new(WIDTH, vb.pp("mlp"))?,
        })
    }
}

impl Layer for Block {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        let xs = xs.transpose(1, 2)?.contiguous()?;
        let xs = (&xs + self.attention.forward(&self.norm1.forward(&xs)?)?)?;
        let xs = (&xs + self.mlp.forward(&self.norm2.forward(&xs)?)?)?;
        xs.transpose(1, 2)
    }
}

/// Self-attention of twelve heads (Vaswani et al., NeurIPS 2017); queries, keys and values come from one layer.
#[derive(Debug)]
struct Attention {
    qkv: Dense,
    proj: Dense,
}

impl Attention {
    fn new(vb: &VarBuilder) -> TensorResult<Self> {
        Ok(Self { qkv: Dense::new(WIDTH, 3 * WIDTH, vb.pp("qkv"))?, proj: Dense::new(WIDTH, WIDTH, vb.pp("proj"))? })
    }

    fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let (n, width, tokens) = xs.dims3()?;
        let head = width / HEADS;
        let qkv = self.qkv.forward(xs)?.reshape((n, 3, HEADS, head, tokens))?;
        let part = |index| qkv.narrow(1, index, 1)?.squeeze(1)?.contiguous();
        let queries = (part(0)? * (head as f64).powf(-0.5))?;
        // (n, heads, token that asks, token that is asked)
        let shares = softmax(&queries.transpose(2, 3)?.contiguous()?.matmul(&part(1)?)?)?;
        let seen = part(2)?.matmul(&shares.transpose(2, 3)?.contiguous()?)?;
        self.proj.forward(&seen.reshape((n, width, tokens))?)
    }
}

/// Over the last axis. The greatest value, taken off so that nothing overflows, needs no gradient: it cancels out.
fn softmax(xs: &Tensor) -> TensorResult<Tensor> {
    let powers = xs.broadcast_sub(&xs.max_keepdim(D::Minus1)?.detach())?.exp()?;
    powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
}

/// The class token, normalised: `(n, tokens, c)` to `(n, c)`.
#[derive(Debug)]
struct ClassToken(LayerNorm);

impl Layer for ClassToken {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        self.0.forward(&xs.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?)
    }
}
