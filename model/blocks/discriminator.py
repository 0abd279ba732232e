"""A critic that learns to tell coloured from true pictures, patch by patch: pix2pix's PatchGAN (Isola et al. 2017).

| layers (4x4, same, leaky ReLU 0.2)      | sees of the picture |
|-----------------------------------------|---------------------|
| 64 /2, 128 /2, 256 /2, 512, 1 (no ReLU) | 70x70               |

2,764,737 parameters. No normalisation where pix2pix has batch normalisation: a batch of true and one of coloured
pictures have other statistics, which gives the answer away, and replicas would have to share them.

The critic learns from the forward pass that the network learns from: that is one pass less, and neither has the last
word. Its optimizer is Adam with the network's learning rate and beta1 = 0.5.
"""

import keras
from keras import layers, ops


def patchgan() -> keras.Model:
    """[B, H, W, 3]: L*/50 - 1, a*/128, b*/128 -> logits float32 [B, ceil(H/8), ceil(W/8), 1]; above 0 says true."""
    picture = keras.Input((None, None, 3), name="lab")
    x = picture
    for filters, strides in ((64, 2), (128, 2), (256, 2), (512, 1)):
        x = layers.Conv2D(filters, 4, strides=strides, padding="same", name=f"critic_{filters}")(x)
        x = layers.LeakyReLU(0.2)(x)
    verdict = layers.Conv2D(1, 4, padding="same", name="critic_verdict", dtype="float32")(x)
    return keras.Model(picture, verdict, name="patchgan")


def judge(critic: keras.Model, targets: dict, outputs: dict) -> tuple:
    """What both sides of the game lose, cross entropies in nats, float32 [B] each.

    Args:
      targets, outputs: as in `losses`.
    Returns:
      (adversarial, critic): -log D(coloured), for the network (the non-saturating form), and
      -(log D(true) + log(1 - D(coloured))) / 2, for the critic.
    """
    lightness = targets["l"]  # (B, H, W, 1)
    coloured = critic(ops.concatenate([lightness, ops.cast(outputs["ab"], "float32")], axis=-1), training=True)
    true = critic(ops.concatenate([lightness, targets["ab"]], axis=-1), training=True)
    caught = (_mean(ops.softplus(-true)) + _mean(ops.softplus(coloured))) / 2
    return _mean(ops.softplus(-coloured)), caught


def _mean(values):
    return ops.mean(values, axis=(1, 2, 3))
