"""The site that `squeezesam web` writes, and its server."""

import json
import re
import shutil
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from small_networks import SIZE, run

from squeezesam.errors import ConfigError
from squeezesam_export.web_site import PACKAGE, PACKAGE_VERSION, RUNTIME_FILES, site_server


@pytest.fixture
def bundle(weights, shared):
    words = ("--target", "onnx", "--precision", "fp32", "--size", SIZE)
    return shared.export("--no-detector", "--weights", weights, *words)


@pytest.fixture
def packages(tmp_path):
    """A node_modules folder with stand-ins for the files of the runtime."""
    folder = tmp_path / "node_modules"
    dist = folder / PACKAGE / "dist"
    dist.mkdir(parents=True)
    for name in RUNTIME_FILES:
        (dist / name).write_bytes(name.encode())
    package = {"name": PACKAGE, "version": PACKAGE_VERSION}
    (folder / PACKAGE / "package.json").write_text(json.dumps(package))
    return folder


def write(bundle, packages, out):
    return run("web", "--artifacts", bundle, "--runtime", packages, "--out", out)


def contents(folder: Path):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_site_is_whole_and_asks_nobody_else(bundle, packages, tmp_path, capsys):
    out = tmp_path / "site"
    assert write(bundle, packages, out) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    files = contents(out)
    assert json.loads(files["bundle/index.json"]) == [bundle.name]
    manifest = files[f"bundle/{bundle.name}/manifest.json"]
    assert manifest == (bundle / "manifest.json").read_bytes()
    (artifact,) = (name for name in files if name.endswith(".onnx"))
    assert files[artifact] == (bundle / Path(artifact).name).read_bytes()
    assert {name for name in files if name.startswith("runtime/")} == {
        f"runtime/{name}" for name in RUNTIME_FILES
    }
    for name in json.loads(files["photos/index.json"]):
        assert f"photos/{name}" in files
    own = {name: text.decode() for name, text in files.items() if name.endswith((".js", ".html"))}
    for name, text in own.items():
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        for wanted in re.findall(r'(?:from|src=|href=) ?"([^"]+)"', text):
            assert (out / name).parent.joinpath(wanted).is_file(), (name, wanted)


def test_a_site_is_replaced_whole_or_not_at_all(bundle, packages, tmp_path, capsys):
    out = tmp_path / "site"
    assert write(bundle, packages, out) == 0
    before = contents(out)
    missing = packages / PACKAGE / "dist" / RUNTIME_FILES[2]
    kept = missing.read_bytes()
    missing.unlink()
    assert write(bundle, packages, out) == 2
    assert f"{RUNTIME_FILES[2]} is missing; run 'npm install" in capsys.readouterr().err
    assert contents(out) == before
    missing.write_bytes(kept + b" of another build")
    assert write(bundle, packages / PACKAGE, out) == 0
    assert contents(out)[f"runtime/{missing.name}"] == missing.read_bytes()
    (out / "thesis.txt").write_text("mine")
    assert write(bundle, packages, out) == 2
    assert "holds other files" in capsys.readouterr().err


def test_a_site_of_several_models_names_them(bundle, packages, tmp_path, capsys):
    for name in ("first", "second", "elsewhere/first"):
        shutil.copytree(bundle, tmp_path / name)
    out = tmp_path / "site"
    words = ("web", "--runtime", packages, "--out", out, "--artifacts", tmp_path / "second")
    assert run(*words, tmp_path / "first") == 0
    files = contents(out)
    assert json.loads(files["bundle/index.json"]) == ["second", "first"]
    assert files["bundle/first/manifest.json"] == files["bundle/second/manifest.json"]
    assert run(*words, tmp_path / "first", tmp_path / "elsewhere" / "first") == 2
    assert "2 exports are named first; rename them" in capsys.readouterr().err
    assert contents(out) == files


def test_what_a_site_cannot_be_made_of_is_refused(bundle, packages, tmp_path, capsys):
    def complaint(artifacts, runtime):
        assert write(artifacts, runtime, tmp_path / "site") == 2
        assert not (tmp_path / "site").exists()
        return capsys.readouterr().err

    assert f"npm install --ignore-scripts {PACKAGE}@" in complaint(bundle, tmp_path / "none")
    description = packages / PACKAGE / "package.json"
    description.write_text('{"version": "0.1.0"}')
    assert "has version '0.1.0'; run 'npm install" in complaint(bundle, packages)
    description.write_text("[]")
    assert "has version None" in complaint(bundle, packages)
    description.write_text("{")
    assert "is no npm package" in complaint(bundle, packages)
    altered = tmp_path / "altered"
    shutil.copytree(bundle, altered)
    (artifact,) = altered.glob("*.onnx")
    artifact.write_bytes(artifact.read_bytes() + b"x")
    description.write_text(json.dumps({"version": PACKAGE_VERSION}))
    assert "was altered since its export" in complaint(altered, packages)
    assert "is no export directory" in complaint(tmp_path, packages)


def test_the_server_sends_what_threads_need(bundle, packages, tmp_path):
    out = tmp_path / "site"
    assert write(bundle, packages, out) == 0
    (tmp_path / "beside.txt").write_text("not part of the site")
    with site_server(out, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            for name, kind in (
                ("", "text/html"),
                ("page/main.js", "text/javascript"),
                (f"runtime/{RUNTIME_FILES[0]}", "text/javascript"),
                (f"runtime/{RUNTIME_FILES[2]}", "application/wasm"),
            ):
                with urllib.request.urlopen(f"{address}/{name}") as answer:
                    assert answer.headers["Content-Type"] == kind
                    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            for hostile in ("%2e%2e/beside.txt", "%00", "page/main.js%00", "runtime/"):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    urllib.request.urlopen(f"{address}/{hostile}")
            with pytest.raises(ConfigError, match="cannot serve on port"):
                site_server(out, server.server_port)
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(ConfigError, match="70000 is no port"):
        site_server(out, 70_000)
