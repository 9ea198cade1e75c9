"""The audit log (审计日志): who did what with whose data, kept so that anyone can prove it untouched."""

from backend.core.audit.log import INDEXES, AuditLog
from backend.core.audit.models import Actor, Entry, Record

__all__ = ["INDEXES", "Actor", "AuditLog", "Entry", "Record"]
