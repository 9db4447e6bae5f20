# SPDX-License-Identifier: Apache-2.0
"""Reads user data on standard input with cloud-init's own parser and prints what it understood, as JSON.

Each part: type, file name, payload. For a cloud-config part also the faults that cloud-init's schema finds.
"""
import json
import logging
import sys

import yaml
from cloudinit import user_data, util
from cloudinit.config.schema import SchemaValidationError, get_schema, validate_cloudconfig_schema


class Paths:
    """What the processor asks of cloud-init's Paths object."""

    cfgs = {"allow_userdata": True}

    def get_ipath_cur(self, _name=None):
        """No instance has been set up on this machine."""
        return "/nonexistent"

    get_cpath = get_ipath_cur


logging.disable(logging.CRITICAL)
message = user_data.UserDataProcessor(Paths()).process(sys.stdin.buffer.read())
out = []
for part in message.walk():
    if part.is_multipart():
        continue
    payload = util.decode_binary(util.fully_decoded_payload(part))
    found = {"type": part.get_content_type(), "filename": part.get_filename(), "payload": payload, "faults": []}
    if found["type"] == "text/cloud-config":
        try:
            validate_cloudconfig_schema(yaml.safe_load(payload), get_schema(), strict=True, log_deprecations=False)
        except SchemaValidationError as e:
            found["faults"] = [str(e)]
    out.append(found)
json.dump(out, sys.stdout)
