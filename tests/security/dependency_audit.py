"""Look up the installed packages among known vulnerabilities: `python -m tests.security.dependency_audit`.

Exit code 1 where pip-audit names a vulnerability. Where the advisories cannot be had (no network, a mirror
without them, no pip-audit), that is said in one line, and the exit code is 0: a check must not fail for
want of a network, nor pass in silence. pip-audit itself ends well when it found no package to look up.
"""

from __future__ import annotations

import json
import subprocess
import sys

SECONDS = 60.0


def main() -> int:
    """Run pip-audit on this environment and say what came of it."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--timeout", "5", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        told, code = f"dependencies NOT audited: no answer from the advisories in {SECONDS:.0f} s", 0
    else:
        told, code = verdict(done.stdout, done.stderr)
    print(told)
    return code


def verdict(stdout: str, stderr: str) -> tuple[str, int]:
    """What to say, and the exit code, from the two outputs of pip-audit."""
    try:
        packages = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"dependencies NOT audited: {last}", 0
    looked_up = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions'])}"
        for package in looked_up
        for flaw in package["vulns"]
    ]
    if found:
        return "\n".join(["dependencies with known vulnerabilities:", *found]), 1
    if not looked_up:
        return f"dependencies NOT audited: the advisories of none of {len(packages)} packages can be had", 0
    return f"dependencies audited: none of {len(looked_up)} packages (of {len(packages)}) has a known flaw", 0


if __name__ == "__main__":
    sys.exit(main())
