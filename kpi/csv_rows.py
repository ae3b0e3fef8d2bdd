"""The rows of CSV files: read by the database, or record by record where something is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from connectors.contract import Batch, Scan, SourceError
from kpi.csv_records import NotATable, Record, records
from kpi.parsing import quoted
from kpi.raw_rows import LINE, SHOWN, FileRows, Reject, copy_stream

# The database reads in pieces. Of this size they make whole row groups, which are written once;
# a larger limit for a line makes smaller ones, which the checkpoint has to write again.
_QUICK = {"max_line_size": 2 << 20, "buffer_size": 8 << 20}
_MENDABLE = (duckdb.InvalidInputException, duckdb.NotSupportedError)
_PATH = "_path"
_ROWS = 50_000
_KEPT_FAULTS = 1000


class CsvRows(FileRows):
    """Rows of CSV files; the scan's arguments name every column and the delimiter."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch, scan: Scan) -> None:
        super().__init__(connection, batch, scan)
        self.columns = {str(name): "VARCHAR" for name in scan.arguments["columns"]}
        self.sql = self._quickly()
        self._patient = False

    def retry(self, error: duckdb.Error) -> bool:
        """The quick way ends at the first row that is none; the patient one tells of it."""
        if self._patient or not isinstance(error, _MENDABLE):
            return False
        self._patient = True
        self.sql = "temp.main.raw_copy"
        names = [*self.columns, _PATH, LINE]
        types = [*(pa.string() for _ in self.columns), pa.int32(), pa.int64()]
        schema = pa.schema(list(zip(names, types, strict=True)))
        stream = pa.RecordBatchReader.from_batches(schema, self._batches(schema))
        try:
            copy_stream(self.connection, stream)
        except NotATable as much:
            raise SourceError(
                f"{self.batch.origin} is no table: {much}.",
                "Check `delimiter` and `encoding`, or export it again.",
            ) from much
        return True

    def rejects(self, refused: Mapping[int, str]) -> list[Reject]:
        if not refused:
            return list(self.faulty)
        if self._patient:
            return [*self.faulty, *self._by_line(refused)]
        return list(self._by_number(refused))

    def close(self) -> None:
        self.connection.execute("drop table if exists temp.main.raw_copy")

    def _quickly(self, **more: object) -> str:
        # A sheet saved as text ends in lines of delimiters; a file of one column in blank lines.
        empty = " and ".join(f"{quoted(name)} is null" for name in self.columns)
        return f"(from {self.call(_QUICK | more)} where not ({empty}))"

    def _records(self, path: str) -> Iterator[Record]:
        arguments = self.scan.arguments
        return records(path, arguments["delim"], len(self.columns), arguments.get("skip", 0))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        rows = (
            (*record.fields, number, record.line)
            for number, path in enumerate(self.scan.paths)
            for record in self._good(path)
        )
        while taken := list(itertools.islice(rows, _ROWS)):
            columns = zip(*taken, strict=True)
            arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _good(self, path: str) -> Iterator[Record]:
        for record in self._records(path):
            if record.fault is None:
                yield record
                continue
            self.faults += 1
            if self.faults <= _KEPT_FAULTS:
                self.faulty += (self._reject(path, record, record.fault),)

    def _reject(self, path: str, record: Record, reason: str) -> Reject:
        return Reject(self.origin(path), record.line, reason, record.text[:SHOWN])

    def _by_line(self, refused: Mapping[int, str]) -> Iterator[Reject]:
        numbers = ", ".join(str(int(number)) for number in refused)
        found = self.connection.execute(
            f"select {_PATH}, {LINE}, rowid from {self.sql} where rowid in ({numbers})"
        ).fetchall()
        for number, path in enumerate(self.scan.paths):
            wanted = {line: refused[row] for at, line, row in found if at == number}
            for record in self._records(path) if wanted else ():
                if record.line in wanted:
                    yield self._reject(path, record, wanted.pop(record.line))
                if not wanted:
                    break

    def _by_number(self, refused: Mapping[int, str]) -> Iterator[Reject]:
        """Finds rows by their number among the good ones, which the quick way numbers alike."""
        again = self.read_again(self._quickly(), ", ".join(map(quoted, self.columns)), refused)
        values = {number: fields[:-1] for number, *fields in again}
        first = 0
        for path, count in self._counts().items():
            wanted = {n - first: n for n in values if first <= n < first + count}
            first += count
            for number, record in enumerate(self._records(path)) if wanted else ():
                row = wanted.get(number)
                # Two readers that disagree about a row would point at the wrong line.
                if row is not None and [field or None for field in record.fields] == values[row]:
                    yield self._reject(path, record, refused[row])
                    del wanted[number]
                if not wanted:
                    break
            for row in wanted.values():
                text = str(self.scan.arguments["delim"]).join(f or "" for f in values[row])
                yield Reject(self.origin(path), None, refused[row], text[:SHOWN])

    def _counts(self) -> dict[str, int]:
        if len(self.scan.paths) == 1:
            return {self.scan.paths[0]: 1 << 62}
        counted = dict(
            self.connection.execute(
                f"select filename, count(*) from {self._quickly(filename=True)} group by 1"
            ).fetchall()
        )
        return {path: counted.get(path, 0) for path in self.scan.paths}
