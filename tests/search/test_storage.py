"""Where a study is kept."""

import pickle

import optuna
import pytest

from lcclassify.search.storage import open_storage


@pytest.mark.parametrize("name", ["sqlite", "journal"])
def test_folders_have_studies_of_their_own(name, tmp_path):
    for folder in ("q?1", "q?2", "k%20 [x]#=&", "q"):
        (tmp_path / folder).mkdir()
        storage = open_storage(name, tmp_path / folder)
        optuna.create_study(storage=storage, study_name=folder).ask()
        assert [study.study_name for study in storage.get_all_studies()] == [folder]
        # In another process, too.
        again = pickle.loads(pickle.dumps(open_storage(name, tmp_path / folder)))
        (study,) = again.get_all_studies()
        assert len(again.get_all_trials(study._study_id)) == 1
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
