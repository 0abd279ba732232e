"""What is installed is listed: licences, parts, and what is said where no database can be asked."""

import importlib.util
import json

import pytest

from tests.support.source_tree import ROOT

_SPEC = importlib.util.spec_from_file_location("audit", ROOT / "requirements" / "audit.py")
audit = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(audit)


def test_the_table_of_licences_has_every_locked_package():
    rows = [line.split(" | ") for line in audit.TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    listed = {row[0].removeprefix("| "): row[1] for row in rows}
    assert listed == {name: version for name, (version, _) in audit.read_lock(audit.LOCK.read_text()).items()}, (
        "run `make licences`"
    )
    assert all(len(row) == 3 and row[2] != " |" for row in rows)


def test_the_gpl_in_pyav_s_wheels_is_said():
    assert "x264 and x265, GPL-2.0-or-later" in audit.find_licence("av")


def test_the_list_of_parts_is_cyclonedx_and_always_the_same():
    made = audit.make_sbom("1.2.3")
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert made["metadata"]["component"]["version"] == "1.2.3"
    parts = {part["name"]: part for part in made["components"]}
    assert parts["pillow"]["purl"].startswith("pkg:pypi/pillow@")
    assert all(len(each["content"]) == 64 for part in parts.values() for each in part["hashes"])
    assert len({part["bom-ref"] for part in parts.values()}) == len(parts) > 50
    assert json.dumps(made) == json.dumps(audit.make_sbom("1.2.3"))


@pytest.mark.parametrize("has_program", [True, False], ids=["without a network", "without pip-audit"])
def test_without_a_database_it_says_that_nothing_was_checked(tmp_path, capsys, has_program):
    program = tmp_path / "pip-audit"
    if has_program:
        program.write_text("#!/bin/sh\necho 'requests.exceptions.ConnectionError: no route' >&2\nexit 1\n")
        program.chmod(0o755)
    assert audit.main(["vulnerabilities", str(program)]) == 0
    assert capsys.readouterr().out.startswith("NOT CHECKED: no database of advisories could be asked")


def answer(folder, *dependencies: dict) -> str:
    """A pip-audit that says this of the packages."""
    program = folder / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'dependencies': dependencies})}\nEND\n")
    program.chmod(0o755)
    return str(program)


KNOWN = {"name": "a", "version": "1.0", "vulns": []}
BAD = {"name": "b", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


def test_a_vulnerability_fails(tmp_path, capsys):
    assert audit.main(["vulnerabilities", answer(tmp_path, KNOWN, BAD)]) == 1
    assert capsys.readouterr().out.startswith("b 2.0: CVE-1, fixed in 2.1\n2 of 2 packages looked up, 1 with")


def test_packages_that_could_not_be_looked_up_are_named(tmp_path, capsys):
    assert audit.main(["vulnerabilities", answer(tmp_path, KNOWN, UNKNOWN)]) == 0
    assert "NOT CHECKED: 1 packages could not be looked up: c" in capsys.readouterr().out


def test_an_index_without_advisories_is_no_clean_bill(tmp_path, capsys):
    """A mirror of packages answers, and knows nothing of advisories: pip-audit calls that no vulnerabilities."""
    assert audit.main(["vulnerabilities", answer(tmp_path, UNKNOWN)]) == 0
    assert capsys.readouterr().out.startswith("NOT CHECKED: no database of advisories could be asked")
