"""Writes reference.json.gz: the Service Authorization Reference's actions, their resource types and those types' condition
keys, as cfn-lint carries them, cut down to the services whose policies the local cloud may be asked about. Run it by hand
after a new release of cfn-lint or a new service below:

    tools/install-python build/aws tools/aws.txt
    build/aws/bin/python local/iam/prune.py

The file lower-cases the names of actions, cuts ARNs short and leaves out the condition keys of actions: what of that is
needed is written by hand in keys_*.go and arns.go.
"""
import gzip
import json
import pathlib

import cfnlint

SERVICES = """
    cloudformation cloudwatch dynamodb ec2 elasticloadbalancing events iam kms lambda logs rds s3 scheduler servicequotas
    sns sqs states sts tag vpce xray""".split()


def keep(service):
    types = {name.lower(): name for name in service["Resources"]}
    return {
        # lambda's actions spell their types in another case than the types themselves
        "actions": {name: [types[r.lower()] for r in action.get("Resources", [])]
                    for name, action in service["Actions"].items()},
        "resources": {name: {"arns": r["ARNFormats"], "keys": r.get("ConditionKeys", [])}
                      for name, r in service["Resources"].items()},
    }


source = pathlib.Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
policies = json.loads(source.read_text())
reference = {service: keep(policies[service]) for service in SERVICES}
target = pathlib.Path(__file__).with_name("reference.json.gz")
target.write_bytes(gzip.compress(json.dumps(reference, separators=(",", ":")).encode(), 9, mtime=0))
print(target, target.stat().st_size, "bytes")
