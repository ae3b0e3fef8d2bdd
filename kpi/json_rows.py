"""The rows of JSON documents: read by the database, or one by one where something is wrong."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from connectors.contract import Batch, Pages, SourceError
from kpi.drift import fields_delivered
from kpi.json_records import NotJson, NotThere, check_whole, locate, mappings, records
from kpi.parsing import literal, quoted
from kpi.raw_rows import SHOWN, RawRows, Reject, told_whole

_KEPT_FAULTS = 1000
_BOM = b"\xef\xbb\xbf"
_PIECE = pa.schema([("document", pa.string()), ("listed", pa.bool_())])
_COMPLAINT = re.compile(r"of input: (.*?)\.\s+Input:", re.DOTALL)

# The database reads a number with decimals or an exponent as a double: it would write 1.50 as 1.5
# and round the eighteenth digit away. In a document that has one, every number becomes a text that
# begins with this mark, and a number again once its record is taken apart. Unicode keeps the letter
# for a program's own use, so that no text has it.
_MARK = "\ufdd0"
_INEXACT = r"[:,[][ \t\r\n]*(-0|-?[0-9]+[.eE])"
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_UP_TO_A_NUMBER = r'(?s)((?:"(?:[^"\\]|\\.)*"|[^"0-9-]|-[^"0-9])*)'
_MARKED_NUMBER = f'"?{_MARK}([-+.0-9eE]+)"?'


class JsonRows(RawRows):
    """Rows of the records in JSON documents; every field is a text."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch, pages: Pages) -> None:
        super().__init__(connection, batch)
        self.columns = dict.fromkeys(pages.fields, "VARCHAR")
        self._paths = {name: path.split(".") for name, path in pages.fields.items()}
        self._steps = pages.records.split(".") if pages.records else []
        self._documents = [document.removeprefix(_BOM) for document in pages.documents]
        self._begins = [self._locate(document) for document in self._documents]
        # Of the patient way: the good records, by their number from 1 among all of them.
        self._good: dict[int, str] | None = None
        try:
            self._relation = self._quickly()
        except pa.ArrowInvalid:  # a byte that is no UTF-8
            self._relation = self._patiently()
        self.sql = self._taken_apart(self._relation)

    def retry(self, error: duckdb.Error) -> bool:
        """The quick way ends at the first record that is none; the patient one tells of it."""
        if self._good is not None or not isinstance(error, duckdb.InvalidInputException):
            return False
        self._relation = self._patiently()
        self.sql = self._taken_apart(self._relation)
        return True

    def delivered(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """What the records have, judged by the first one of each document."""
        firsts = (text for each in self._texts() for text in itertools.islice(each, 1))
        everything = itertools.chain.from_iterable(self._texts())
        return fields_delivered(before, self._paths, list(mappings(firsts)), mappings(everything))

    def rejects(self, refused: Mapping[int, str]) -> list[Reject]:
        if self._good is not None:
            good = list(self._good.items())
            return [
                *self.faulty,
                *(self._reject(good[row][0], why, good[row][1]) for row, why in refused.items()),
            ]
        found = self.connection.execute(
            f"select n, {_unmarked('record')} from "
            f"(select row_number() over () - 1 as n, record from {self._relation}) "
            f"where n in ({', '.join(str(int(row)) for row in refused)})"
        ).fetchall()
        return [self._reject(row + 1, refused[row], text) for row, text in found]

    def close(self) -> None:
        self.connection.unregister("raw_documents")
        self.connection.unregister("raw_records")

    def _locate(self, document: bytes) -> int:
        try:
            return locate(document, self._steps)
        except NotThere as instead:
            raise SourceError(
                f"{self.batch.origin} answers without records: {instead}.",
                "Check where its address leads, and `records` where this source has it.",
            ) from None
        except NotJson:
            raise self._no_json() from None

    def _no_json(self) -> SourceError:
        return SourceError(
            f"{self.batch.origin} answers with something that is no JSON, or breaks off.",
            "Check where its address leads; the next refresh asks again.",
        )

    def _texts(self) -> Iterator[Iterator[bytes]]:
        """The records of each document."""
        for document, begin in zip(self._documents, self._begins, strict=True):
            yield self._records_in(document, begin)

    def _records_in(self, document: bytes, begin: int) -> Iterator[bytes]:
        try:
            yield from records(document, begin)
        except NotJson:
            raise self._no_json() from None

    def _quickly(self) -> str:
        """All records, found by the database; it ends at the first that is none."""
        # A piece for each document: they are taken apart one by one, which needs less memory.
        pieces = [
            _piece(document, document[begin : begin + 1] == b"[")
            for document, begin in zip(self._documents, self._begins, strict=True)
        ]
        table = pa.Table.from_batches(pieces, _PIECE)
        self.connection.register("raw_documents", table)
        found = f"json_extract(document, {literal(_pointer(self._steps))})"
        value = found if self._steps else "document"
        return (
            f"(select unnest(case when listed then json_extract({value}, '$[*]') "
            f"else [{found}] end) as record "
            f"from (select {_marked('document')} as document, listed from raw_documents))"
        )

    def _taken_apart(self, relation: str) -> str:
        paths = ", ".join(literal(_pointer(path)) for path in self._paths.values())
        columns = ", ".join(
            f"{_unmarked(f'v[{place}]')} as {quoted(name)}"
            for place, name in enumerate(self._paths, 1)
        )
        # A number or a list among the records would read as a record of which nothing is known.
        record = "case when starts_with(record, '{') then record else error('no record') end"
        return (
            f"(select {columns} from "
            f"(select json_extract_string({record}, [{paths}]) as v from {relation}))"
        )

    def _patiently(self) -> str:
        """The records one by one, as far as they are good; the others become faults."""
        self._good = {}
        try:
            for document in self._documents:
                check_whole(document)
        except NotJson:
            raise self._no_json() from None
        texts = list(itertools.chain.from_iterable(self._texts()))
        faults = {}
        for number, text in enumerate(texts, 1):
            try:
                self._good[number] = text.decode()
            except UnicodeDecodeError as error:
                faults[number] = f"it is not UTF-8 from byte {error.start} on"
        for number, reason in self._complaints(self._good):
            del self._good[number]
            faults[number] = reason
        self.faults = len(faults)
        self.faulty = tuple(
            self._reject(number, reason, texts[number - 1].decode(errors="replace"))
            for number, reason in sorted(faults.items())[:_KEPT_FAULTS]
        )
        good = pa.table({"record": pa.array(self._good.values(), pa.string())})
        self.connection.register("raw_records", good)
        return f"(select {_marked('record')} as record from raw_records)"

    def _complaints(self, texts: Mapping[int, str]) -> list[tuple[int, str]]:
        """Which of the texts are no records, and why."""
        numbered = pa.table(
            {"number": list(texts), "record": pa.array(texts.values(), pa.string())}
        )
        self.connection.register("raw_records", numbered)
        bad = self.connection.execute(
            "select number, record from raw_records "
            "where not json_valid(record) or not starts_with(record, '{')"
        ).fetchall()
        return [(number, self._complaint(text)) for number, text in bad]

    def _complaint(self, text: str) -> str:
        try:
            with told_whole():
                self.connection.execute("select json_type(?)", [text]).fetchall()
        except duckdb.InvalidInputException as error:
            found = _COMPLAINT.search(str(error))
            return f"it is no JSON: {found[1] if found else 'it cannot be read'}"
        return "it is no record, which begins with {"

    def _reject(self, number: int, reason: str, text: str) -> Reject:
        return Reject(self.batch.origin, number, reason, text[:SHOWN])


def _piece(document: bytes, is_list: bool) -> pa.RecordBatch:
    """A document as one row, not copied; raises ArrowInvalid where it is no UTF-8."""
    # Made of Python's values it would have pyarrow load pandas: 50 MB and half a second.
    ends = pa.py_buffer(struct.pack("=2i", 0, len(document)))
    text = pa.StringArray.from_buffers(1, ends, pa.py_buffer(document))
    text.validate(full=True)
    listed = pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(bytes([is_list]))])
    return pa.RecordBatch.from_arrays([text, listed], schema=_PIECE)


def _pointer(path: Sequence[str]) -> str:
    """A path as a JSON pointer (RFC 6901), in which every letter can be written."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _marked(document: str) -> str:
    """SQL for a document whose numbers stay as they are written."""
    # The end counts as a number, and is taken off again: a search that found none up to there would
    # go on inside a text.
    number, end = literal(f"{_UP_TO_A_NUMBER}({_NUMBER}|$)"), literal(f'"{_MARK}')
    text = literal(rf'\1"{_MARK}\2"')
    return (
        f"case when regexp_matches({document}, {literal(_INEXACT)}) "
        f"then rtrim(regexp_replace({document}, {number}, {text}, 'g'), {end}) else {document} end"
    )


def _unmarked(text: str) -> str:
    """SQL for a text out of such a document."""
    return (
        f"case when contains({text}, {literal(_MARK)}) "
        f"then regexp_replace({text}, {literal(_MARKED_NUMBER)}, '\\1', 'g') else {text} end"
    )
