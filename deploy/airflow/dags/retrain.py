"""
Retrains the classifier on EMR with what people have labelled, and promotes the candidate if it is surely better.

The order is here, and what has to hold whatever fails. What is done is in `tickerwatch retraining` and in the jobs that it names:
`begin` says whether enough was labelled, and which cluster and steps it takes; `end` compares, publishes and promotes.
"""

import json
import logging
import os
import shlex
import subprocess
import urllib.request
from datetime import datetime, timedelta

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator, EmrCreateJobFlowOperator
from airflow.sdk import DAG, Param, chain, task
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

COMMAND = shlex.split(os.environ.get("TICKERWATCH_COMMAND", "tickerwatch"))
"""The command line. Where releases are handled, its own configuration says (TICKERWATCH_BROKERS and others)."""
ALERTMANAGER = os.environ.get("TICKERWATCH_ALERTMANAGER")
"""Where failures are told, such as http://alertmanager:9093; without it they are only in the log."""
POLL = int(os.environ.get("TICKERWATCH_EMR_POLL", "30"))
"""Seconds between two questions to EMR about a step."""
STEP_TIMEOUT = timedelta(hours=4)
STEPS = ("features", "train", "evaluate_serving", "evaluate_candidate")

BEGUN = "ti.xcom_pull(task_ids='begin')"
CLUSTER = f"{{{{ ti.xcom_pull(task_ids='create_cluster') or {BEGUN}['clusterId'] }}}}"

log = logging.getLogger(__name__)

params = {
    "config": Param(
        os.environ.get("TICKERWATCH_EMR_CONFIG", "emr.json"),
        type="string",
        pattern=r"\.json$",
        description="Of the cluster and the lake (spark-jobs/submit/README.md), on the worker.",
    ),
    "at_least": Param(100, type="integer", minimum=0, maximum=1_000_000, description="Windows labelled since the last time."),
    "unseen": Param(
        None,
        type=["null", "string"],
        pattern="^s3://",
        description="Features of people that no release was trained on; by default unseen/features in the lake.",
    ),
    "margin": Param(
        0, type="number", minimum=0, exclusiveMaximum=1, description="By which macro-F1 must be greater, with 95 % confidence."
    ),
    "promote": Param(True, type="boolean", description="Whether the candidate may be promoted, or is only published."),
    "source": Param("retraining", type="string", minLength=1, maxLength=500, description="Data and licence, for the lineage."),
    "training": Param([], type="array", items={"type": "string"}, description="More options of spark-jobs/train.py."),
    "seed": Param(1, type="integer", minimum=0),
}


def tickerwatch(verb: str, run_id: str, params: dict, *words: str) -> dict:
    """What `tickerwatch retraining VERB --json` answers. @raises AirflowException with what is wrong and what to do, as it says"""
    command = [*COMMAND, "retraining", verb, "--run", run_id, "--config", params["config"], "--json", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise AirflowException(" ".join(ended.stderr.splitlines()[-2:]) or f"{command[0]} ended with {ended.returncode}")
    return json.loads(ended.stdout)


def alert(context: dict) -> None:
    """A task has failed for good: an alert in the form of Alertmanager, where one is named."""
    summary = f"Retraining {context['run_id']} failed in {context['ti'].task_id}: {context.get('exception')}"
    log.error(summary)
    if ALERTMANAGER is None:
        return
    labels = {"alertname": "RetrainingFailed", "severity": "warning", "dag": context["dag"].dag_id}
    body = json.dumps([{"labels": labels, "annotations": {"summary": summary}}]).encode()
    request = urllib.request.Request(f"{ALERTMANAGER}/api/v2/alerts", body, {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


with DAG(
    dag_id="tickerwatch_retrain",
    doc_md=__doc__,
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    # Tasks have time-outs, and the run has none: Airflow would skip the one that ends the cluster, too.
    default_args={"retries": 1, "execution_timeout": timedelta(minutes=30), "on_failure_callback": alert},
    params=params,
    render_template_as_native_obj=True,
    tags=["tickerwatch"],
):

    @task
    def begin(run_id: str, params: dict) -> dict:
        unseen = [] if params["unseen"] is None else ["--unseen", params["unseen"]]
        words = ["--at-least", str(params["at_least"]), "--source", params["source"], *unseen, "--", *params["training"]]
        begun = tickerwatch("begin", run_id, params, *words)
        if "skipped" in begun:
            raise AirflowSkipException(begun["skipped"])
        return begun

    @task.branch
    def choose_cluster(begun: dict) -> str:
        return "create_cluster" if begun["clusterId"] is None else STEPS[0]

    # Not tried again: a second request would make a second cluster if only the answer to the first was lost.
    create_cluster = EmrCreateJobFlowOperator(
        task_id="create_cluster", job_flow_overrides=f"{{{{ {BEGUN}['cluster'] }}}}", emr_conn_id=None, retries=0
    )

    # A step that is tried again is added anew: each writes its results over those before.
    steps = [
        EmrAddStepsOperator(
            task_id=name,
            job_flow_id=CLUSTER,
            steps=[f"{{{{ {BEGUN}['steps']['{name}'] }}}}"],
            wait_for_completion=True,
            waiter_delay=POLL,
            waiter_max_attempts=int(STEP_TIMEOUT.total_seconds()) // POLL,
            execution_timeout=STEP_TIMEOUT,
            trigger_rule="none_failed_min_one_success",
        )
        for name in STEPS
    ]

    @task
    def end(run_id: str, params: dict) -> dict:
        words = ["--margin", str(params["margin"]), "--seed", str(params["seed"])]
        report = tickerwatch("end", run_id, params, *words, *([] if params["promote"] else ["--no-promote"]))
        for reason in report["objections"]:
            log.warning("%s is not promoted: %s", report["candidate"], reason)
        return report

    @task(retries=3)
    def leave_nothing_running(begun: dict | None, ti=None) -> None:
        """Whatever has failed: a cluster that was made ends, and on one that was there this run's steps do."""
        emr, made = EmrHook().get_conn(), ti.xcom_pull(task_ids="create_cluster")
        if made is not None:
            emr.terminate_job_flows(JobFlowIds=[made])
        elif begun is not None and begun["clusterId"] is not None:
            ours = {step["Name"] for step in begun["steps"].values()}
            pages = emr.get_paginator("list_steps").paginate(ClusterId=begun["clusterId"], StepStates=["PENDING", "RUNNING"])
            left = [step["Id"] for page in pages for step in page["Steps"] if step["Name"] in ours]
            if left:
                emr.cancel_steps(
                    ClusterId=begun["clusterId"], StepIds=left, StepCancellationOption="TERMINATE_PROCESS"
                )

    begun = begin()
    choice = choose_cluster(begun)
    choice >> create_cluster >> steps[0]
    chain(choice, *steps, [end(), leave_nothing_running(begun).as_teardown(on_failure_fail_dagrun=True)])
