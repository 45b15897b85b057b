"""The workflow that publishes the site does what .ci/run does, in order, and may do little else."""

import re

import yaml
from chapters import REPOSITORY

FILE = REPOSITORY / ".github/workflows/book.yml"
WORKFLOW = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def made(text: str) -> list[str]:
    """The make targets that a script calls."""
    lines = re.findall(r"(?:^|\(|&& )make ([a-z][a-z -]*[a-z])", text, re.MULTILINE)
    return [target for line in lines for target in line.split()]


def in_parts(targets: list[str]) -> set[str]:
    """The targets, with those that need others replaced by them."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    needs = dict(re.findall(r"^([a-z-]+):((?: [a-z-]+)*)", makefile, re.MULTILINE))
    return {part for target in targets for part in needs[target].split() or [target]}


def using(action: str) -> list[dict]:
    return [step for step in STEPS if step.get("uses", "").startswith(f"actions/{action}@")]


def test_it_calls_the_targets_of_continuous_integration():
    runs = made("\n".join(step.get("run", "") for step in STEPS))
    assert runs == ["lint", "test", "strict-site", "test-lab"]
    assert in_parts(runs) == in_parts(made((REPOSITORY / ".ci/run").read_text(encoding="utf-8")))


def test_every_target_is_one_of_the_makefile():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert [target for target in made(FILE.read_text("utf-8").replace("- run: ", "\n"))
            if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_a_site_is_deployed_only_when_it_was_tested_and_built_from_main():
    assert JOBS["build"]["needs"] == "test" and JOBS["deploy"]["needs"] == "build"
    (pages,), (deploy,) = using("configure-pages"), using("deploy-pages")
    assert pages["if"] == JOBS["deploy"]["if"]
    assert "github.ref == 'refs/heads/main'" in JOBS["deploy"]["if"]
    assert "github.event_name != 'pull_request'" in JOBS["deploy"]["if"]
    assert JOBS["deploy"]["environment"]["url"] == (
        f"${{{{ steps.{deploy['id']}.outputs.page_url }}}}")


def test_what_is_uploaded_is_what_the_build_makes_and_the_tests_have_read():
    steps = JOBS["build"]["steps"]
    runs = [step.get("run") or step["uses"].partition("@")[0] for step in steps]
    assert runs[-3:] == ["make strict-site", "make test-lab", "actions/upload-pages-artifact"]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert steps[-1]["with"]["path"] == re.search(r"^HTML := (.*)", makefile, re.MULTILINE)[1]


def test_nothing_may_write_but_the_deployment():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    rights = {name: job.get("permissions", {}) for name, job in JOBS.items()}
    assert rights == {"test": {}, "build": {"contents": "read", "pages": "read"},
                      "deploy": {"pages": "write", "id-token": "write"}}
    assert "secrets." not in FILE.read_text(encoding="utf-8")


def test_deployments_do_not_overtake_each_other():
    assert "github.ref" in WORKFLOW["concurrency"]["group"]
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == (
        "${{ github.event_name == 'pull_request' }}")


def test_caches_are_keyed_on_the_package_and_all_that_says_what_is_installed():
    keys = {step["with"]["key"] for step in using("cache")}
    assert len(keys) == 1 and len(using("cache")) == 2
    named = re.findall(r"'([^']+)'", *keys)
    assert named[0] == "lora_edu/**"
    patterns = set(named[1:])
    assert patterns >= {"pyproject.toml", "requirements*.txt", "constraints.txt",
                        "package-lock.json"}
    assert [pattern for pattern in named if not any(REPOSITORY.glob(pattern))] == []
    cached = {tuple(step["with"]["path"].split()) for step in using("cache")}
    assert cached == {(".venv", "node_modules")}  # no outputs: every cell runs in every build


def test_the_book_executes_every_cell_in_every_build():
    config = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    assert config["execute"]["execute_notebooks"] == "force"


def test_the_build_learns_the_addresses():
    assert set(JOBS["build"]["env"]) == {"LORA_EDU_REPOSITORY", "LORA_EDU_BRANCH"}
    sites = [step["env"]["LORA_EDU_SITE"] for step in JOBS["build"]["steps"] if "env" in step]
    assert sites == ["${{ steps.pages.outputs.base_url }}"] * 2


def test_its_python_is_allowed():
    versions = {step["with"]["python-version"] for step in using("setup-python")}
    (least,) = re.findall(r'requires-python = ">=3\.(\d+)"',
                          (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(versions) == 1 and int(versions.pop().partition(".")[2]) >= int(least)
