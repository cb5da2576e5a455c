"""`make fuzz`: 200,000 requests and 5,000 configs. `--seed S` makes the same again, `--only N` one request of it."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.configs import fuzz_configs
from tests.fuzz.requests import request_of, sample_bodies
from tests.fuzz.running import fuzz_requests


def main() -> int:
    """Run it and print figures and findings; give the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--configs", type=int, default=5_000)
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--only", type=int, help="print the request of this number and end")
    given = parser.parse_args()
    if given.only is not None:
        print(request_of(given.seed, given.only, sample_bodies()).data)
        return 0
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        wrong = fuzz_configs(given.seed, given.configs, Path(folder))
        wrong += asyncio.run(fuzz_requests(given.seed, given.requests, Path(folder)))
    for line in wrong:
        print(line)
    print(f"{len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
