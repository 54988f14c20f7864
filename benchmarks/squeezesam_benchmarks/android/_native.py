import json

from squeezesam.errors import ArtifactError
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.schema import Measurement


def job_words(subject: Subject, threads: int, protocol: Protocol) -> list[str]:
    return ["time", subject.path.name, f"threads={threads}", str(protocol.timed_inferences)]


def measurement_of(stdout: str) -> Measurement:
    try:
        return record_from_json(Measurement, json.loads(stdout))
    except ValueError as error:
        raise ArtifactError(f"the runner printed no measurement: {error}") from error
