"""What Tintmill installs: its known vulnerabilities, its licences, and the list of its parts.

    python requirements/audit.py vulnerabilities PIP_AUDIT   asks PyPI's database of advisories, by pip-audit
    python requirements/audit.py licences                    writes requirements/licences.md
    python requirements/audit.py sbom FILE                   writes the parts as CycloneDX 1.6

All three go by requirements/product.lock. Without a network nothing can be looked up: the first says so, and fails
nothing.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "product.lock"
TABLE = HERE / "licences.md"
_OFFLINE = (
    "ConnectionError",
    "NewConnectionError",
    "ConnectTimeout",
    "Max retries exceeded",
    "ProxyError",
    "ServiceError",
)
# What a package's own metadata does not say.
_NOTES = {
    "av": "BSD-3-Clause; its wheels hold FFmpeg with x264 and x265, GPL-2.0-or-later. Of the extra `video` alone.",
}
_HEAD = """\
# Licences

What `make` installs, by [product.lock](product.lock), with the licence that each package's own metadata says. `make
licences` writes this table anew. A plain `pip install .` installs less: the extras are in `setup.py`.

| package | version | licence |
|---|---|---|
"""


def read_lock(text: str) -> dict[str, tuple[str, list[str]]]:
    """Package: (version, sha256 of its files in hex)."""
    found = {}
    for name, version, rest in re.findall(
        r"^([\w.-]+)==([^ ;\\]+)(.*?)(?=^[\w.-]+==|\Z)", text, re.MULTILINE | re.DOTALL
    ):
        found[name] = version, re.findall(r"sha256:([0-9a-f]{64})", rest)
    return found


def find_licence(name: str) -> str:
    """A package's licence in a line, by its metadata: the SPDX expression, the classifiers, or its own words."""
    if name in _NOTES:
        return _NOTES[name]
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed here"
    classified = [
        text.rpartition(":: ")[2] for text in about.get_all("Classifier") or [] if text.startswith("License ::")
    ]
    first_line = (about.get("License") or "").strip().split("\n")[0][:60]
    return about.get("License-Expression") or ", ".join(classified) or first_line or "not said"


def make_table() -> str:
    rows = [
        f"| {name} | {version} | {find_licence(name)} |" for name, (version, _) in read_lock(LOCK.read_text()).items()
    ]
    return _HEAD + "\n".join(rows) + "\n"


def make_sbom(version: str) -> dict:
    """The parts of Tintmill as CycloneDX. It says no time and no number, so that equal parts give equal bytes."""
    parts = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{found}",
            "name": name,
            "version": found,
            "purl": f"pkg:pypi/{name}@{found}",
            "licenses": [{"license": {"name": find_licence(name)}}],
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
        }
        for name, (found, digests) in read_lock(LOCK.read_text()).items()
    ]
    product = {"type": "application", "bom-ref": "tintmill", "name": "tintmill", "version": version}
    product["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": parts,
        "dependencies": [{"ref": "tintmill", "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def find_vulnerabilities(pip_audit: str) -> int:
    """Prints what pip-audit finds; returns the exit code: 1 where there are vulnerabilities."""
    line = [pip_audit, "--requirement", str(LOCK), "--no-deps", "--disable-pip", "--progress-spinner=off"]
    line += ["--format=json"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return _say_offline("pip-audit is not installed, and could not be fetched")
    if done.returncode and any(mark in done.stderr for mark in _OFFLINE):
        return _say_offline(done.stderr.strip().splitlines()[-1][:200])
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(done.stdout + done.stderr, end="")
        return done.returncode or 1
    return _report(found)


def _report(found: list[dict]) -> int:
    """Says what was found, and what could not be looked up: pip-audit passes over that without failing."""
    unknown = [package["name"] for package in found if "skip_reason" in package]
    if len(unknown) == len(found):
        return _say_offline("the package index that is reached here knows no advisories")
    bad = [package for package in found if package.get("vulns")]
    for package in bad:
        for advisory in package["vulns"]:
            fixed = ", ".join(advisory.get("fix_versions", [])) or "no version"
            print(f"{package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}")
    if unknown:
        print(f"NOT CHECKED: {len(unknown)} packages could not be looked up: {', '.join(unknown)}")
    print(f"{len(found) - len(unknown)} of {len(found)} packages looked up, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


def _say_offline(reason: str) -> int:
    packages = len(read_lock(LOCK.read_text()))
    print(
        f"NOT CHECKED: no database of advisories could be asked ({reason}); {packages} packages of {LOCK.name} are as"
    )
    print(
        "they were locked, and nothing is known here of what was found in them since. Run `make audit` with a network."
    )
    return 0


def main(words: list[str]) -> int:
    if words[:1] == ["licences"] and len(words) == 1:
        TABLE.write_text(make_table())
    elif words[:1] == ["sbom"] and len(words) == 2:
        version = re.search(r'__version__ = "(.+)"', (HERE.parent / "launch/interface/__init__.py").read_text())[1]
        Path(words[1]).write_text(json.dumps(make_sbom(version), indent=1) + "\n")
    elif words[:1] == ["vulnerabilities"] and len(words) == 2:
        return find_vulnerabilities(words[1])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
