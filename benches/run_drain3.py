#!/usr/bin/env python3
"""Cluster the lines of a file with Drain3 and print how many lines a second it took and how many clusters it found.

One generic setting: depth 4, similarity 0.4, masks for identifiers, addresses, hexadecimal and decimal numbers.
usage: run_drain3.py FILE ROUNDS
"""
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

MASKS = [
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
]


def main():
    path, rounds = sys.argv[1], int(sys.argv[2])
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    best, clusters = 0.0, 0
    for _ in range(rounds):
        config = TemplateMinerConfig()
        config.drain_depth, config.drain_sim_th = 4, 0.4
        config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
        miner = TemplateMiner(config=config)
        began = time.process_time()
        for line in lines:
            miner.add_log_message(line)
        best = max(best, len(lines) / (time.process_time() - began))
        clusters = len(miner.drain.clusters)
    print(f"{best:.0f} {clusters}")


main()
