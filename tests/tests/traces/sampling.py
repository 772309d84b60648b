"""Asks X-Ray's SDK, with its default sampler, what it traces; says so on standard output, a line for each finding."""
import sys
import time

from aws_xray_sdk.core import xray_recorder

PATIENCE_SECONDS = 90


def until(what, holds):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not come")
        time.sleep(0.1)


def sampled(service, requests):
    count = 0
    for _ in range(requests):
        segment = xray_recorder.begin_segment(service)
        count += segment.sampled
        xray_recorder.end_segment()
    return count


xray_recorder.configure(service="shop", context_missing="LOG_ERROR")
# The first segment starts the sampler; until the rules are there it decides by its own.
sampled("warm", 1)
until("the rules", lambda: len(xray_recorder.sampler._cache.rules) >= 3)
print("rules", *(rule.name for rule in xray_recorder.sampler._cache.rules), flush=True)
print("counted", sampled("loud", 20), sampled("quiet", 20), flush=True)
# Somebody changes the rule now; the SDK hears of it when it reports.
until("the changed rule", lambda: sampled("quiet", 1) == 1)
print("changed", sampled("quiet", 20), flush=True)
