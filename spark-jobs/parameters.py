"""What the scripts can be given, as data: generated/parameters.json, which the console shows. Written anew by

    PYTHONPATH=spark-jobs python spark-jobs/parameters.py
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from unittest.mock import patch

SCRIPTS = ["clean", "descriptive_statistics", "extract_features", "train", "evaluate"]
FILE = Path(__file__).parent / "generated" / "parameters.json"


class _Parsed(Exception):
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def _raise(parser: argparse.ArgumentParser, *_: object) -> None:
    raise _Parsed(parser)


def parser_of(script: str) -> argparse.ArgumentParser:
    """The parser that a script makes, taken where it would be used."""
    try:
        with patch.object(argparse.ArgumentParser, "parse_args", _raise):
            importlib.import_module(script).main()
    except _Parsed as parsed:
        return parsed.parser
    raise AssertionError(f"{script} parses no arguments")


def described(script: str) -> dict:
    parser = parser_of(script)
    either = [group for group in parser._mutually_exclusive_groups if group.required]
    return {
        "description": parser.description,
        "parameters": [
            _parameter(action, next((group for group in either if action in group._group_actions), None))
            for action in parser._actions
            if not isinstance(action, argparse._HelpAction)
        ],
    }


def _parameter(action: argparse.Action, either: argparse._ArgumentGroup | None) -> dict:
    [option] = action.option_strings
    default = action.default
    return {
        "option": option,
        "help": action.help,
        "needed": action.required,
        "isSwitch": action.nargs == 0,
        "default": None if default is None or action.nargs == 0 else Path(default).name if isinstance(default, Path) else str(default),
        "insteadOf": [] if either is None else [o for other in either._group_actions if other is not action for o in other.option_strings],
    }


def text() -> str:
    return json.dumps({f"{script}.py": described(script) for script in SCRIPTS}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"{FILE} is written", file=sys.stderr)
