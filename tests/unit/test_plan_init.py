"""`drs-waves plan init`: what it asks, what it writes, and that it never overwrites unasked."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli import checkout
from cli.main import app
from cli.plans.check import read_plan_file
from cli.trial.made_up import make_up_servers

TARGET = ("--account", "222233334444", "--target-region", "eu-west-1")
COMPLETE = (*TARGET, "--tag", "Tier", "--order", "database,app,web")


def init(file: Path, *words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, ["plan", "init", str(file), *words], input=answers)


def test_with_all_options_it_asks_nothing_and_writes_a_valid_file(tmp_path: Path) -> None:
    done = init(tmp_path / "shop.yaml", *COMPLETE)
    assert done.exit_code == 0, done.output
    file = read_plan_file(tmp_path / "shop.yaml").data
    assert file["recoveryPlan"]["name"] == "shop"
    assert [wave["name"] for wave in file["recoveryPlan"]["waves"]] == ["database", "app", "web"]
    assert [group["tags"] for group in file["protectionGroups"]] == [
        {"Tier": "database"},
        {"Tier": "app"},
        {"Tier": "web"},
    ]
    assert {group["accountId"] for group in file["protectionGroups"]} == {"222233334444"}
    assert len(make_up_servers(file).rows) == 9
    assert f"make drill PLAN={tmp_path / 'shop.yaml'}" in done.output


def test_the_drill_is_named_as_it_runs_in_the_folder_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = f"make -C {checkout.ROOT} drill PLAN={tmp_path / 'shop.yaml'}"
    assert elsewhere in init(Path("shop.yaml"), *COMPLETE).output
    assert elsewhere in Path("shop.yaml").read_text()
    monkeypatch.setattr(checkout, "ROOT", tmp_path / "installed")
    assert "make" not in init(Path("shop.yaml"), *COMPLETE, "--force").output
    assert "make drill" not in Path("shop.yaml").read_text()


def test_in_the_sandbox_it_names_the_way_that_works_there(tmp_path: Path) -> None:
    output = init(tmp_path / "shop.yaml", *COMPLETE, "--sandbox").output
    assert f"make sandbox PLAN={tmp_path / 'shop.yaml'}" in output
    assert "plan apply" not in output


def test_the_region_of_the_api_is_that_of_the_servers_if_no_other_is_named(tmp_path: Path) -> None:
    words = ("--account", "222233334444", "--region", "eu-central-1", "--tag", "Tier", "--order", "web")
    assert init(tmp_path / "shop.yaml", *words).exit_code == 0
    assert read_plan_file(tmp_path / "shop.yaml").data["protectionGroups"][0]["region"] == "eu-central-1"


def test_what_it_writes_as_comments_is_valid_too(tmp_path: Path) -> None:
    init(tmp_path / "shop.yaml", *COMPLETE)
    lines = (tmp_path / "shop.yaml").read_text().splitlines()
    opened = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines]
    start = next(at for at, line in enumerate(opened) if line.startswith("recoveryPlan"))
    fields = [line for line in opened[start:] if not line.startswith("The sandbox makes up")]
    kept = [line for line in lines[:start] if not line.startswith("#")]
    (tmp_path / "all.yaml").write_text("\n".join([*kept, *fields]))
    file = read_plan_file(tmp_path / "all.yaml").data
    assert file["recoveryPlan"]["fourEyes"] is True
    assert file["recoveryPlan"]["waves"][1]["dependsOn"] == []
    assert file["sandbox"]["sourceServers"][0]["tags"] == {"Tier": "database"}


def test_answers_make_the_same_file_and_wrong_ones_are_asked_again(tmp_path: Path) -> None:
    answers = "shop\n2222\n222233334444\neu-wst-1\neu-west-1\n\n\n"
    done = init(tmp_path / "answers.yaml", "--api-url", "http://127.0.0.1:1", answers=answers)
    assert done.exit_code == 0, done.output
    assert "must be the 12 digits of an account" in done.output
    assert "'eu-wst-1' is not a Region that exists; did you mean 'eu-west-1'?" in done.output
    assert "cannot be read, so please name their tags" in done.output
    init(tmp_path / "options.yaml", *COMPLETE, "--name", "shop")
    written, wanted = (yaml.safe_load((tmp_path / name).read_text()) for name in ("answers.yaml", "options.yaml"))
    assert written == wanted


def test_a_file_that_exists_is_kept_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("mine")
    refused = init(file, *COMPLETE)
    assert (refused.exit_code, file.read_text()) == (3, "mine")
    assert "--force" in refused.output
    assert init(file, *COMPLETE, "--force").exit_code == 0
    assert "recoveryPlan" in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--account", "2222"), "must be the 12 digits of an account"),
        (("--target-region", "eu-wst-1"), "did you mean 'eu-west-1'?"),
        (("--order", " , "), "must name at least one value"),
        (("--name", "x" * 200), "recoveryPlan.name"),
    ],
)
def test_a_wrong_option_writes_nothing_and_is_named(tmp_path: Path, words: tuple[str, str], says: str) -> None:
    done = init(tmp_path / "shop.yaml", *COMPLETE, *words)
    assert done.exit_code == 2, done.output
    assert says in " ".join(done.output.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_without_an_answer_it_says_how_to_go_without_questions(tmp_path: Path) -> None:
    done = init(tmp_path / "shop.yaml", *TARGET, answers="")
    assert done.exit_code == 3
    assert "Without questions: drs-waves plan init FILE --account" in done.output
    assert list(tmp_path.iterdir()) == []


def test_values_that_make_no_name_of_a_wave_get_one(tmp_path: Path) -> None:
    values = "Data Base,data-base,waves,数据,: odd #,yes"
    done = init(tmp_path / "shop.yaml", *COMPLETE[:-1], values)
    assert done.exit_code == 0, done.output
    file = read_plan_file(tmp_path / "shop.yaml").data
    names = [wave["name"] for wave in file["recoveryPlan"]["waves"]]
    assert names == ["data-base", "data-base-tier", "waves-tier", "wave", "odd", "yes"]
    assert [group["tags"]["Tier"] for group in file["protectionGroups"]] == values.split(",")
