"""Writes models.json.gz: AWS's own service models, as botocore carries them, cut down to the operations that the local
cloud may be asked for. Run it by hand after a new release of botocore or a new operation below:

    build/ministack/bin/python wire/prune.py

Members keep the order of the model, so that answers are written in AWS's order.
"""
import gzip
import json
import pathlib
import re

import botocore

OPERATIONS = {
    "ec2": ("2016-11-15", """
        AcceptVpcEndpointConnections AssociateDhcpOptions AssociateVpcCidrBlock AuthorizeSecurityGroupEgress
        AuthorizeSecurityGroupIngress CreateDhcpOptions CreateFlowLogs CreateManagedPrefixList CreateNetworkAcl CreateNetworkAclEntry
        CreateNetworkInterface CreateSecurityGroup CreateSubnet CreateTags CreateVpc CreateVpcEndpoint
        CreateVpcEndpointConnectionNotification CreateVpcEndpointServiceConfiguration DeleteFlowLogs DeleteNetworkAcl DeleteNetworkAclEntry
        DeleteNetworkInterface DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc
        DeleteVpcEndpointConnectionNotifications DeleteVpcEndpointServiceConfigurations DeleteVpcEndpoints
        DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeDhcpOptions DescribeFlowLogs DescribeInternetGateways
        DescribeManagedPrefixLists DescribeNetworkAcls DescribeNetworkInterfaceAttribute DescribeNetworkInterfaces
        DescribeRegions DescribeRouteTables DescribeSecurityGroupReferences DescribeSecurityGroupRules
        DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVpcAttribute DescribeVpcEndpointConnectionNotifications
        DescribeVpcEndpointConnections DescribeVpcEndpointServiceConfigurations DescribeVpcEndpointServicePermissions
        DescribeVpcEndpointServices DescribeVpcEndpoints DescribeVpcs GetSecurityGroupsForVpc
        ModifyNetworkInterfaceAttribute ModifySecurityGroupRules ModifyVpcAttribute ModifyVpcEndpoint
        ModifyVpcEndpointConnectionNotification ModifyVpcEndpointServiceConfiguration ModifyVpcEndpointServicePermissions
        RejectVpcEndpointConnections ReplaceNetworkAclAssociation ReplaceNetworkAclEntry RevokeSecurityGroupEgress
        RevokeSecurityGroupIngress StartVpcEndpointServicePrivateDnsVerification UpdateSecurityGroupRuleDescriptionsEgress
        UpdateSecurityGroupRuleDescriptionsIngress"""),
    "elbv2": ("2015-12-01", """
        AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener DeleteLoadBalancer DeleteTargetGroup
        DeregisterTargets DescribeAccountLimits DescribeListenerAttributes DescribeListeners
        DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags DescribeTargetGroupAttributes
        DescribeTargetGroups DescribeTargetHealth ModifyListener ModifyListenerAttributes ModifyLoadBalancerAttributes
        ModifyTargetGroup ModifyTargetGroupAttributes RegisterTargets RemoveTags SetSecurityGroups SetSubnets"""),
    "rds": ("2014-10-31", """
        AddTagsToResource CreateBlueGreenDeployment CreateDBCluster CreateDBInstance CreateDBParameterGroup CreateDBProxy
        CreateDBClusterParameterGroup CreateDBSubnetGroup DeleteDBCluster DeleteDBInstance DeleteDBProxy DeleteDBSubnetGroup DeregisterDBProxyTargets
        DescribeAccountAttributes DescribeBlueGreenDeployments DescribeCertificates DescribeDBClusterEndpoints
        DescribeDBClusterParameters DescribeDBClusters
        DescribeDBInstances DescribeDBParameters DescribeDBProxies DescribeDBProxyEndpoints
        DescribeDBProxyTargetGroups DescribeDBProxyTargets DescribeDBSubnetGroups DescribeEvents DescribeGlobalClusters
        DescribePendingMaintenanceActions FailoverDBCluster ListTagsForResource ModifyDBCluster
        ModifyDBClusterParameterGroup ModifyDBInstance
        ModifyDBParameterGroup ModifyDBProxy ModifyDBSubnetGroup RebootDBInstance RegisterDBProxyTargets RemoveTagsFromResource
        StartDBCluster StartDBInstance StopDBCluster StopDBInstance
        SwitchoverBlueGreenDeployment"""),
    "stepfunctions": ("2016-11-23", """
        DescribeExecution DescribeStateMachine DescribeStateMachineForExecution GetExecutionHistory ListExecutions
        ListStateMachines RedriveExecution SendTaskFailure SendTaskSuccess StartExecution StopExecution UpdateStateMachine"""),
    "scheduler": ("2021-06-30", """
        CreateSchedule CreateScheduleGroup DeleteSchedule DeleteScheduleGroup GetSchedule GetScheduleGroup
        ListScheduleGroups ListSchedules ListTagsForResource TagResource UntagResource UpdateSchedule"""),
    "route53": ("2013-04-01", """
        AssociateVPCWithHostedZone ChangeResourceRecordSets CreateHostedZone DeleteHostedZone
        ChangeTagsForResource DisassociateVPCFromHostedZone GetChange GetHostedZone ListHostedZones ListHostedZonesByName
        ListHostedZonesByVPC ListResourceRecordSets ListTagsForResource"""),
    "service-quotas": ("2019-06-24", "GetServiceQuota ListServiceQuotas"),
    "sts": ("2011-06-15", "AssumeRole GetCallerIdentity"),
    # Served by MiniStack: the door only reads what is asked.
    "lambda": ("2015-03-31", """
        AddPermission CreateAlias CreateEventSourceMapping CreateFunction DeleteAlias DeleteFunction
        DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig GetAccountSettings GetAlias GetFunction
        GetFunctionConcurrency GetFunctionConfiguration GetFunctionEventInvokeConfig GetPolicy Invoke
        ListEventSourceMappings ListFunctionEventInvokeConfigs ListFunctions ListTags ListVersionsByFunction
        PublishVersion PutFunctionConcurrency PutFunctionEventInvokeConfig RemovePermission TagResource UntagResource
        UpdateAlias UpdateFunctionCode UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig"""),
}
# The patterns that Go's regexp cannot read: look-around, Java's classes and escapes, more than a thousand repetitions.
FOREIGN = re.compile(r"\(\?[=!<]|\\u[0-9A-Fa-f]{4}|\\p\{Is|\{\d*,?\d{4,}\}")
# Actions of an application load balancer: the only maps in a form.
DROPPED = {"AuthenticateCognitoActionConfig", "AuthenticateOidcActionConfig", "JwtValidationActionConfig"}
# botocore's model of Route 53 has them as strings, aws-sdk-go-v2's as numbers.
NUMBERS = {"PageMaxItems"}
MEMBER = ("shape", "locationName", "queryName", "location", "idempotencyToken")
SHAPE = ("type", "required", "enum", "min", "max", "pattern", "payload", "member", "value")


