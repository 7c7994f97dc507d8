"""One thread per test process: small tensors are slower on many, and other processes share the machine."""

import os

import pytest
import torch

torch.set_num_threads(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: many seeds; run with AECHECK_SLOW=1")


def pytest_collection_modifyitems(items):
    if os.environ.get("AECHECK_SLOW") != "1":
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: set AECHECK_SLOW=1"))
