"""A logger plugin of Snakemake: the jobs of a run, or of a dry run, as JSON lines.

What Snakemake prints is no use to a test: a rule's `message` takes the place of its name.
"""

import json
from dataclasses import dataclass, field

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    path: str = field(default="", metadata={"help": "the file to write"})


class LogHandler(LogHandlerBase):
    has_filter = True
    has_formatter = True
    needs_rulegraph = False
    writes_to_file = False
    writes_to_stream = False

    def emit(self, record):
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            line = {
                "rule": record.rule_name,
                "wildcards": record.wildcards,
                "jobid": record.jobid,
                "output": record.output,
                "log": record.log,
                "benchmark": record.benchmark,
                "message": record.rule_msg,
                "resources": dict(record.resources.items()),
            }
        elif event == LogEvent.JOB_ERROR:
            line = {"jobid": record.jobid, "failed": True}
        else:
            return
        with open(self.settings.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
