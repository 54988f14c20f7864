"""What a run is going to use, for people."""

from squeezesam.counting import parameters
from squeezesam.tables import aligned_table
from squeezesam.training.loop import Network, Trainer


def summary(trainer: Trainer[Network], variant: str) -> str:
    """Data sets with their shares, then network, stages and device.

    Args:
        trainer: ready to run.
        variant: name of its network.
    """
    config, processes = trainer.config, trainer.processes
    rows = [
        (dataset.name, str(len(dataset)), f"{share:.3f}", str(len(dataset.skipped)))
        for dataset, share in zip(trainer.datasets, trainer.shares, strict=True)
    ]
    table = aligned_table(("data set", "photos", "share", "unreadable"), rows, {"data set"})
    images = sum(stage.steps * stage.batch for stage in config.stages)
    stages = ", ".join(
        f"{stage.steps} batches of {stage.batch} at {stage.size} px" for stage in config.stages
    )
    count = f"{processes.count} processes" if processes.count > 1 else "1 process"
    return (
        f"{table}\n"
        f"{variant}: {parameters(trainer.model) / 1e6:.2f} M parameters\n"
        f"{stages}: {images} samples\n"
        f"{count} on {processes.device.type}, {config.precision}, "
        f"{config.workers} data workers each, seed {config.seed}, into {trainer.folder}"
    )
