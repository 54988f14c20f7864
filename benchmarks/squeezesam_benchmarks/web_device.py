"""A browser as a device that runs ONNX artifacts, through the page of `squeezesam web`.

The page asks a server of this machine what to measure, measures it in a worker, and answers.
Chromium is started anew for each measurement; a browser that a person opened loads the page anew.
"""

import dataclasses
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from squeezesam import strict_json
from squeezesam.environment import usable_cores
from squeezesam.errors import ArtifactError, ConfigError, DeviceError, MissingDependencyError
from squeezesam_benchmarks.devices import (
    BROWSER_BACKENDS,
    WEB,
    BenchmarkArtifact,
    DeviceOptions,
    check_cores,
    refuse_options,
)
from squeezesam_benchmarks.host import host_condition, host_device
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    Condition,
    DeviceFacts,
    Measurement,
    record_from_json,
)
from squeezesam_export.web_site import (
    HOST,
    TARGET,
    SiteHandler,
    named_models,
    runtime_files,
    site_server,
    write_models,
    write_page,
)

ADDRESS = "address"
PHOTO = "photo.jpg"
"""Of automatic masks, on the site."""

MOST_THREADS = 4
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = (
    *("--headless=new", "--no-first-run", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
RUNTIME_FOLDER = Path("node_modules")
POLL_S = 20.0
"""The longest that the page waits for an answer before it asks again."""

START_LIMIT_S = 120.0
OPEN_LIMIT_S = 600.0
"""The longest that Chromium, or a person, takes to open the page."""

LOAD_LIMIT_S = 120.0
INFERENCE_LIMIT_S = 120.0
MAX_ANSWER_BYTES = 20_000_000


@dataclass(frozen=True)
class BrowserFacts:
    """What a browser says of itself: its name, its logical cores, and whether it allows threads."""

    browser: str
    cores: int
    isolated: bool


class Link:
    """What the server and the measuring thread hand to one another.

    Attributes:
        token: in the address of the page; who does not know it is refused.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._page: str | None = None
        self._facts: BrowserFacts | None = None
        self._job: Mapping[str, Any] | None = None
        self._answer: Mapping[str, Any] | None = None

    def asked(self, page: str, facts: BrowserFacts) -> Mapping[str, Any] | None:
        """The next job for a page, the latest that asked; None where there is none for now."""
        with self._changed:
            self._page, self._facts = page, facts
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._page != page or self._job, POLL_S)
            if self._page != page:
                return None
            job, self._job = self._job, None
            return job

    def answered(self, page: str, answer: Mapping[str, Any]) -> None:
        """Take the answer of the latest page."""
        with self._changed:
            if page == self._page:
                self._answer = answer
                self._changed.notify_all()

    def facts(self, longest_s: float) -> BrowserFacts | None:
        """What the browser says of itself, once it asks; None where it does not."""
        with self._changed:
            self._changed.wait_for(lambda: self._facts, longest_s)
            return self._facts

    def asks(self, job: Mapping[str, Any], longest_s: float) -> Mapping[str, Any] | None:
        """The answer to a job; None where none came in time.

        A page that waits has to ask again first: it may be of a browser that was ended since.
        """
        with self._changed:
            self._page, self._job, self._answer = None, job, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answer, longest_s)
            answer, self._job, self._answer = self._answer, None, None
            return answer


def handler_of(link: Link) -> type[SiteHandler]:
    """A handler that serves the page and speaks with it."""

    class Handler(SiteHandler):
        def do_POST(self) -> None:  # noqa: N802 - as http.server names it
            """Give a job, or take an answer."""
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MAX_ANSWER_BYTES:
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            try:
                content = strict_json.parse(self.rfile.read(int(length)).decode())
                token, page = content.pop("token"), str(content.pop("page"))
                facts = content.pop("facts", None)
                known = facts and record_from_json(BrowserFacts, facts)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            if not secrets.compare_digest(str(token).encode(), link.token.encode()):
                self.send_error(HTTPStatus.FORBIDDEN)
            elif known:
                job = link.asked(page, known)
                self._say(job) if job else self._say(None, HTTPStatus.NO_CONTENT)
            else:
                link.answered(page, content)
                self._say({})

        def _say(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class Chromium:
    """Headless Chromium of this machine, with a profile of its own.

    Args:
        program: its path.
        folder: for profiles.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, address: str, backend: str) -> None:
        """Open an address in a new process; an earlier one ends."""
        self.close()
        words = [self.program, *CHROMIUM_OPTIONS]
        words += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        words += ["--enable-unsafe-webgpu"] if backend == "webgpu" else []
        profile = tempfile.mkdtemp(dir=self.folder)
        self._process = subprocess.Popen(
            [*words, f"--user-data-dir={profile}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """End the process and all that it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Browser:
    """Implements `devices.Device`.

    Args:
        site: folder of the page.
        link: to the page.
        address: of the page.
        backend: of ONNX Runtime, in BROWSER_BACKENDS.
        chromium: opens the page; None where a person did.
        facts: what the browser says of itself.
    """

    deterministic = False

    def __init__(
        self,
        site: Path,
        link: Link,
        address: str,
        backend: str,
        chromium: Chromium | None,
        facts: BrowserFacts,
    ) -> None:
        self.site, self.link, self.address = site, link, address
        self.backend, self.chromium = backend, chromium
        cores = min(facts.cores, usable_cores()) if chromium else facts.cores
        self.most_threads = cores if facts.isolated and backend == "wasm" else 1
        self.default_threads: tuple[int | None, ...] = tuple(
            sorted({1, min(self.most_threads, MOST_THREADS)})
        )
        nothing = DeviceFacts(WEB, None, None, None, facts.cores, None)
        host = host_device() if chromium else nothing
        self.facts = dataclasses.replace(host, place=WEB, browser=facts.browser)

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether it is an ONNX file."""
        return subject.target == TARGET

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse numbers of threads that the browser does not give.

        Raises:
            ConfigError: none given, below 1, or more than its cores.
        """
        check_cores(threads, self.most_threads, "cannot be had in this browser")

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Put the bundle beside the page, and the photo of automatic masks where there are any."""
        write_models(self.site, named_models([subjects[0].path.parent]))
        photos = {one.salient.photo for one in subjects if one.salient}
        for photo in photos:
            shutil.copyfile(photo, self.site / PHOTO)

    def condition(self) -> Condition:
        """That of this machine, where the browser runs on it."""
        return host_condition() if self.chromium else Condition()

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Have a fresh page measure one artifact.

        Raises:
            ArtifactError: the page cannot load or run it.
            DeviceError: the page does not answer.
        """
        if self.chromium:
            self.chromium.open(self.address, self.backend)
        salient = subject.salient
        job = {
            "file": subject.path.name,
            "backend": self.backend,
            "threads": threads,
            "protocol": dataclasses.asdict(protocol),
            "salient": salient and {"detector": salient.artifact.name, "photo": PHOTO},
        }
        longest = START_LIMIT_S + protocol.longest_s(LOAD_LIMIT_S, INFERENCE_LIMIT_S)
        answer = self.link.asks(job, longest)
        if answer is None:
            raise DeviceError(
                f"the browser does not answer about {subject.path.name}; keep its page open and in "
                "front, and run again"
            )
        if "error" in answer:
            raise ArtifactError(f"timing {subject.path.name} failed: {answer['error']}")
        try:
            return record_from_json(Measurement, answer.get("measurement"))
        except ValueError as error:
            raise DeviceError(f"the page gives no measurement ({error}); load it anew") from error


@contextmanager
def connect(options: DeviceOptions) -> Iterator[Browser]:
    """Chromium of this machine, or a browser that a person opens.

    Raises:
        ConfigError: an option that is for other devices, or an unknown backend or device.
        DeviceError: no browser opens the page.
        MissingDependencyError: Chromium or the files of ONNX Runtime are missing.
    """
    refuse_options(WEB, options, "device", "runners", "compute_units")
    backend = options.compute_units or BROWSER_BACKENDS[0]
    if backend not in BROWSER_BACKENDS:
        known = ", ".join(BROWSER_BACKENDS)
        raise ConfigError(f"unknown --compute-units {backend!r}; choose from {known}")
    if options.device not in (None, ADDRESS):
        raise ConfigError(f"--device {options.device} is no browser; leave it out, or {ADDRESS}")
    scripts = runtime_files(options.runners or RUNTIME_FOLDER, "--runners")
    program = None if options.device else chromium_program()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, link = Path(name), Link()
        site = folder / "site"
        site.mkdir()
        write_page(site, scripts)
        chromium = Chromium(program, folder) if program else None
        with served(site, link) as port:
            address = f"http://{HOST}:{port}/?benchmark={link.token}"
            try:
                if chromium:
                    chromium.open(address, backend)
                else:
                    options.tell(
                        f"open {address} in a browser of this machine, or of an Android phone "
                        f"after `adb reverse tcp:{port} tcp:{port}`"
                    )
                facts = link.facts(START_LIMIT_S if chromium else OPEN_LIMIT_S)
                if facts is None:
                    raise DeviceError(f"no browser opened {address}; try again")
                yield Browser(site, link, address, backend, chromium, facts)
            finally:
                if chromium:
                    chromium.close()


@contextmanager
def served(site: Path, link: Link) -> Iterator[int]:
    """The port on which a thread serves a site to this machine."""
    with site_server(site, 0, handler_of(link)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def chromium_program() -> str:
    """The path of Chromium.

    Raises:
        MissingDependencyError: it is not installed.
    """
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise MissingDependencyError(
            f"timing in a browser needs {CHROMIUM[0]}; apt-get install {CHROMIUM[0]}, or give "
            f"--device {ADDRESS} and open the page yourself"
        )
    return found
