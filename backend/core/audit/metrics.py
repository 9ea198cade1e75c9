"""The log's gauge, read from MongoDB when it is scraped: it tells even of a log that no sequencer tends."""

import math
from collections.abc import Iterator
from typing import Final

import pymongo
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from backend.core.audit.log import AuditLog

_SCRAPE_SECONDS: Final = 1.0


class UnplacedAge(Collector):
    """`tongyu_audit_oldest_unplaced_seconds`: above 60 is an alarm; NaN while MongoDB can't be asked."""

    def __init__(self, log: AuditLog, registry: CollectorRegistry) -> None:
        self._log = log
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The gauge without a value, so that registering asks MongoDB nothing."""
        yield self._gauge()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauge as of now: one find."""
        gauge = self._gauge()
        gauge.add_metric([], self._seconds())
        yield gauge

    def _seconds(self) -> float:
        try:
            with pymongo.timeout(_SCRAPE_SECONDS):
                return self._log.oldest_unplaced_age().total_seconds()
        except PyMongoError:
            return math.nan

    @staticmethod
    def _gauge() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "tongyu_audit_oldest_unplaced_seconds",
            "How long the oldest audit entry has been waiting for its place in the log.",
        )
