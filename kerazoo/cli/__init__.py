"""The command line: `kerazoo <command>`, one file per command, each calling one public function."""
