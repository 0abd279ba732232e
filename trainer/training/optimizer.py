"""What moves the weights: Adam or AdamW by a schedule, with clipping, a moving average and loss scaling."""

import contextlib
import dataclasses

import keras

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.trainer.run.settings import TrainSettings

tf = import_tensorflow()


class _OfReducedGradients:
    """Takes gradients that are summed over all replicas already: only then is their norm that of the global batch.

    Keras sums them itself, after clipping, so that one device and two would clip differently; the hook is its own, and
    private: a test of clipping on two replicas would find that it is gone.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class _SlowEncoder:
    """Moves the weights of a pretrained encoder at a share of the rate: what they know is worth keeping.

    Attributes:
      encoder_rate: the share, 0..1.
      slow: places of the encoder's weights among the trained ones.
    """

    encoder_rate: float = 1.0
    slow: frozenset[int] = frozenset()

    def update_step(self, gradient, variable, learning_rate):
        if self._get_variable_index(variable) in self.slow:
            learning_rate = learning_rate * self.encoder_rate
        super().update_step(gradient, variable, learning_rate)


class _Adam(_OfReducedGradients, _SlowEncoder, keras.optimizers.Adam):
    pass


class _AdamW(_OfReducedGradients, _SlowEncoder, keras.optimizers.AdamW):
    pass


@dataclasses.dataclass
class Learner:
    """A model and the optimizer of its weights.

    Attributes:
      averages: whether the optimizer keeps a moving average of the weights.
    """

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    averages: bool

    @property
    def variables(self) -> list:
        return [*self.model.variables, *self.optimizer.variables]

    def scale(self, loss):
        """The loss to be differentiated: in float16 large enough that its gradients do not vanish."""
        return self.optimizer.scale_loss(loss)

    def learn(self, gradients: list) -> None:
        """Moves the weights, in every replica by the sum of all replicas' gradients.

        Args:
          gradients: of a loss that went through `scale`, one tensor of the weight's shape for each trained weight.
        """
        summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        self.optimizer.apply(summed, self.model.trainable_variables)

    @contextlib.contextmanager
    def averaged(self):
        """Within, the weights are their moving average, where the optimizer keeps one."""
        if not self.averages:
            yield
            return
        weights = [tf.convert_to_tensor(weight) for weight in self.model.trainable_variables]
        self.optimizer.finalize_variable_values(self.model.trainable_variables)
        try:
            yield
        finally:
            for weight, value in zip(self.model.trainable_variables, weights, strict=True):
                weight.assign(value)


def make_learner(model: keras.Model, settings: TrainSettings, ema: float = 0.0, **options) -> Learner:
    """The learner of a model; must be called in the strategy's scope.

    Args:
      ema: momentum of the moving average of the weights, 0..1; 0: none is kept.
      options: further ones of Keras' Adam.
    """
    options = {"name": "adam", "global_clipnorm": settings.clip_norm or None} | options
    if ema:
        options |= {"use_ema": True, "ema_momentum": ema}
    if settings.optimizer == "adamw":
        optimizer = _AdamW(learning_rate(settings), weight_decay=settings.weight_decay, **options)
        # As is usual: what scales or shifts a channel has no size that were too large.
        optimizer.exclude_from_weight_decay(var_list=[w for w in model.trainable_variables if len(w.shape) < 2])
    else:
        optimizer = _Adam(learning_rate(settings), **options)
    if settings.encoder_rate:
        optimizer.encoder_rate, optimizer.slow = settings.encoder_rate, _places_of_encoder(model)
    if settings.precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return Learner(model, optimizer, bool(ema))


def _places_of_encoder(model: keras.Model) -> frozenset[int]:
    """Which of a model's trained weights belong to its layer `encoder`; none where it has no such layer."""
    encoders = [layer for layer in model.layers if layer.name == "encoder"]
    own = {id(weight) for encoder in encoders for weight in encoder.trainable_variables}
    return frozenset(i for i, weight in enumerate(model.trainable_variables) if id(weight) in own)


def learning_rate(settings: TrainSettings):
    """The learning rate, or its schedule by step.

    Returns:
      A number, or a Keras schedule: a linear warm-up, then a constant rate, or half a cosine down to 2 % at the end.
    """
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if settings.warmup_steps else settings.learning_rate,
            warmup_target=settings.learning_rate if settings.warmup_steps else None,
            warmup_steps=settings.warmup_steps,
            decay_steps=settings.steps - settings.warmup_steps,
            alpha=0.02,
        )
    if settings.warmup_steps:
        schedules = keras.optimizers.schedules
        return schedules.PolynomialDecay(0.0, settings.warmup_steps, end_learning_rate=settings.learning_rate)
    return settings.learning_rate
