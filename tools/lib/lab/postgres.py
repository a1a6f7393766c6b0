"""A PostgreSQL server in a folder of its own, on a Unix socket there.

It refuses to be run by root, so it is run by a user without rights.
"""

import glob
import os
import shutil
import signal
import tempfile
from pathlib import Path

from .process import Process, run, wait_for

NOBODY = 65534


def programs():
    """Folder of the newest server's programs, None if there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(found[-1]).parent if found else None


class Postgres:
    """One server; `database()` makes what a store wants. Tests do not wait
    for the disk; what is measured does, as it would in real life."""

    def __init__(self, synced=False):
        self.synced = synced
        self.folder = Path(tempfile.mkdtemp(prefix="callbridge-postgres-",
                                            dir="/tmp"))
        self.process = None
        self.databases = 0

    def as_nobody(self, argv):
        """The words that run `argv` as somebody without rights. Where root
        is root in its own namespace alone, a namespace further in makes
        another of it."""
        if os.geteuid():
            return argv
        try:
            os.chown(self.folder, NOBODY, NOBODY)
            run(["setpriv", "--reuid=65534", "--regid=65534",
                 "--clear-groups", "true"])
            return ["setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", *argv]
        except (OSError, RuntimeError):
            self.folder.chmod(0o777)
            return ["unshare", "--user", "--map-user=65534", *argv]

    def start(self):
        folder = programs()
        data = self.folder / "data"
        run(self.as_nobody([folder / "initdb", "-D", data, "-A", "trust",
                            "-U", "callbridge", "-E", "UTF8", "--no-locale",
                            "-N"]), deadline_s=60, cwd=self.folder)
        self.run()
        return self

    def run(self):
        """Start the server on the data that are there."""
        data = self.folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)
        self.process = Process.start(
            "postgres", self.as_nobody(
                [programs() / "postgres", "-D", data, "-k", self.folder, "-c",
                 "listen_addresses=", "-c",
                 "fsync=" + ("on" if self.synced else "off")]),
            self.folder / "log", cwd=self.folder)
        wait_for(self.ready, 60, "PostgreSQL to take connections", 0.05)

    def kill(self):
        """End it at once, with all its connections."""
        self.process.stop(8, signal.SIGQUIT)

    def ready(self):
        try:
            text = (self.folder / "data/postmaster.pid").read_text()
        except OSError:
            return False
        return any(line.startswith("ready") for line in text.splitlines())

    def database(self):
        """URL of a new, empty database."""
        self.databases += 1
        name = "t%d" % self.databases
        run(["psql", "-h", self.folder, "-U", "callbridge", "-d", "postgres",
             "-q", "-c", "CREATE DATABASE " + name])
        return "postgresql://callbridge@/%s?host=%s" % (name, self.folder)

    def settle(self, url):
        """Do now what the server would do in the background after so much
        was put in."""
        run(["psql", "-q", "-d", url, "-c", "VACUUM ANALYZE", "-c",
             "CHECKPOINT"], deadline_s=600)

    def megabytes(self, url):
        """How large a database is."""
        text = run(["psql", "-d", url, "-At", "-c",
                    "SELECT pg_database_size(current_database())"])
        return int(text) / 1e6

    def stop(self):
        if self.process:
            self.process.stop(8, signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
