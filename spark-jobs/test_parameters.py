import parameters


def test_the_parameters_that_are_shown_are_those_of_the_scripts():
    assert parameters.FILE.read_text() == parameters.text()


def test_what_is_needed_and_what_stands_for_another_is_told():
    train = {each["option"]: each for each in parameters.described("train")["parameters"]}
    assert train["--features"]["insteadOf"] == ["--recordings"]
    assert train["--source"]["needed"] and not train["--parent"]["needed"]
    assert train["--rounds"]["default"] == "40"
    assert train["--turned"]["isSwitch"]
