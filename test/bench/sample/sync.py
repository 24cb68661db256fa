"""What the PushMetrics documentation on RDS over AWS PrivateLink, step 10, has people deploy for the sync: the same calls in the
same order, typed anew. It is measured beside ip-sync, and nothing else runs it."""
import os
import socket

import boto3

elbv2 = boto3.client("elbv2")

TARGET_GROUP = os.environ["TARGET_GROUP_ARN"]
ENDPOINT = os.environ["RDS_ENDPOINT"]
PORT = int(os.environ["RDS_PORT"])


def handler(event, context):
    wanted = {found[4][0] for found in socket.getaddrinfo(ENDPOINT, PORT, socket.AF_INET)}
    health = elbv2.describe_target_health(TargetGroupArn=TARGET_GROUP)
    registered = {h["Target"]["Id"] for h in health["TargetHealthDescriptions"]}
    for address in registered - wanted:
        elbv2.deregister_targets(TargetGroupArn=TARGET_GROUP, Targets=[{"Id": address, "Port": PORT}])
    for address in wanted - registered:
        elbv2.register_targets(TargetGroupArn=TARGET_GROUP, Targets=[{"Id": address, "Port": PORT}])
