"""A session of training: from one start of a run to its end, or to the signal that stops it.

Checkpoints, validations, log rows and compiled calls end at the same steps, multiples of `--log_every`: a killed run
leaves nothing half logged. A validation draws no random number, and its consequences (the best network, an early end)
are a function of validation.csv: a resumed run decides as an undisturbed one.
"""

import contextlib
import re
import sys
import time
from collections.abc import Iterator

import numpy as np

from tintmill.model.networks import registry as networks
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input import shards
from tintmill.trainer.input.read_ahead import ReadAhead, split_into_calls
from tintmill.trainer.run import best, checkpoint, starts
from tintmill.trainer.run.begin import join_run
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import step
from tintmill.trainer.training.cluster import Cluster
from tintmill.trainer.training.log import Log, Row
from tintmill.trainer.training.profiling import Profile
from tintmill.trainer.training.stop import Ending, StopSignal
from tintmill.trainer.training.validation import Validation

tf = import_tensorflow()


class Session:
    """Trains a run from its newest checkpoint, or from the start.

    Of several processes all compute, and all read the checkpoints; the chief alone writes.
    """

    def __init__(self, run: RunFolder, settings: TrainSettings, dataset: Dataset, members: Cluster):
        """Builds what is trained, and loads the newest checkpoint into it.

        Raises:
          TintmillError: the network and the dataset do not fit each other, or all checkpoints are damaged.
        """
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._run, self._settings, self._dataset, self._members = run, settings, dataset, members
        begins = not checkpoint.list_steps(run.checkpoints)
        strategy = step.make_strategy(settings.replicas, members.workers)
        self._state = step.make_state(strategy, settings, dataset, begins)
        self._train_steps = step.make_steps(self._state, settings, dataset.settings.encoding)
        if not members.chief:
            join_run(run, settings, dataset)  # by now all processes have met, and the chief has begun the run
        self._start = checkpoint.restore(run.checkpoints, self._state.variables)
        self._step = self._start  # to which training has come
        self._saved = self._start  # the step of the newest checkpoint
        self._stop, self._stopped = StopSignal(), False
        self._log: Log | None = None  # the chief's
        self._validation: Validation | None = None  # the chief's, where there is a split for it

    def train(self) -> Ending:
        """Trains to the last step, or until patience is over or a process is told to stop; leaves model.keras.

        Raises:
          TintmillError: the loss is no longer finite, the disk is full, or another process ended before its time.
        """
        self._print_start()
        with _explain_lost_workers(), self._stop, self._open_log():
            self._train_rows()
        stopped = self._stopped and self._step < self._settings.steps
        if stopped:
            print(
                f"stopped at step {self._step} of {self._settings.steps}, saved; run the same command again to go on",
                file=sys.stderr,
            )
        elif self._members.chief:
            self._write_result()
        self._any_process([True])  # all wait until all is written: some schedulers end all processes with the first
        return Ending(self._step, stopped, self._stop.interrupted)

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[None]:
        """Within, the chief logs and validates; other processes do neither."""
        if not self._members.chief:
            yield
            return
        self._log = Log(self._run, self._settings, self._dataset, self._start)
        with self._log:
            if self._settings.validated:
                self._validation = Validation(self._state, self._settings, self._dataset)
            best.remove_after(self._run, self._start)
            yield

    def _train_rows(self) -> None:
        """Trains, logs, validates, saves, in this order, once a row of metrics.csv."""
        settings, profile = self._settings, Profile(self._run, self._settings)
        ends = self._agree_on_end()
        if self._log and not ends:
            with self._explain_unwritable():
                starts.record(self._run.starts_file, starts.describe(self._state.strategy, self._start))
        with (
            ReadAhead(self._state.strategy, settings, self._dataset, self._start, self._members.rank) as ahead,
            contextlib.closing(profile),
        ):
            calls = iter(ahead)
            rows = split_into_calls(self._start, settings.steps, settings.log_every)
            while not ends:
                steps = next(rows)
                with profile.row(steps):
                    row = self._train_row(steps, calls, ahead)
                self._check_finite(row)
                self._step = steps.stop
                if self._log:
                    self._write_row(row)
                ends = self._agree_on_end()
                if self._log and (self._step % settings.checkpoint_every == 0 or ends):
                    self._save()

    def _train_row(self, steps: range, calls: Iterator[tuple[range, dict]], ahead: ReadAhead) -> Row:
        """Trains the steps of a row, in one compiled call or, where batches are large, in several."""
        began, found, waited, at = time.perf_counter(), [], 0.0, steps.start
        while at < steps.stop:
            call, batches = next(calls)
            losses, records = self._train_steps(batches, tf.constant(len(call)))
            found.append(({name: values.numpy() for name, values in losses.items()}, records.numpy()))
            waited += ahead.waited
            at = call.stop
        losses = {name: np.concatenate([part[name] for part, _ in found]) for name in found[0][0]}
        records = np.concatenate([records for _, records in found])
        return Row(steps, losses, records, time.perf_counter() - began, waited)

    def _check_finite(self, row: Row) -> None:
        finite = np.all([np.isfinite(values) for values in row.losses.values()], axis=0)  # (n,)
        if np.all(finite):
            return
        bad = int(np.argmin(finite))  # the first step that is not
        said = ", ".join(f"{name} is {part[bad]}" for name, part in row.losses.items() if not np.isfinite(part[bad]))
        ids = shards.record_ids(self._dataset, self._settings.split, row.records[bad])
        saved = checkpoint.list_steps(self._run.checkpoints)
        raise TintmillError(
            f"the {said} at step {row.steps[bad] + 1}; the batch was {ids}; the last good checkpoint is of step "
            f"{saved[-1] if saved else 'none'}; try a smaller --learning_rate in another --run"
        )

    def _write_row(self, row: Row) -> None:
        """Logs a row, and validates where that is due: at the last step, and where a multiple was passed."""
        every, steps, settings = self._settings.validate_every, row.steps, self._settings
        with self._explain_unwritable():
            self._log.write(row)
            if not self._validation:
                return
            if steps.stop == settings.steps or steps.stop // every > steps.start // every:
                with self._state.network.averaged():
                    self._log.write_validation(self._step, self._validation())
                    best.keep(self._run, self._state.model, self._log.validations, settings)

    def _save(self) -> None:
        if self._step != self._saved:
            checkpoint.save(self._run.checkpoints, self._step, self._state.variables, self._settings.keep_checkpoints)
            self._saved = self._step

    def _write_result(self) -> None:
        """Writes model.keras: the last network, or the best."""
        settings, validations = self._settings, self._log.validations
        with self._explain_unwritable(), self._state.network.averaged():
            if settings.keep == "best":
                best.publish(self._run, validations, settings)
            else:
                saved_model.save_model(self._run.path, self._state.model)
        if best.is_out_of_patience(validations, settings):
            print(
                f"stopped early: no better {settings.best_by} in {settings.patience} validations, best at step "
                f"{best.find_best_step(validations, settings)}",
                file=sys.stderr,
            )

    def _agree_on_end(self) -> bool:
        """Whether training ends here; all processes ask, and all get the same answer."""
        patience = bool(self._log) and best.is_out_of_patience(self._log.validations, self._settings)
        self._stopped, patience = self._any_process([bool(self._stop.received), patience])
        return self._stopped or patience or self._step >= self._settings.steps

    def _any_process(self, wishes: list[bool]) -> list[bool]:
        """Which of the wishes at least one process has; returns once all processes have asked."""
        strategy = self._state.strategy
        if not strategy.extended._in_multi_worker_mode():
            return wishes
        mine = tf.constant(wishes, tf.float32)
        values = strategy.experimental_distribute_values_from_function(lambda _: mine)
        return [bool(value) for value in strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy() > 0]

    def _print_start(self) -> None:
        settings, members = self._settings, self._members
        if networks.has_encoder(settings.network) and settings.encoder_weights == "random" and not settings.init_from:
            print(f"NOTE: the encoder of {settings.network} has RANDOM weights", file=sys.stderr)
        devices = ", ".join(name.split("/device:")[-1] for name in self._state.strategy.extended.worker_devices)
        if members.workers > 1:
            devices += f" of worker {members.rank} of {members.workers}"
        fresh = f"from {settings.init_from}" if settings.init_from else "from the start"
        begin = f"resumed at step {self._start}" if self._start else fresh
        print(
            f"{settings.network}, {self._state.model.count_params():,} parameters, on {devices}; "
            f"{self._dataset.splits[settings.split]} records; {begin}, to step {settings.steps}",
            file=sys.stderr,
        )

    @contextlib.contextmanager
    def _explain_unwritable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TintmillError(
                f"--run={self._run}: cannot be written: {error}; put that right and run the same command again to go on"
            ) from error


@contextlib.contextmanager
def _explain_lost_workers() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        if "Collective ops is aborted" not in str(error):
            raise
        gone = "; ".join(sorted(set(re.findall(r"/job:\w+/(?:replica:\d+/)?task:\d+", str(error)))))
        raise TintmillError(
            f"a worker of this job ended before its time (TensorFlow names {gone}); start all of them again to go on "
            "from the last checkpoint"
        ) from error
