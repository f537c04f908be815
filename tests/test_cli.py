"""The commands: one sentence and an exit code where something is wrong."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

import lcclassify.cli as cli
from lcclassify import __version__
from lcclassify.errors import ConfigError, DataError
from lcclassify.verbs import VERBS, main


@pytest.fixture
def called(monkeypatch, tmp_path, capsys):
    """Call an entry point in this process; returns exit code, stdout and stderr."""
    from hydra.core.global_hydra import GlobalHydra

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words, command="train"):
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", [f"/somewhere/{command}.py", *map(str, words)])
        code = 0
        try:
            getattr(cli, command)()
        except SystemExit as stop:
            code = stop.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def task(monkeypatch):
    """Replace the training by a function."""

    def replace(function):
        monkeypatch.setattr("lcclassify.tasks.train.train", function)

    return replace


def failing(error):
    def run(cfg, overrides, said):
        raise error

    return run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sed=3"], "error: 'sed' cannot be set: the configuration has no key 'sed': did you mean"),
        (
            ["split.fold=3"],
            "error: 'split.fold' cannot be set: split has no key 'fold': did you mean 'folds'?",
        ),
        (
            ["model.network.units=[3]"],
            "error: 'model.network.units' cannot be set: model has no key 'network': known: ",
        ),
        (
            ["model=dense", "model.fit.epoch=3"],
            "error: 'model.fit.epoch' cannot be set: model.fit has no key 'epoch': did you mean "
            "'epochs'? known: ",
        ),
        (
            ["modl=dense"],
            "error: 'modl' cannot be set: the configuration has no key 'modl': did you",
        ),
        (
            ["survey=table", "survey.colums.flux=x"],
            "error: 'survey.colums.flux' cannot be set: survey has no key 'colums': did you mean "
            "'columns'?",
        ),
        (
            ["survey=snana", "survey.metadata={z: REDSHIFT_FINAL}"],
            "error: 'survey.metadata' cannot be set: survey.metadata has no key 'z': known: "
            "hostgal_photoz, hostgal_photoz_err, mwebv; +survey.metadata.z=... adds one, ",
        ),
        (["seed.x=3"], "error: 'seed.x' cannot be set: seed has no keys of its own"),
        (
            ["experiment=paperr"],
            "error: experiment has no choice 'paperr': did you mean 'paper'? known: at_large, ",
        ),
        (
            ["-m", "search=dense", "experiment=paperr"],
            "error: experiment has no choice 'paperr': did you mean 'paper'?",
        ),
        (
            ["model.members.gru.fit.epochs=5"],
            "error: 'model.members.gru.fit.epochs' cannot be set: model.members has no key 'gru': "
            "did you mean 'bigru'? known: dense, dense_twin, dense_small, bigru, trees; model is "
            "what experiment=at_large chooses",
        ),
        (["experimnt=paper"], "error: 'experimnt' cannot be set: the configuration has no key"),
        (
            ["resume=x", "model.fit.epochs=5"],
            "error: 'model.fit.epochs' cannot be set: model has no key 'fit': known: members, "
            "head, redshift, name; a run that is resumed keeps the settings it was begun with",
        ),
        (
            ["survey.seed=x=y"],
            "error: 'survey.seed=x=y' cannot be read: a value with blanks, brackets, '=' or the "
            "like stands in quotes within quotes for the shell: \"survey.seed='x=y'\"",
        ),
        (["-m", "model=dense", "seed=x=y"], "error: 'seed=x=y' cannot be read: a value"),
        (
            ["paths.output_dir=a [b"],
            "error: 'paths.output_dir=a [b' cannot be read: a value with blanks",
        ),
        (
            ['survey.class_map={"a":b}'],
            "error: 'survey.class_map={\"a\":b}' cannot be read as a list or mapping: keys stand "
            "without quotes",
        ),
        (["model=dens"], "error: model has no choice 'dens': did you mean 'dense'? known: best,"),
        (["loss@model.head.loss=focl"], "error: loss has no choice 'focl': did you mean 'focal'?"),
        (["~model.members.none"], "error: Could not delete from config."),
        (["survey=none"], "error: survey has no choice 'none': "),
        (["seed"], "error: 'seed' cannot be read: a setting is KEY=VALUE"),
        (["split.folds=["], "error: "),
        (["hydra.run.dir=/proc/none"], "error: No such file or directory: '/proc/none'"),
        (["paths.output_dir=/proc/none"], "error: No such file or directory: '/proc/none'"),
        (["resume=nowhere"], "error: resume: '"),
        (["retrain=head"], "error: retrain needs the run"),
        (["survey=table"], "error: survey."),
        (["survey=null"], "error: a choice cannot be null: name one, such as survey="),
        (["debug=ja"], "error: debug must be true or false, got 'ja'"),
        (["+sed=3"], "error: the configuration has no key 'sed': did you mean 'seed'?"),
    ],
)
def test_wrong_words_give_one_line(called, words, sentence):
    code, out, err = called(*words)
    assert code == 1
    assert err.startswith(sentence)
    assert len(err.splitlines()) == 1
    assert "Traceback" not in out + err


def test_a_key_that_only_swept_choices_have(called):
    code, _, err = called("-m", "model=dense,bigru", "model.fit.epochs=1")
    assert code == 1
    assert "++model.fit.epochs=..." in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("a file [bold] is wrong"), "error: a file [bold] is wrong\n"),
        (OSError(28, "No space left on device", "/x"), "error: No space left on device: '/x'\n"),
        (OSError("something else"), "error: something else\n"),
    ],
)
def test_errors_of_the_task(called, task, error, sentence):
    task(failing(error))
    assert called("model=stack") == (1, "", sentence)


def test_names_are_as_they_were_typed(called, monkeypatch):
    found = []
    monkeypatch.setattr("lcclassify.tasks.explain.explain", lambda cfg: found.append(cfg))
    words = ["survey=table", "survey.root=2024", "survey.passbands=[1e3,007]"]
    code, _, err = called("object=1e5", "output=a.png", *words, command="explain")
    assert (code, err) == (0, "")
    assert found[0].object == "1e5"
    assert found[0].survey.root == "2024"
    assert list(found[0].survey.passbands) == ["1e3", "007"]


def test_debug_shows_the_traceback(called, task):
    task(failing(DataError("wrong")))
    with pytest.raises(DataError, match="wrong"):
        called("debug=true")


def test_debug_shows_the_traceback_of_the_configuration(called):
    with pytest.raises(Exception, match="sed"):
        called("sed=3", "debug=true")


def test_other_exceptions_are_not_hidden(called, task):
    task(failing(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        called()


def test_a_failed_job_of_a_sweep_is_told_at_the_end(called, task):
    done = []

    def run(cfg, overrides, said):
        if cfg.seed == 1:
            raise ConfigError("not one")
        done.append(cfg.seed)
        raise OSError("still") if cfg.seed == 2 else ConfigError("and more")

    task(run)
    code, _, err = called("-m", "seed=0,1,2")
    assert (code, done) == (1, [0, 2])
    assert err == "error: and more\nerror: not one\nerror: still\n"


def test_ctrl_c(called, task, tmp_path):
    def stopped(cfg, overrides, said):
        folder = tmp_path / cfg.paths.output_dir
        (folder / "config.yaml").touch()
        raise KeyboardInterrupt

    task(stopped)
    code, _, err = called("paths.output_dir=here")
    assert code == 130
    assert err == "interrupted; resume with: python /somewhere/train.py resume=here\n"
    task(failing(KeyboardInterrupt()))
    code, _, err = called("paths.output_dir=there")
    assert (code, err) == (130, "interrupted\n")


def test_an_installed_command_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["lcclassify train"])
    assert cli._program() == "lcclassify train"


@pytest.mark.parametrize("command", list(VERBS))
def test_help(called, command):
    code, out, _ = called("--help", command=command)
    assert code in (0, None)
    script = command in ("train", "predict")
    assert (f"python {command}.py" if script else f"lcclassify {command} ") in out
    assert "debug: false" in out
    assert "powered by" not in out.splitlines()[0].lower()


@pytest.mark.parametrize("words", [[], ["--help"], ["help"]])
def test_all_verbs_are_listed(words, capsys):
    main(words)
    lines = capsys.readouterr().out.splitlines()
    for verb, what in VERBS.items():
        assert sum(line.split() == [verb, *what.split()] for line in lines) == 1


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"lcclassify {__version__}\n"


def test_a_misspelt_verb(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["trian", "seed=1"])
    shown = capsys.readouterr()
    assert (stop.value.code, shown.out) == (1, "")
    assert shown.err.startswith("error: lcclassify has no verb 'trian': did you mean 'train'?")
    assert len(shown.err.splitlines()) == 1


def test_a_verb_hands_its_words_over(called, task, monkeypatch, capsys):
    def run(cfg, overrides, said):
        raise DataError(f"{cfg.seed} {cli._program()}")

    task(run)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/lcclassify", "train", "seed=31"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: 31 lcclassify train\n"


def test_a_report_is_of_the_run_that_is_named(called, monkeypatch, tmp_path):
    module = ModuleType("lcclassify.tasks.report")
    module.report_of = lambda run: run / "report.html"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert called("run=here", command="report") == (0, "report: here/report.html\n", "")
    code, _, err = called(command="report")
    assert code == 1
    assert err.startswith("error: run is missing")
    code, _, err = called("rnu=here", command="report")
    assert "'rnu' cannot be set: the configuration has no key 'rnu': did you mean 'run'?" in err


def test_files_go_where_they_are_asked_for(called, task, tmp_path):
    folders = []

    def run(cfg, overrides, said):
        folders.append(cfg.paths.output_dir)
        raise DataError("enough")

    task(run)
    called("paths.output_dir=one")
    called("-m", "paths.output_dir=many", "seed=0,1")
    called()
    called(f"resume={tmp_path / 'one'}")
    relative = [str(tmp_path / part) for part in ("one", "many/0", "many/1")]
    assert folders[:3] == relative
    assert folders[3].startswith(str(tmp_path / "outputs"))
    assert folders[4] == relative[0]
    assert {path.name for path in tmp_path.iterdir()} == {"one", "many", "outputs"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["experiment=at_large"]),
        (["seed=3"], ["experiment=at_large", "seed=3"]),
        (
            ["survey=mine", "--config-dir", "my_conf"],
            ["experiment=at_large", "survey=mine", "--config-dir", "my_conf"],
        ),
        (["-m", "seed=0,1"], ["-m", "experiment=at_large", "seed=0,1"]),
        (["--cfg", "job", "seed=1"], ["--cfg", "job", "experiment=at_large", "seed=1"]),
        (["--cfg", "job"], ["experiment=at_large", "--cfg", "job"]),
        (["--info"], ["experiment=at_large", "--info"]),
        (["--package=x", "seed=1"], ["--package=x", "experiment=at_large", "seed=1"]),
    ],
)  # fmt: skip
def test_who_chooses_nothing_trains_for_the_survey_at_large(words, expected):
    assert cli.with_experiment(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["survey=mine", "model=dense", "--config-dir", "my_conf"],
        ["seed=1", "model=dense,bigru", "-m"],
        ["+model@model.members.third=dense"],
        ["augment=none"],
        ["~augment"],
        ["experiment=paper"],
        ["experiment=null"],
        ["-m", "search=dense"],
        ["resume=outputs/first"],
        ["--config-name=mine", "seed=1"],
        ["-cn", "mine"],
        ["--hydra-help"],
    ],
)
def test_what_is_chosen_is_taken_as_it_is(words):
    assert cli.with_experiment(words) == words


def test_what_is_trained_by_itself_is_said(called, task):
    class Result:
        folder = bundle = report = Path("nowhere")
        seconds = 1.0

    seen = []

    def run(cfg, overrides, said):
        seen.append((cfg.augment.name, cfg.model.name, cfg.seed))
        return Result()

    task(run)
    code, out, err = called("-m", "seed=3,4")
    assert (code, err) == (0, "")
    assert out.count("experiment=at_large, as the command chooses no augment") == 1
    assert seen == [("gp", "gp_stack", 3), ("gp", "gp_stack", 4)]
    code, out, err = called("seed=3", "model=stack")
    assert (code, err) == (0, "")
    assert "at_large" not in out
    assert seen[2:] == [("light", "stack", 3)]
