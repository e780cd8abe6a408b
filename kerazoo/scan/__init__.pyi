from .dispatch import verify as verify
from .scan_report import Finding as Finding
from .scan_report import Report as Report

__all__ = ["Finding", "Report", "verify"]