def keep(keys, what):
    return {k: what[k] for k in keys if k in what}


def shape(model, name):
    full = model["shapes"][name]
    short = keep(SHAPE, full)
    if name in NUMBERS:
        short["type"] = "integer"
    if FOREIGN.search(short.get("pattern", "")):
        del short["pattern"]
    for part in ("member", "value"):
        if part in short:
            short[part] = keep(MEMBER, short[part])
    if full["type"] == "structure":
        short["members"] = [{"name": n, **keep(MEMBER, m)} for n, m in full.get("members", {}).items()
                            if m["shape"] not in DROPPED]
    return short


def reach(model, shapes, name):
    if name in shapes:
        return
    short = shapes[name] = shape(model, name)
    for part in short.get("members", []) + [short[k] for k in ("member", "value") if k in short]:
        reach(model, shapes, part["shape"])


def namespace(model):
    """That of a service whose requests are documents of XML."""
    return next(o["input"]["xmlNamespace"]["uri"] for o in model["operations"].values() if "xmlNamespace" in o.get("input", {}))


def prune(service, version, names):
    path = pathlib.Path(botocore.__file__).parent / "data" / service / version / "service-2.json.gz"
    model = json.loads(gzip.open(path).read())
    operations, shapes, errors = {}, {}, {}
    for name in names.split():
        full = model["operations"][name]
        short = operations[name] = {"http": keep(("method", "requestUri"), full["http"])}
        for side in ("input", "output"):
            if side in full and (side == "input" or service != "lambda"):
                short[side] = keep(("shape", "resultWrapper"), full[side])
                reach(model, shapes, full[side]["shape"])
        for e in full.get("errors", []):
            error = model["shapes"][e["shape"]].get("error", {})
            if "httpStatusCode" in error:
                errors[error.get("code", e["shape"])] = error["httpStatusCode"]
    metadata = model["metadata"]
    return {
        **keep(("protocol", "targetPrefix", "xmlNamespace", "jsonVersion"), metadata),
        **({"xmlNamespace": namespace(model)} if metadata["protocol"] == "rest-xml" else {}),
        "operations": operations, "shapes": shapes, "errors": errors,
    }


models = {s: prune(s, version, names) for s, (version, names) in OPERATIONS.items()}
target = pathlib.Path(__file__).with_name("models.json.gz")
target.write_bytes(gzip.compress(json.dumps(models, separators=(",", ":")).encode(), 9, mtime=0))
print(target, target.stat().st_size, "bytes")
