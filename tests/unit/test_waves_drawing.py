"""The drawing of a run's waves: what each box says, and where people come in."""

from typing import Any

from jinja2 import Environment, FileSystemLoader

from report import drawings
from report.drawings.waves import draw_plan, draw_run
from tests.support.report_facts import NASTY, wave


def run(*waves: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mode": "DRILL", "waves": list(waves), **more}


def write_svg(chart: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(drawings.FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    source = '{% from "drawings.html.j2" import waves_svg %}{{ waves_svg(chart, "Waves") }}'
    return environment.from_string(source).render(chart=chart)


def test_a_box_says_the_state_the_servers_and_the_time_of_its_wave() -> None:
    counts = {"total": 12, "launched": 9, "failed": 2, "excluded": 0, "launching": 0, "verified": 8, "unverified": 1}
    partial = wave("app", "PARTIAL", 1, 22, servers=counts, rtoTargetMinutes=30, dependsOn=["database"])
    first, second = draw_run(run(wave("database", "COMPLETED", 0, 1), partial)).boxes
    assert (first.kind, first.label, first.lines) == ("good", "✓ database", ("COMPLETED", "2/2", "1:00"))
    assert (second.kind, second.label) == ("partly", "! app")
    assert second.lines == ("PARTIAL", "9/12, 2 failed, 1 unverified", "21:00 of 30:00")
    assert second.title == "app: PARTIAL; 9/12, 2 failed, 1 unverified; 21:00 of 30:00"
    assert first.x < second.x


def test_the_state_of_an_open_wave_is_that_of_the_command() -> None:
    counts = {"total": 2, "launched": 0, "failed": 0, "excluded": 0, "launching": 0}
    outage = {"since": "2026-11-22T08:01:00.000Z", "until": None, "reason": "it does not answer"}
    batch = {"wave": "web", "outages": [outage]}
    [box] = draw_run(run(wave("web", "IN_PROGRESS", 0, None, servers=counts), batches=[batch])).boxes
    assert (box.lines[0], box.kind) == ("waits for DRS", "partly")


def test_gates_are_marked_where_the_plan_has_them() -> None:
    approval = {"required": True, "timeoutMinutes": 45, "onTimeout": "reject"}
    plan = {
        "waves": [
            {"name": "a", "groups": [{}], "dependsOn": [], "onFailure": "stop"},
            {"name": "b", "groups": [{}, {}], "dependsOn": ["a"], "onFailure": "ask", "approval": approval},
            {"name": "c", "groups": [{}], "dependsOn": ["a"], "onFailure": "stop", "pauseBefore": True},
            {"name": "d", "groups": [{}], "dependsOn": ["c"], "onFailure": "stop", "runAfter": "completion"},
        ]
    }
    drawing = draw_plan(plan)
    assert [[gate.word for gate in box.gates] for box in drawing.boxes] == [[], ["approval", "asks"], ["pause"], []]
    assert drawing.boxes[1].lines == ("2 groups", "")
    assert "needs approval within 45 min, else reject" in drawing.boxes[1].title
    assert [(edge.source, edge.target, edge.kind) for edge in drawing.edges] == [
        ("a", "b", ""),
        ("a", "c", ""),
        ("c", "d", "loose"),
    ]
    of_run = draw_run(run(wave("b", "AWAITING_APPROVAL", None, None), batches=[]), plan)
    assert [gate.word for gate in of_run.boxes[0].gates] == ["approval", "asks"]
    assert of_run.boxes[0].lines[0] == "waits for approval"


def test_the_words_for_readers_have_every_wave_and_what_it_comes_after() -> None:
    drawing = draw_run(run(wave("db", "COMPLETED", 0, 1), wave("web", "WAITING", None, None, dependsOn=["db"])))
    assert drawing.summary == ("2 waves, from left to right. db: COMPLETED, 2/2, 1:00. web after db: not started, 2/2.")


def test_each_box_is_a_link_to_its_wave_and_markup_in_names_stays_text() -> None:
    text = write_svg(draw_run(run(wave("web", "COMPLETED", 0, 1), wave(NASTY, "FAILED", 0, 1))))
    assert 'href="#wave-web"' in text
    assert "aria-label=" not in text  # the name of a link has to contain what is seen in it
    assert "<script" not in text
    assert " style=" not in text


def test_the_drawing_of_forty_waves_is_small() -> None:
    waves = [wave(f"wave-{n}", "COMPLETED", 0, 1, dependsOn=[f"wave-{n - 5}"] if n >= 5 else []) for n in range(40)]
    assert len(write_svg(draw_run(run(*waves)))) < 50_000
