"""OpenLineage events of runs, with what the declarations, the models' SQL, the log and the checks know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from openlineage.client import event_v2, set_producer
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    processing_engine_run,
    schema_dataset,
)

from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset, Rule
from lakehouse.datasets.stream import STREAM
from lakehouse.jobs.declaration import JOBS
from lakehouse.jobs.declaration import Job as BatchJob
from lakehouse.lineage import Lineage
from lakehouse.lineage.columns import ColumnRef
from lakehouse.medallion.refusal import rules_of
from lakehouse.openlineage.runs import Outcome, Run
from lakehouse.quality.results import Checked, Results
from lakehouse.reading.snapshots import Snapshots
from lakehouse.storage import delta_log

PRODUCER = "urn:dataplatform:lakehouse"
VERSION = "1"
"""Of what the platform tells, as the version of the processing engine."""
_SEVERITIES = {"flag": "warn"}

set_producer(PRODUCER)


class Events:
    """Makes events. For one thread; the first one reads the lineage of columns, half a second."""

    def __init__(self, settings: Settings) -> None:
        self._namespace = settings.lineage.namespace
        self._broker = f"kafka://{settings.bootstrap_servers.split(',')[0].strip()}"
        self._tables: Mapping[str, Dataset] = {one.name: one for one in STREAM} | DATASETS
        self._jobs: Mapping[str, BatchJob] = {job.name: job for job in JOBS}
        self._lineage = Lineage(self._tables)
        self._results = Results(settings, Snapshots(settings, DATASETS))

    def upstreams(self, name: str) -> tuple[str, ...]:
        """What a table or a batch job's result is built from."""
        return self._lineage.upstreams.get(name, ())

    def start(self, run: Run) -> RunEvent:
        return self._event(run, RunState.START, run.started, [self._input(n, {}) for n in run.inputs], {})

    def end(self, run: Run, outcome: Outcome) -> RunEvent:
        if outcome.error is not None:
            inputs = [self._input(name, {}) for name in run.inputs]
            facet = error_message_run.ErrorMessageRunFacet(
                message=outcome.error, programmingLanguage="PYTHON"
            )
            return self._event(run, RunState.FAIL, outcome.ended, inputs, {"errorMessage": facet})
        checks = self._results.newest()
        inputs = [self._input(name, checks) for name in run.inputs]
        output = self._output(run.output, outcome)
        return self._event(run, RunState.COMPLETE, outcome.ended, inputs, {}, output)

    def _event(
        self,
        run: Run,
        state: RunState,
        at: datetime,
        inputs: list[InputDataset],
        facets: dict[str, Any],
        output: OutputDataset | None = None,
    ) -> RunEvent:
        engine = processing_engine_run.ProcessingEngineRunFacet(version=VERSION, name=run.engine)
        told: dict[str, Any] = {"processing_engine": engine, **facets}
        if run.nominal is not None:
            told["nominalTime"] = nominal_time_run.NominalTimeRunFacet(
                nominalStartTime=_moment(run.nominal),
                nominalEndTime=_moment(run.nominal + timedelta(days=1)),
            )
        kind = job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DATAPLATFORM", jobType="JOB" if run.nominal else "TASK"
        )
        return RunEvent(
            eventTime=_moment(at),
            eventType=state,
            run=event_v2.Run(runId=run.run_id, facets=told),
            job=Job(namespace=self._namespace, name=run.output, facets={"jobType": kind}),
            inputs=inputs,
            outputs=[output or OutputDataset(namespace=self._namespace, name=run.output)],
            producer=PRODUCER,
        )

    def _place(self, name: str) -> tuple[str, str]:
        """Namespace and name of a dataset."""
        known = name in self._tables or name in self._jobs
        return (self._namespace if known else self._broker), name

    def _input(self, name: str, checks: Mapping[str, Checked]) -> InputDataset:
        namespace, name = self._place(name)
        facets: dict[str, Any] = {}
        if name in checks:
            facets["dataQualityAssertions"] = _assertions(_checked(checks[name]))
        return InputDataset(namespace=namespace, name=name, inputFacets=facets)

    def _output(self, name: str, outcome: Outcome) -> OutputDataset:
        facets: dict[str, Any] = {"schema": self._schema(name)}
        lineage = self._columns(name)
        if lineage.fields:
            facets["columnLineage"] = lineage
        if outcome.version is not None:
            facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
                datasetVersion=str(outcome.version)
            )
        inline = rules_of(self._tables[name]) if name in self._tables else []
        if inline:
            facets["dataQualityAssertions"] = _assertions(_held(inline))
        return OutputDataset(
            namespace=self._namespace,
            name=name,
            facets=facets,
            outputFacets={"outputStatistics": _statistics(outcome)},
        )

    def _schema(self, name: str) -> schema_dataset.SchemaDatasetFacet:
        described = (
            {column.name: column.description for column in self._tables[name].columns}
            if name in self._tables
            else {}
        )
        schema = self._tables[name].schema if name in self._tables else self._jobs[name].schema
        return schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(
                    name=field.name,
                    type=str(field.type),
                    description=described.get(field.name),
                    ordinal_position=number,
                )
                for number, field in enumerate(schema, 1)
            ]
        )

    def _columns(self, name: str) -> column_lineage_dataset.ColumnLineageDatasetFacet:
        fields = {
            ref.column: column_lineage_dataset.Fields(inputFields=[self._field(one) for one in made_of])
            for ref, made_of in self._lineage.columns.items()
            if ref.dataset == name and made_of
        }
        return column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)

    def _field(self, ref: ColumnRef) -> column_lineage_dataset.InputField:
        namespace, name = self._place(ref.dataset)
        return column_lineage_dataset.InputField(namespace=namespace, name=name, field=ref.column)


def _assertions(
    told: Iterator[data_quality_assertions_dataset.Assertion],
) -> data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet:
    return data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=list(told))


def _checked(checked: Checked) -> Iterator[data_quality_assertions_dataset.Assertion]:
    for result in checked.results:
        yield data_quality_assertions_dataset.Assertion(
            assertion=result.rule,
            success=result.passed,
            name=result.rule,
            severity=_SEVERITIES.get(result.severity, "error"),
            description=result.message,
            actual=str(result.rows_failed),
            expected="0",
        )


def _held(rules: list[Rule]) -> Iterator[data_quality_assertions_dataset.Assertion]:
    """The rules that rows are held to when they are written: what fails them is not in the table."""
    for rule in rules:
        yield data_quality_assertions_dataset.Assertion(
            assertion=rule.name,
            success=True,
            name=rule.name,
            severity="error",
            description=rule.description,
            content=f"NOT ({rule.fails_when})",
            contentType="sql",
        )


def _statistics(outcome: Outcome) -> output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet:
    commit = None
    if outcome.path is not None and outcome.version is not None:
        commit = delta_log.read_commit(outcome.path, outcome.version)
    return output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=outcome.rows,
        size=sum(file.size for file in commit.added) if commit else None,
        fileCount=len(commit.added) if commit else None,
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
