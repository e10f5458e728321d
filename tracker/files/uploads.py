"""Uploads to an object store: few requests, equal files once, never a false failure.

Small files are one PUT each, many at a time. After an error the store is asked whether the object
arrived before anything is sent again or reported: its answer may have been lost on the way.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from tracker.files.atomic import Stream, blocks, digest_of
from tracker.files.filesystems import persistently, remote_errors, remote_explained
from tracker.files.paths import BLOB_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SINGLE_PUT_BYTES = 8_000_000
BATCH_FILES = 64
BATCH_BYTES = 32_000_000
SHARED_BYTES = 1_000_000  # Smaller files are sent again rather than looked up.
PART_BYTES = 16 * 2**20


class Uploader:
    """Sends files to one object store.

    Args:
        filesystem: An fsspec file system on which a file appears when its upload is complete.
        root: The folder that the names start from.
        shared_root: A folder for records of where each large content lies; None keeps none.
        pause: Called with the seconds to wait before another attempt.
    """

    def __init__(
        self,
        filesystem: Any,
        root: str,
        shared_root: str | None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._filesystem = filesystem
        self._root = root
        self._shared_root = shared_root
        self._pause = pause

    def send(self, sources: Iterator[tuple[str, Stream]]) -> None:
        """Store each stream under its name.

        Raises:
            ArtifactError: A file cannot be read or did not arrive, after several attempts.
        """
        batch: dict[str, bytes] = {}
        for name, source in sources:
            key = f"{self._root}/{name}"
            with remote_explained(f"log {name!r}"):
                size = source.seek(0, 2)
                source.seek(0)
                if size >= SHARED_BYTES:
                    self._send_large(key, source, size)
                    continue
                batch[key] = source.read(-1) or b""
            if len(batch) >= BATCH_FILES or sum(map(len, batch.values())) >= BATCH_BYTES:
                self._send_small(batch)
                batch = {}
        self._send_small(batch)

    def _send_small(self, batch: dict[str, bytes]) -> None:
        """Store several contents at once, one request each."""
        missing = dict(batch)

        def attempt() -> bool:
            if missing:
                self._filesystem.pipe(missing, batch_size=BATCH_FILES)
            return True

        def arrived() -> bool | None:
            stored = self._filesystem.cat(list(missing), on_error="return")
            for key in [key for key, data in missing.items() if stored.get(key) == data]:
                del missing[key]
            return None if missing else True

        (first, *others) = [key.removeprefix(f"{self._root}/") for key in batch] or [""]
        with remote_explained(f"log {first!r}" + (f" and {len(others)} more" if others else "")):
            persistently(attempt, arrived, self._pause)

    def _send_large(self, key: str, source: Stream, size: int) -> None:
        """Store one stream, by a copy inside the store if the store has the same content."""
        digest = digest_of(source)
        if self._copied_inside(key, size, digest):
            return

        def attempt() -> bool:
            source.seek(0)
            if size < SINGLE_PUT_BYTES:
                self._filesystem.pipe_file(key, source.read(-1))
            elif self._speaks_s3:
                self._send_parts_to_s3(key, source, arrived)
            else:
                self._send_in_parts(key, source)
            return True

        def arrived() -> bool | None:
            return self._holds(key, size, digest) or None

        persistently(attempt, arrived, self._pause)
        if size >= SINGLE_PUT_BYTES:
            self._abort_uploads(key)
        self._remember(key, size, digest)

    def _send_in_parts(self, key: str, source: Stream) -> None:
        # Closing a file of fsspec publishes what was written so far, after an error too.
        target = self._filesystem.open(key, "wb", autocommit=False, block_size=PART_BYTES)
        try:
            for block in blocks(source):
                target.write(bytes(block))
            target.close()
            target.commit()
        except BaseException:
            # Its parts may be gone, or the store: the first error says more.
            with suppress(*remote_errors()):
                target.discard()
            raise

    @property
    def _speaks_s3(self) -> bool:
        return hasattr(self._filesystem, "call_s3")

    def _ask_s3(self, method: str, key: str, **arguments: Any) -> dict[str, Any]:
        bucket, name, _ = self._filesystem.split_path(key)
        answer: dict[str, Any] = self._filesystem.call_s3(
            method, Bucket=bucket, Key=name, **arguments
        )
        return answer

    def _send_parts_to_s3(
        self, key: str, source: Stream, arrived: Callable[[], bool | None]
    ) -> None:
        """Store a stream part by part, each of which is tried again by itself."""
        begun = persistently(partial(self._ask_s3, "create_multipart_upload", key))
        number = begun["UploadId"]
        sent: list[dict[str, Any]] = []
        try:
            for place, part in enumerate(_parts(source), start=1):
                named = {"UploadId": number, "PartNumber": place, "Body": part}
                answer = persistently(
                    partial(self._ask_s3, "upload_part", key, **named), pause=self._pause
                )
                sent.append({"PartNumber": place, "ETag": answer["ETag"]})
            whole = {"UploadId": number, "MultipartUpload": {"Parts": sent}}
            complete = partial(self._ask_s3, "complete_multipart_upload", key, **whole)
            persistently(lambda: bool(complete()), arrived, self._pause)
        except BaseException:
            with suppress(*remote_errors()):
                self._ask_s3("abort_multipart_upload", key, UploadId=number)
            raise

    def _abort_uploads(self, key: str) -> None:
        """Remove the invisible parts, which S3 bills, of earlier uploads of the same key.

        One whose answer was lost when it began is begun again; one of a killed process ends here.
        """
        if not self._speaks_s3:
            return
        bucket, name, _ = self._filesystem.split_path(key)
        listed = partial(
            self._filesystem.call_s3, "list_multipart_uploads", Bucket=bucket, Prefix=name
        )
        # Whoever may write a bucket need not have the right to list its uploads.
        with suppress(*remote_errors()):
            for upload in persistently(listed, pause=self._pause).get("Uploads", []):
                if upload["Key"] == name:
                    number = upload["UploadId"]
                    abort = partial(self._ask_s3, "abort_multipart_upload", key, UploadId=number)
                    # Gone where an earlier answer to this was lost.
                    with suppress(FileNotFoundError):
                        persistently(abort, pause=self._pause)

    def _holds(self, key: str, size: int, digest: str) -> bool:
        """Whether the store has this content under this key."""
        self._filesystem.invalidate_cache()
        try:
            if persistently(lambda: self._filesystem.info(key))["size"] != size:
                return False
        except FileNotFoundError:
            return False
        found = hashlib.sha256()
        for start in range(0, size, PART_BYTES):
            end = min(start + PART_BYTES, size)
            found.update(persistently(partial(self._filesystem.cat_file, key, start, end)))
        return found.hexdigest() == digest

    def _copied_inside(self, key: str, size: int, digest: str) -> bool:
        """Copy the content from where it was uploaded before, without sending it."""
        if self._shared_root is None:
            return False
        try:
            known = json.loads(self._filesystem.cat_file(self._record(digest)))
            if not known["key"].startswith(f"{self._shared_root}/"):
                return False
            info = self._filesystem.info(known["key"])
            if (info["size"], version_of(info)) != (size, known["version"]):
                return False
            if known["key"] != key:
                self._filesystem.cp_file(known["key"], key)
        except remote_errors():
            return False  # No record, or a stale one: the content is sent.
        except (ValueError, KeyError, TypeError, AttributeError):
            return False  # A damaged record.
        return True

    def _remember(self, key: str, size: int, digest: str) -> None:
        """Record where this content lies; without the record it is sent again next time."""
        try:
            version = version_of(self._filesystem.info(key))
            if self._shared_root is not None and version is not None:
                record = json.dumps({"key": key, "size": size, "version": version})
                self._filesystem.pipe_file(self._record(digest), record.encode())
        except remote_errors():
            return

    def _record(self, digest: str) -> str:
        return f"{self._shared_root}/{BLOB_FOLDER}/{digest}.json"


def _parts(source: Stream) -> Iterator[bytes]:
    """What is left to read, in parts of at least 16 MB but for the last one."""
    waiting = bytearray()
    for block in blocks(source):
        waiting += block
        if len(waiting) >= PART_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def version_of(info: dict[str, Any]) -> str | None:
    """What changes with an object's content; None where the store does not say."""
    for name in ("ETag", "etag", "md5Hash", "content_md5"):
        if info.get(name):
            return str(info[name])
    return None
