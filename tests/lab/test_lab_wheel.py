"""What is installed from a wheel: the extension is in it, built, and a machine without Node has it
in JupyterLab and in the Jupyter server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "jupyter_ext" / "labextension"

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def uv() -> str:
    found = shutil.which("uv") or shutil.which(str(ROOT / ".tools/bin/uv"))
    if found is None:
        pytest.skip("uv is not installed: .ci/setup installs it")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [uv(), "build", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)  # the wheel is made of the sdist
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_carries_what_is_built_and_not_what_it_is_built_of(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    data = next(name for name in names if name.endswith("labextensions/mixpeek-lab/package.json"))
    assert any("static/remoteEntry." in name for name in names)
    assert any(name.endswith("jupyter_server_config.d/mixpeek.json") for name in names)
    assert any(name.endswith("ui/results.js") for name in names)
    assert not [name for name in names if name.endswith((".ts", ".tsx")) or "node_modules" in name]
    package = json.loads(zipfile.ZipFile(wheel).read(data))
    assert package["jupyterlab"]["_build"]["load"].startswith("static/remoteEntry.")


def test_both_say_ok_in_a_clean_environment_without_node(wheel: Path, tmp_path: Path):
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [uv(), "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True
    )
    pinned = ("--constraint", ROOT / "constraints.txt")
    install = [uv(), "pip", "install", "--quiet", "--python", python, *pinned, f"{wheel}[lab]"]
    subprocess.run(install, check=True)
    alone = {
        "PATH": str(python.parent),
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_NO_CONFIG": "",
    }
    assert shutil.which("node", path=alone["PATH"]) is None
    for kind, name in (("labextension", "mixpeek-lab"), ("server", "jupyter_ext")):
        more = ["extension"] if kind == "server" else []
        done = subprocess.run(
            [python, "-m", "jupyter", kind, *more, "list"],
            env=alone,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        lines = (done.stdout + done.stderr).splitlines()
        place = next(n for n, line in enumerate(lines) if name in line)
        assert any("OK" in line for line in lines[place : place + 3]), lines


def test_one_version_and_a_lock_that_names_no_host():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert json.loads((EXTENSION / "package.json").read_text())["version"] == project["version"]
    assert "://" not in (EXTENSION / "yarn.lock").read_text()


def test_strings_go_through_the_translator_and_colours_are_the_themes():
    style = (EXTENSION / "style/base.css").read_text()
    assert "#" not in "".join(line.partition("/*")[0] for line in style.splitlines())
    for source in (EXTENSION / "src").glob("*"):
        text = source.read_text()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text.replace("https://schema.mixpeek.com/", "")


def test_what_is_installed_here_was_built_of_these_sources():
    sys.path.insert(0, str(ROOT))
    try:
        import hatch_build
    finally:
        sys.path.remove(str(ROOT))
    assert hatch_build.is_built(EXTENSION), "run .ci/setup: the extension is older than its sources"
    installed = Path(sys.prefix) / "share/jupyter/labextensions/mixpeek-lab/static"
    assert {f.name for f in installed.iterdir()} == {
        f.name for f in (EXTENSION / "dist/static").iterdir()
    }
