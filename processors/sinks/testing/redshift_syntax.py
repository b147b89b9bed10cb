"""Reads statements as a JSON array, and answers for each why it is none of Redshift's: null if it is one.

sqlglot parses with forbearance: it passes over words that are missing and takes unknown ones for parameters. So what it
has understood is written out again and compared, and COPY's words are held to those of Redshift's manual.
"""

import json
import re
import sys

import sqlglot
from sqlglot import exp

# docs.aws.amazon.com/redshift/latest/dg/r_COPY.html, of which these are used
COPY_WORDS = {"format", "csv", "parquet", "gzip", "manifest", "serializetojson", "compupdate", "statupdate", "off"}
DIST_STYLES = {"auto", "even", "key", "all"}
# Written in another way, and the same.
SYNONYMS = {
    "temp ": "temporary ",
    "timestamptz": "timestamp with time zone",
    "format as ": "format ",
    "current_schema()": "current_schema",
}


def normalized(statement: str) -> str:
    text = re.sub(r"\s+", " ", statement.lower())
    for short, long in SYNONYMS.items():
        text = text.replace(short, long)
    return re.sub(r"\s", "", text)


def objection(statement: str) -> str | None:
    try:
        (parsed,) = sqlglot.parse(statement, dialect="redshift", error_level=sqlglot.ErrorLevel.RAISE)
        again = parsed.sql(dialect="redshift", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except Exception as error:
        return str(error).split("\n")[0]
    if isinstance(parsed, exp.Command):
        # LOCK is the one statement of ours that the parser does not know.
        return None if re.fullmatch(r"lock \w+", statement) else "not understood"
    if normalized(again) != normalized(statement):
        return f"understood as {again}"
    if any(style.name.lower() not in DIST_STYLES for style in parsed.find_all(exp.DistStyleProperty)):
        return "DISTSTYLE of an unknown style"
    if parsed.find(exp.OnConflict):
        return "ON CONFLICT"
    if isinstance(parsed, exp.Copy):
        return objection_to_copy(parsed)
    return None


def objection_to_copy(copy: exp.Copy) -> str | None:
    if not all(isinstance(file, exp.Literal) and file.name.startswith("s3://") for file in copy.args["files"]):
        return "COPY from elsewhere than S3"
    if copy.args["credentials"].args.get("iam_role") is None:
        return "COPY without a role"
    formats = [parameter.expression.name for parameter in copy.args["params"] if parameter.name.lower() == "format"]
    if formats not in (["csv"], ["parquet"]):
        return f"COPY of the format {', '.join(formats)}"
    words = {word.name.lower() for parameter in copy.args["params"] for word in parameter.find_all(exp.Var)}
    unknown = words - COPY_WORDS
    return f"COPY with {', '.join(sorted(unknown))}" if unknown else None


json.dump([objection(statement) for statement in json.load(sys.stdin)], sys.stdout)
