"""The part `class`: what the picture shows, as a help to colour it (Iizuka et al. 2016)."""

from keras import ops


def classification(targets: dict, outputs: dict):
    """Cross entropy of the picture's class in nats, float32 [B]; 0 for a picture without class (Iizuka, eq. 4)."""
    label, logits = targets["label"], ops.cast(outputs["class_logits"], "float32")  # (B,), (B, classes)
    # one_hot of -1 is a row of zeros on some backends and the last class on others.
    truth = ops.one_hot(ops.maximum(label, 0), logits.shape[-1], dtype="float32")  # (B, classes)
    entropy = ops.logsumexp(logits, axis=-1) - ops.sum(truth * logits, axis=-1)  # (B,)
    return ops.where(label < 0, 0.0, entropy)
