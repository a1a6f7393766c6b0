"""Stories of the page in a real browser: tests/web/*.cjs, told by Node.js."""

import hashlib
import os
import shutil
import subprocess
import unittest

from support import LabTest, site
from portal import ADDRESS, PASSWORD, PORT, Service

from lab import plan


def npm_folder(room):
    """Where tools/setup puts the npm packages of a folder."""
    lock = (plan.REPO / room / "package-lock.json").read_bytes()
    return plan.cache_dir() / ("npm-" + hashlib.sha256(lock).hexdigest()[:16])


@unittest.skipUnless(
    (npm_folder("tests/web") / "node_modules").exists()
    and (npm_folder("portal-api/web") / "node_modules").exists(),
    "npm's packages are not here (tools/setup fetches them)")
class BrowserTest(LabTest):
    """A class has a service of its own; pictures stay in screenshots/CLASS
    of the build folder."""

    needs = ()                  # parts of the lab
    url = "https://%s:%d" % (ADDRESS, PORT)

    @classmethod
    def setUpClass(cls):
        site().need(*cls.needs)
        cls.service = cls.serve()
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        cls.make_shots()

    @classmethod
    def make_shots(cls):
        cls.shots = plan.program("callbridged").parent / "screenshots" \
            / cls.__name__
        shutil.rmtree(cls.shots, ignore_errors=True)
        cls.shots.mkdir(parents=True)

    @classmethod
    def serve(cls):
        return Service(cls.__name__)

    def tell(self, story, heard=None, **env):
        """Tell tests/web/STORY.cjs; what it printed. It fails the test if it
        does not end well.

        heard -- {line: function}: called when the story prints that line
        env   -- more of the environment, PAGE_* by name
        """
        env = dict(os.environ,
                   NODE_PATH=str(npm_folder("tests/web") / "node_modules"),
                   PAGE_URL=self.url,
                   PAGE_PASSWORD=PASSWORD, PAGE_SHOTS=str(self.shots),
                   PAGE_CHROMIUM=shutil.which("chromium") or "",
                   **{name: str(value) for name, value in env.items()})
        told = []
        with subprocess.Popen(
                ["node", plan.REPO / "tests/web" / (story + ".cjs")],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True) as node:
            self.addCleanup(node.kill)
            for line in node.stdout:
                told.append(line)
                if heard and line.strip() in heard:
                    heard[line.strip()]()
        self.assertEqual(node.returncode, 0, "".join(told))
        return "".join(told)
