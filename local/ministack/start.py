"""Starts MiniStack as a part of the local cloud: what it does by itself, past its own API, is handed to the front."""
import base64
import contextvars
import ctypes
import datetime
import functools
import hashlib
import json
import math
import os
import socket
import socketserver
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from importlib.metadata import version
from xml.etree import ElementTree

# Everything below leans on names inside MiniStack; another release may mean other things by them.
if version("ministack") != "1.5.33":
    sys.exit("start.py is written for ministack 1.5.33, not " + version("ministack"))

from ministack.core import lambda_runtime
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import cloudformation, cloudwatch, cloudwatch_logs, dynamodb, eventbridge, iam, lambda_svc, s3, scheduler, sns, stepfunctions
from ministack.services.cloudformation import handlers, provisioners, stacks

FRONT = os.environ["AWS_ENDPOINT_URL"]
SUBNETS = os.environ.pop("LOCAL_SUBNETS")
SPEED = float(os.environ.pop("LOCAL_SPEED")) or 1.0
OWN_ENVIRONMENT = set(os.environ) - {"PATH", "TMPDIR", "AWS_ENDPOINT_URL"}


def call_front(service, method, path, body, headers=()):
    """Calls the front as the root of the account in whose name MiniStack is working."""
    scope = f"{get_account_id()}/20260101/{get_region()}/{service}/aws4_request"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=" + scope, "Content-Type": "application/json", **dict(headers)}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(FRONT + path, data, signed, method=method)) as answer:
            return answer.read()
    except urllib.error.HTTPError as e:
        raise ValueError(e.read().decode()) from e


# The front reads all roles again and again. Each policy is escaped once.
iam._url_quote = functools.cache(iam._url_quote)

# Functions: the session token names role and function, so that the front knows who calls.

def credentials(config):
    role, name = config["Role"], config["FunctionName"]
    token = json.dumps({"role": role, "session": name}).encode()
    return {
        "AWS_ACCESS_KEY_ID": "ASIA" + hashlib.sha256((role + name).encode()).hexdigest()[:16].upper(),
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": base64.urlsafe_b64encode(token).decode(),
    }


worker_env = lambda_svc._provided_worker_env


def function_env(config, code_dir, port):
    """A function's environment without the server's own."""
    mine = config.get("Environment", {}).get("Variables", {})
    env = worker_env(config, code_dir, port)
    return {k: v for k, v in env.items() if k in mine or k not in OWN_ENVIRONMENT}


lambda_svc.execution_credentials = lambda_runtime.execution_credentials = credentials
lambda_svc._provided_worker_env = function_env

# Functions of a VPC are born in the network namespace of their subnet, and their Runtime API with them: a socket belongs to
# the namespace of the thread that makes it. Every function starts without the server's capabilities.
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(subnet):
    directory = os.path.join(SUBNETS, subnet)
    namespace = os.open(os.path.join(directory, "net"), os.O_RDONLY)
    try:
        checked(libc.unshare(CLONE_NEWNS))
        checked(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        checked(libc.mount(os.path.join(directory, "resolv.conf").encode(), b"/etc/resolv.conf", None, MS_BIND, None))
        checked(libc.setns(namespace, CLONE_NEWNET))
    finally:
        os.close(namespace)


spawn = lambda_runtime.ProvidedWorker._spawn


def spawn_in_subnet(worker, init_timeout=None):
    subnets = (worker.config.get("VpcConfig") or {}).get("SubnetIds")
    failure = []

    def run():
        try:
            if subnets:
                enter(subnets[0])
            checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
            spawn(worker, init_timeout)
        except BaseException as e:
            failure.append(e)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


lambda_runtime.ProvidedWorker._spawn = spawn_in_subnet

# A warm invocation waits 50 ms for log lines and 40 ms for Nagle's algorithm.
lambda_runtime.ProvidedWorker._drain_stderr_bounded.__defaults__ = (0.005, 0.002, 0.25)
# One that waits for its next looks ten times a second, in two threads, whether it is stopped: a few hundred of them take half
# of the interpreter's time.
handler_class = lambda_runtime.ProvidedWorker._build_handler_class
serve_forever = socketserver.BaseServer.serve_forever
LONG = 10  # seconds


class Unhurried:
    """A queue whose reader waits for long."""

    def __init__(self, queue):
        self.get = lambda timeout: queue.get(timeout=LONG)


def undelayed_handler_class(worker, generation, pending):
    handler = handler_class(worker, generation, Unhurried(pending))
    handler.disable_nagle_algorithm = True
    return handler


def shutdown(server):
    """Ends serve_forever, whose select the socket's end wakes."""
    server._BaseServer__shutdown_request = True
    try:
        server.socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it does not listen any more
    server._BaseServer__is_shut_down.wait()


lambda_runtime.ProvidedWorker._build_handler_class = undelayed_handler_class
socketserver.BaseServer.serve_forever = lambda server, poll_interval=LONG: serve_forever(server, LONG)
socketserver.BaseServer.shutdown = shutdown

# A function is told of the trace that its caller named.
trace = contextvars.ContextVar("trace", default=None)
invoke = lambda_svc._invoke


async def invoke_in_trace(name, event, headers, *args, **kwargs):
    trace.set(headers.get("x-amzn-trace-id"))
    return await invoke(name, event, headers, *args, **kwargs)


lambda_svc._invoke = invoke_in_trace
lambda_svc._xray_trace_id_for_invocation = lambda config: trace.get()

# A function without a qualifier is $LATEST, where CloudFormation has to put its asynchronous configuration.
event_invoke_config = lambda_svc._event_invoke_config
lambda_svc._event_invoke_config = lambda function, qualifier: (
    event_invoke_config(function, qualifier) or event_invoke_config(function, qualifier or "$LATEST"))

# Deliveries of EventBridge and SNS to functions are the front's: resource policy, retries, dead letters, faults.
current_rule = contextvars.ContextVar("rule")
invoke_target = eventbridge._invoke_target


def deliver(kind, source, target, payload, **more):
    call_front("lambda", "POST", "/_local/deliver", {
        "kind": kind, "account": get_account_id(), "region": get_region(), "source": source, "target": target,
        "payload": base64.b64encode(payload.encode()).decode(), **more,
    })


def remember_rule(target, event, rule, view=None):
    token = current_rule.set((rule, target))
    try:
        invoke_target(target, event, rule, view)
    finally:
        current_rule.reset(token)


def deliver_event(function, payload):
    rule, target = current_rule.get()
    dead_letter = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    deliver("events", rule["Arn"], function, payload, deadLetter=dead_letter)


def deliver_event_to_topic(topic, payload):
    rule, _ = current_rule.get()
    deliver("events", rule["Arn"], topic, payload)


def start_execution(machine, payload):
    call_front("states", "POST", "/", {"stateMachineArn": machine, "input": payload}, {"X-Amz-Target": "AWSStepFunctions.StartExecution"})


def deliver_notification(function, envelope, topic, subscription, *_):
    record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns", "Sns": json.loads(envelope)}
    deliver("sns", topic, function, json.dumps({"Records": [record]}))


eventbridge._invoke_target = remember_rule
eventbridge._dispatch_to_lambda = deliver_event
eventbridge._dispatch_to_sns = deliver_event_to_topic
eventbridge._dispatch_to_stepfunctions = start_execution
sns._deliver_to_lambda = deliver_notification


# Subscriptions: what SNS refuses and MiniStack takes. The numbers are those of
# docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html, the words those of getmoto/moto's tests.

def invalid(message):
    return sns._error("InvalidParameter", "Invalid parameter: " + message, 400)


def filter_refusal(topic, subscription, policy):
    if not policy:
        return None
    try:
        rules = json.loads(policy)
    except ValueError:
        return invalid("FilterPolicy: failed to parse JSON.")
    if len(rules) > 5:
        return invalid("FilterPolicy: Filter policy can not have more than 5 keys")
    if math.prod(len(values) for values in rules.values() if isinstance(values, list)) > 150:
        return invalid("FilterPolicy: Filter policy is too complex")
    others = [s for s in topic["subscriptions"] if s is not subscription and s["attributes"].get("FilterPolicy")]
    if len(others) >= 200:
        return sns._error("FilterPolicyLimitExceeded", "The number of filter policies exceeds the limit", 403)
    return None


def attributes_of(params):
    entries = {}
    while key := sns._p(params, f"Attributes.entry.{len(entries) + 1}.key"):
        entries[key] = sns._p(params, f"Attributes.entry.{len(entries) + 1}.value")
    return entries


def checked_subscribe(params):
    topic = sns._topic_by_arn_any_scope(sns._p(params, "TopicArn"))
    if topic is None:
        return subscribe(params)
    wanted = attributes_of(params)
    for s in topic["subscriptions"]:
        if (s["protocol"], s["endpoint"]) == (sns._p(params, "Protocol"), sns._p(params, "Endpoint")):
            if any(s["attributes"].get(key) != value for key, value in wanted.items()):
                return invalid("Attributes Reason: Subscription already exists with different attributes")
            return subscribe(params)
    refusal = filter_refusal(topic, None, wanted.get("FilterPolicy"))
    if refusal or sns._p(params, "Protocol") != "email":
        return refusal or subscribe(params)
    # It waits for the addressee, who confirms with the token of a mail. There are no mails here: the token is the address.
    answer = subscribe(params)
    if answer[0] == 200:
        added = topic["subscriptions"][-1]
        added["confirmed"], added["token"] = False, added["endpoint"]
        added["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
        sns._refresh_subscription_counts(topic)
        if sns._p(params, "ReturnSubscriptionArn") != "true":
            answer = (answer[0], answer[1], answer[2].replace(added["arn"].encode(), b"pending confirmation"))
    return answer


def waits(arn):
    topic = sns._topic_by_arn_any_scope(arn.rpartition(":")[0])
    return any(s["arn"] == arn and not s["confirmed"] for s in topic["subscriptions"]) if topic else False


def checked_unsubscribe(params):
    """Nobody ends what nobody has confirmed: docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html."""
    arn = sns._p(params, "SubscriptionArn")
    if not arn.startswith("arn:"):
        return invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
    if waits(arn):
        return invalid("SubscriptionArn Reason: This subscription is pending confirmation")
    return unsubscribe(params)


def without_arns(list_subscriptions):
    """Lists have words in the place of the ARN of what waits: docs.aws.amazon.com/sns/latest/api/API_Subscription.html."""
    def list_with_words(params):
        answer = list_subscriptions(params)
        body = answer[2]
        for topic in sns._topics.values():
            for s in topic["subscriptions"]:
                if not s["confirmed"]:
                    body = body.replace(s["arn"].encode(), b"PendingConfirmation")
        return (answer[0], answer[1], body)
    return list_with_words


def checked_attributes(params):
    arn = sns._p(params, "SubscriptionArn")
    topic = sns._topic_by_arn_any_scope(arn.rpartition(":")[0])
    subscription = next((s for s in topic["subscriptions"] if s["arn"] == arn), None) if topic else None
    if subscription is None or sns._p(params, "AttributeName") != "FilterPolicy":
        return set_attributes(params)
    return filter_refusal(topic, subscription, sns._p(params, "AttributeValue")) or set_attributes(params)


subscribe, sns._subscribe = sns._subscribe, checked_subscribe
unsubscribe, sns._unsubscribe = sns._unsubscribe, checked_unsubscribe
sns._list_subscriptions = without_arns(sns._list_subscriptions)
sns._list_subscriptions_by_topic = without_arns(sns._list_subscriptions_by_topic)
set_attributes, sns._set_subscription_attributes = sns._set_subscription_attributes, checked_attributes

# A table's recovery: it comes back as another one, as it was at a moment between the enabling of its recovery and five minutes
# ago, with its indexes, billing and key, and without its tags, protection and recovery
# (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html,
# docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoveryDescription.html). MiniStack copies any table as
# it is, whatever the moment. That it takes AWS a while is left out.
NOT_YET = 300 / SPEED
pasts = {}  # by account, region and table: since when, and each change since


def past_of(table):
    return pasts.get((get_account_id(), get_region(), table))


def update_recovery(data):
    answer = update_backups(data)
    name = dynamodb._normalize_table_name(data.get("TableName"))
    if answer[0] != 200:
        return answer
    where = (get_account_id(), get_region(), name)
    if not dynamodb._pitr_settings[name]:
        pasts.pop(where, None)
    elif where not in pasts:
        items = [json.dumps(item) for of_key in dynamodb._tables[name]["items"].values() for item in of_key.values()]
        pasts[where] = {"since": time.time(), "changes": [(time.time(), item, True) for item in items]}
    return answer


def remember_change(table, event, old, new, *how):
    past = past_of(table)
    if past:
        past["changes"].append((time.time(), json.dumps(new or old), bool(new)))
    emit_change(table, event, old, new, *how)


def describe_recovery(data):
    status, headers, body = describe_backups(data)
    past = past_of(dynamodb._normalize_table_name(data.get("TableName")))
    if past:
        answer = json.loads(body)
        recovery = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        recovery["EarliestRestorableDateTime"] = past["since"]
        recovery["LatestRestorableDateTime"] = max(past["since"], time.time() - NOT_YET)
        body = json.dumps(answer).encode()
    return status, headers, body


def restore_as_it_was(data):
    name = data.get("SourceTableName") or dynamodb._normalize_table_name(data.get("SourceTableArn") or "")
    past, latest = past_of(name), time.time() - NOT_YET
    if name in dynamodb._tables and not past:
        return error_response_json("PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{name}'", 400)
    if bool(data.get("UseLatestRestorableTime")) == ("RestoreDateTime" in data):
        return error_response_json("ValidationException", "Exactly one of RestoreDateTime and UseLatestRestorableTime has to be specified", 400)
    moment = data.get("RestoreDateTime", latest)
    if past and not past["since"] <= moment <= latest:
        return error_response_json("InvalidRestoreTimeException", "The restore time is not within the restorable window of the table", 400)
    answer = restore(data)
    if answer[0] != 200:
        return answer
    source, target = dynamodb._tables[name], dynamodb._tables[data["TargetTableName"]]
    target["items"].clear()
    for at, text, there in past["changes"]:
        item = json.loads(text)
        keys = [dynamodb._extract_key_val(item[target[k]]) if target[k] else "__no_sort__" for k in ("pk_name", "sk_name")]
        if at > moment:
            break
        if there:
            target["items"].setdefault(keys[0], {})[keys[1]] = item
        else:
            target["items"].get(keys[0], {}).pop(keys[1], None)
    dynamodb._items_replaced(target)
    if "SSESpecificationOverride" not in data:
        target["SSEDescription"] = source["SSEDescription"]
    return answer


# MiniStack compares all paths of a projection with each other for each item. Each projection is looked at once.
project = dynamodb._project_item


@functools.cache
def plain_names(expression, names):
    """The attributes that a projection names; None if a path leads into one."""
    project({}, expression, dict(names))  # or it is refused
    paths = [path.strip() for path in expression.split(",") if path.strip()]
    if any(sign in path for path in paths for sign in ".["):
        return None
    return [dict(names).get(path, path) for path in paths]


def project_plainly(item, expression, names):
    plain = plain_names(expression, tuple((names or {}).items())) if expression else None
    if plain is None:
        return project(item, expression, names)
    return {name: item[name] for name in plain if name in item}


dynamodb._project_item = project_plainly

update_backups, dynamodb._update_continuous_backups = dynamodb._update_continuous_backups, update_recovery
describe_backups, dynamodb._describe_continuous_backups = dynamodb._describe_continuous_backups, describe_recovery
emit_change, dynamodb._emit_stream_event = dynamodb._emit_stream_event, remember_change
restore, dynamodb._restore_table_to_point_in_time = dynamodb._restore_table_to_point_in_time, restore_as_it_was

# The front sends the events of AWS's services, and it has its own schedules and executions.
eventbridge._put_events.__defaults__ = (True,)
scheduler.start_scheduler = lambda: None


def validate(definition):
    call_front("states", "POST", "/_local/validate-state-machine", definition.encode())


def validated(store):
    def store_valid(data):
        if "definition" in data:
            try:
                validate(data["definition"])
            except ValueError as e:
                return error_response_json("InvalidDefinition", str(e), 400)
        return store(data)
    return store_valid


stepfunctions._create_state_machine = validated(stepfunctions._create_state_machine)
stepfunctions._update_state_machine = validated(stepfunctions._update_state_machine)

# CloudWatch: lines of logs in the embedded metric format become values of metrics, one for each set of dimensions. An empty set
# is a set: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
# No alarm is judged by them.
# What AWS's services measure the front knows.
statistics, metrics = cloudwatch._get_metric_statistics, cloudwatch._list_metrics
read_so_far = {}
taking = threading.Lock()
# Nothing here lives for two weeks, after which MiniStack looks at each request.
cloudwatch._evict_old_metrics = lambda: None


# Functions write on meanwhile.
def take_metrics():
    with taking:
        for name, group in cloudwatch_logs._log_groups.items():
            for stream, content in list(group["streams"].items()):
                where = (get_account_id(), get_region(), name, stream)
                before = read_so_far.get(where, 0)
                fresh = content["events"][before:]
                read_so_far[where] = before + len(fresh)
                for event in fresh:
                    for line in event["message"].splitlines():
                        if '"CloudWatchMetrics"' in line:
                            take_line(json.loads(line))
    take_measured()


def take_line(line):
    at = line["_aws"]["Timestamp"] / 1000
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                cloudwatch._store_datum(directive["Namespace"], metric["Name"], {n: line[n] for n in names}, at,
                                        metric.get("Unit", "None"), line[metric["Name"]], None, None, None)


def take_measured():
    for m in json.loads(call_front("lambda", "GET", "/_local/metrics?account=" + get_account_id(), None)):
        values = {"SampleCount": m["Count"], "Sum": m["Sum"], "Minimum": m["Least"], "Maximum": m["Most"]}
        cloudwatch._store_datum(m["Namespace"], m["Name"], m["Dimensions"] or {}, m["Time"], m["Unit"], None, None, None, values)


def statistics_of_logs(params, cbor, *how):
    take_metrics()
    if (cbor or {}).get("Dimensions") or cloudwatch._p(params, "Dimensions.member.1.Name"):
        return statistics(params, cbor, *how)
    # Who names no dimensions asks for the metric that has none. MiniStack adds all of them up.
    everything = cloudwatch._metrics
    cloudwatch._metrics = {key: values for key, values in everything.items() if not key[2]}
    try:
        return statistics(params, cbor, *how)
    finally:
        cloudwatch._metrics = everything


def list_measured(params, cbor, *how):
    take_metrics()
    return metrics(params, cbor, *how)


cloudwatch._get_metric_statistics = statistics_of_logs
cloudwatch._list_metrics = list_measured

# CloudFormation: schedules and functions of a VPC are made through the front, and properties that it drops are applied after all.


def schedule(properties):
    body = {k: v for k, v in properties.items() if k != "Name"}
    for date in {"StartDate", "EndDate"} & body.keys():
        body[date] = datetime.datetime.fromisoformat(body[date].replace("Z", "+00:00")).timestamp()
    return body


def schedule_path(name):
    return "/schedules/" + urllib.parse.quote(name, safe="")


def create_schedule(logical_id, properties, stack):
    name = properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=64)
    answer = json.loads(call_front("scheduler", "POST", schedule_path(name), schedule(properties)))
    return name, {"Arn": answer["ScheduleArn"]}


def update_schedule(name, _, properties, __):
    answer = json.loads(call_front("scheduler", "PUT", schedule_path(name), schedule(properties)))
    return name, {"Arn": answer["ScheduleArn"]}


def delete_schedule(name, properties):
    call_front("scheduler", "DELETE", schedule_path(name) + "?groupName=" + properties.get("GroupName", "default"), None)


def complete_function(name, properties):
    path = "/2015-03-31/functions/" + name
    dropped = {"DeadLetterConfig": "DeadLetterConfig", "KmsKeyArn": "KMSKeyArn", "VpcConfig": "VpcConfig"}
    if any(k in properties for k in dropped):
        call_front("lambda", "PUT", path + "/configuration", {api: properties[k] for k, api in dropped.items() if k in properties})
    if "ReservedConcurrentExecutions" in properties:
        places = {"ReservedConcurrentExecutions": int(properties["ReservedConcurrentExecutions"])}
        call_front("lambda", "PUT", "/2017-10-31/functions/" + name + "/concurrency", places)


def delete_function(name, properties):
    if "VpcConfig" in properties:
        call_front("lambda", "DELETE", "/2015-03-31/functions/" + name, None)
    original["AWS::Lambda::Function"]["delete"](name, properties)


def complete_table(name, properties):
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery:
        dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": recovery})
    if "TimeToLiveSpecification" in properties:
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": properties["TimeToLiveSpecification"]})
    encryption = properties.get("SSESpecification")
    if encryption:
        api = {("Enabled" if k == "SSEEnabled" else k): v for k, v in encryption.items()}
        dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(api)


def complete_bucket(name, properties):
    if "BucketEncryption" not in properties:
        s3._delete_bucket_encryption(name)
        return
    root = ElementTree.Element("ServerSideEncryptionConfiguration", xmlns=s3.S3_NS)
    for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]:
        written = ElementTree.SubElement(root, "Rule")
        default = ElementTree.SubElement(written, "ApplyServerSideEncryptionByDefault")
        for part, value in rule["ServerSideEncryptionByDefault"].items():
            ElementTree.SubElement(default, part).text = value
        ElementTree.SubElement(written, "BucketKeyEnabled").text = str(rule.get("BucketKeyEnabled", False)).lower()
    s3._put_bucket_encryption(name, ElementTree.tostring(root))


def complete_topic(arn, properties):
    sns._topics[arn]["attributes"].pop("KmsMasterKeyId", None)
    if "KmsMasterKeyId" in properties:
        sns._topics[arn]["attributes"]["KmsMasterKeyId"] = properties["KmsMasterKeyId"]


def complete_role(name, properties):
    iam._roles[name].pop("PermissionsBoundary", None)
    if "PermissionsBoundary" in properties:
        iam._roles[name]["PermissionsBoundary"] = properties["PermissionsBoundary"]


def complete_machine(arn, properties):
    logging = properties.get("LoggingConfiguration")
    if logging:
        stepfunctions._state_machines[arn]["loggingConfiguration"]["level"] = logging.get("Level", "OFF")
    if "TracingConfiguration" in properties:
        enabled = str(properties["TracingConfiguration"].get("Enabled", "")).lower() == "true"
        stepfunctions._state_machines[arn]["tracingConfiguration"] = {"enabled": enabled}


def put_bus_statement(_, properties, __):
    name, sid = properties.get("EventBusName", "default"), properties["StatementId"]
    statement = properties.get("Statement") or {
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{properties['Principal']}:root"}, "Action": properties["Action"],
        "Resource": f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{name}",
    }
    delete_bus_statement("", properties)
    policy = eventbridge._event_bus_policies.setdefault(name, {"Version": "2012-10-17", "Statement": []})
    policy["Statement"].append({**statement, "Sid": sid})
    return f"{name}|{sid}", {}


def update_bus_statement(_, old, properties, stack):
    delete_bus_statement("", old)
    return put_bus_statement("", properties, stack)


def delete_bus_statement(_, properties):
    eventbridge._remove_permission({"EventBusName": properties.get("EventBusName", "default"), "StatementId": properties["StatementId"]})


# Hosted zones are the front's, whoever makes them.
ROUTE53 = "{https://route53.amazonaws.com/doc/2013-04-01/}"


def element(tag, value):
    """value as XML: of a dictionary its members, of a list those that it names."""
    made = ElementTree.Element(tag)
    if isinstance(value, (dict, list)):
        made.extend(element(k, v) for k, v in (value.items() if isinstance(value, dict) else value))
    else:
        made.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made


def call_route53(method, path, tag="", **parameters):
    body = ElementTree.tostring(element(tag, parameters)) if tag else None
    answer = call_front("route53", method, "/2013-04-01/hostedzone" + path, body, {"Content-Type": "text/xml"})
    return ElementTree.fromstring(answer)


def zone_attributes(zone, answer):
    return {"Id": zone, "NameServers": [server.text for server in answer.iter(ROUTE53 + "NameServer")]}


def associate_vpcs(zone, verb, vpcs):
    for vpc in vpcs:
        call_route53("POST", f"/{zone}/{verb}", verb, VPC=vpc)


def create_zone(logical_id, properties, stack):
    vpcs = properties.get("VPCs", [])
    first = {"VPC": vpcs[0]} if vpcs else {}
    config = {**properties.get("HostedZoneConfig", {}), "PrivateZone": bool(vpcs)}
    answer = call_route53("POST", "", "CreateHostedZoneRequest", Name=properties["Name"], HostedZoneConfig=config,
                          CallerReference=f"{stack}-{logical_id}-{time.time_ns()}", **first)
    zone = answer.find(f"{ROUTE53}HostedZone/{ROUTE53}Id").text.rpartition("/")[2]
    associate_vpcs(zone, "associatevpc", vpcs[1:])
    tag_zone(zone, properties)
    return zone, zone_attributes(zone, answer)


def tag_zone(zone, properties):
    tags = [("Tag", {"Key": t["Key"], "Value": t["Value"]}) for t in properties.get("HostedZoneTags", []) if not t["Key"].startswith("aws:")]
    if tags:
        body = ElementTree.tostring(element("ChangeTagsForResourceRequest", {"AddTags": tags}))
        call_front("route53", "POST", "/2013-04-01/tags/hostedzone/" + zone, body, {"Content-Type": "text/xml"})


def update_zone(zone, old, properties, _):
    if properties["Name"] != old["Name"]:
        raise ValueError("the replacement of a hosted zone is no part of this local cloud")
    before, after = old.get("VPCs", []), properties.get("VPCs", [])
    associate_vpcs(zone, "associatevpc", [vpc for vpc in after if vpc not in before])
    associate_vpcs(zone, "disassociatevpc", [vpc for vpc in before if vpc not in after])
    return zone, zone_attributes(zone, call_route53("GET", "/" + zone))


def delete_zone(zone, _):
    call_route53("DELETE", "/" + zone)


def change_record(action, properties):
    record = {k: properties[k] for k in ("Name", "Type", "TTL") if k in properties}
    if "AliasTarget" in properties:
        record["AliasTarget"] = {"EvaluateTargetHealth": False, **properties["AliasTarget"]}
    if "ResourceRecords" in properties:
        record["ResourceRecords"] = [("ResourceRecord", {"Value": value}) for value in properties["ResourceRecords"]]
    zone = properties["HostedZoneId"].rpartition("/")[2]
    change = {"Action": action, "ResourceRecordSet": record}
    call_route53("POST", f"/{zone}/rrset/", "ChangeResourceRecordSetsRequest", ChangeBatch={"Changes": [("Change", change)]})
    return properties["Name"], {}


def update_record(_, old, properties, __):
    same = all(properties[k] == old[k] for k in ("Name", "Type", "HostedZoneId"))
    return change_record("UPSERT" if same else "CREATE", properties)  # what it was goes once nothing needs it


# Security groups and VPC endpoints are the front's, too.
EC2 = "{http://ec2.amazonaws.com/doc/2016-11-15}"


def flattened(name, value):
    """value as EC2's forms have it: members after a dot, elements by number."""
    if isinstance(value, dict):
        return [pair for k, v in value.items() for pair in flattened(f"{name}.{k}" if name else k, v)]
    if isinstance(value, list):
        return [pair for i, v in enumerate(value, 1) for pair in flattened(f"{name}.{i}", v)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


def call_ec2(action, **parameters):
    form = urllib.parse.urlencode(flattened("", {"Action": action, "Version": "2016-11-15", **parameters})).encode()
    return ElementTree.fromstring(call_front("ec2", "POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"}))


def tags_of(kind, properties):
    """The tags that CloudFormation gives; its own begin with aws:, which is nobody else's."""
    tags = [{"Key": t["Key"], "Value": t["Value"]} for t in properties.get("Tags", []) if not t["Key"].startswith("aws:")]
    return {"TagSpecification": [{"ResourceType": kind, "Tag": tags}]} if tags else {}


def permission(rule):
    """A rule of a template as the API has it."""
    peer = {"Description": rule["Description"]} if "Description" in rule else {}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    peers = {"Groups": [{"GroupId": group, **peer}]} if group else {"IpRanges": [{"CidrIp": rule["CidrIp"], **peer}]}
    return {**{k: rule[k] for k in ("IpProtocol", "FromPort", "ToPort") if k in rule}, **peers}


DIRECTIONS = {"SecurityGroupIngress": "Ingress", "SecurityGroupEgress": "Egress"}
EVERYTHING = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}


def change_rules(verb, direction, group, rules):
    if rules:
        call_ec2(f"{verb}SecurityGroup{direction}", GroupId=group, IpPermissions=[permission(rule) for rule in rules])


def create_group(logical_id, properties, stack):
    name = properties.get("GroupName") or provisioners._physical_name(stack, logical_id, max_len=255)
    answer = call_ec2("CreateSecurityGroup", GroupName=name, GroupDescription=properties["GroupDescription"], VpcId=properties["VpcId"],
                      **tags_of("security-group", properties))
    group = answer.find(EC2 + "groupId").text
    change_rules("Authorize", "Ingress", group, properties.get("SecurityGroupIngress"))
    if properties.get("SecurityGroupEgress"):  # the rule that EC2 makes goes only where there are others
        change_rules("Revoke", "Egress", group, [EVERYTHING])
        change_rules("Authorize", "Egress", group, properties["SecurityGroupEgress"])
    return group, {"GroupId": group, "VpcId": properties["VpcId"], "Id": group}


def update_group(group, old, properties, _):
    if any(old.get(k) != properties.get(k) for k in ("GroupName", "GroupDescription", "VpcId")):
        raise ValueError("the replacement of a security group is no part of this local cloud")
    for name, direction in DIRECTIONS.items():
        before, after = old.get(name) or [], properties.get(name) or []
        change_rules("Revoke", direction, group, [rule for rule in before if rule not in after])
        change_rules("Authorize", direction, group, [rule for rule in after if rule not in before])
    return group, {"GroupId": group, "VpcId": properties["VpcId"], "Id": group}


def delete_group(group, _):
    call_ec2("DeleteSecurityGroup", GroupId=group)


def endpoint_state(endpoint):
    """The endpoint's state and description; deleted when it is not there any more."""
    answer = call_ec2("DescribeVpcEndpoints", Filter=[{"Name": "vpc-endpoint-id", "Value": [endpoint]}])
    [*found] = answer.find(EC2 + "vpcEndpointSet")
    return (found[0].find(EC2 + "state").text.lower(), found[0]) if found else ("deleted", None)


def await_endpoint(endpoint, *states):
    while True:
        state, described = endpoint_state(endpoint)
        if state in states:
            return described
        if state in ("rejected", "failed", "expired", "deleting", "deleted"):
            raise ValueError(f"{endpoint} is {state}")
        time.sleep(0.1)


def endpoint_attributes(endpoint, described):
    entries = [f"{e.find(EC2 + 'hostedZoneId').text}:{e.find(EC2 + 'dnsName').text}" for e in described.find(EC2 + "dnsEntrySet")]
    interfaces = [item.text for item in described.find(EC2 + "networkInterfaceIdSet")]
    return {"Id": endpoint, "DnsEntries": entries, "NetworkInterfaceIds": interfaces,
            "CreationTimestamp": described.find(EC2 + "creationTimestamp").text}


def create_endpoint(_, properties, __):
    """CloudFormation has done its part when the request waits for the service's owner."""
    lists = {"SubnetIds": "SubnetId", "SecurityGroupIds": "SecurityGroupId", "RouteTableIds": "RouteTableId"}
    plain = ("VpcEndpointType", "VpcId", "ServiceName", "PrivateDnsEnabled", "IpAddressType")
    asked = {k: properties[k] for k in plain if k in properties}
    asked.update({api: properties[k] for k, api in lists.items() if properties.get(k)})
    if "PolicyDocument" in properties:
        asked["PolicyDocument"] = json.dumps(properties["PolicyDocument"])
    answer = call_ec2("CreateVpcEndpoint", **asked, **tags_of("vpc-endpoint", properties))
    endpoint = answer.find(f"{EC2}vpcEndpoint/{EC2}vpcEndpointId").text
    return endpoint, endpoint_attributes(endpoint, await_endpoint(endpoint, "pendingacceptance", "available"))


def update_endpoint(endpoint, old, properties, _):
    if any(old.get(k) != properties.get(k) for k in ("VpcEndpointType", "VpcId", "ServiceName")):
        raise ValueError("the replacement of a VPC endpoint is no part of this local cloud")
    changed = {}
    for name, api in {"SubnetIds": "SubnetId", "SecurityGroupIds": "SecurityGroupId"}.items():
        before, after = old.get(name) or [], properties.get(name) or []
        changed |= {"Add" + api: [i for i in after if i not in before], "Remove" + api: [i for i in before if i not in after]}
    if old.get("PrivateDnsEnabled", False) != properties.get("PrivateDnsEnabled", False):
        changed["PrivateDnsEnabled"] = properties.get("PrivateDnsEnabled", False)
    if any(value not in ([], None) for value in changed.values()):
        call_ec2("ModifyVpcEndpoint", VpcEndpointId=endpoint, **changed)
    return endpoint, endpoint_attributes(endpoint, await_endpoint(endpoint, "pendingacceptance", "available"))


def delete_endpoint(endpoint, _):
    answer = call_ec2("DeleteVpcEndpoints", VpcEndpointId=[endpoint])
    for refused in answer.iter(EC2 + "message"):
        if "does not exist" not in refused.text:  # somebody has deleted it
            raise ValueError(refused.text)
    while endpoint_state(endpoint)[0] != "deleted":
        time.sleep(0.1)


# Saved queries of CloudWatch Logs Insights are kept: MiniStack runs queries and saves none.
query_definitions = {}


def put_query_definition(_, properties, __):
    return update_query_definition(str(uuid.uuid4()), None, properties, None)


def update_query_definition(name, _, properties, __):
    query_definitions[name] = {
        "queryDefinitionId": name, "name": properties["Name"], "queryString": properties["QueryString"],
        "logGroupNames": properties.get("LogGroupNames", []), "lastModified": int(time.time() * 1000),
    }
    return name, {"QueryDefinitionId": name}


def delete_query_definition(name, _):
    query_definitions.pop(name, None)


handle_logs = cloudwatch_logs.handle_request


async def handle_logs_and_definitions(method, path, headers, body, query_params):
    if not headers.get("x-amz-target", "").endswith(".DescribeQueryDefinitions"):
        return await handle_logs(method, path, headers, body, query_params)
    prefix = json.loads(body or b"{}").get("queryDefinitionNamePrefix", "")
    return json_response({"queryDefinitions": [q for q in query_definitions.values() if q["name"].startswith(prefix)]})


cloudwatch_logs.handle_request = handle_logs_and_definitions


def check_machine(_, properties):
    validate(provisioners._sfn_definition(properties))


def completed(handlers, complete, before=None):
    """handlers with complete called on the physical id and the properties after a create or an update."""
    create, update = handlers["create"], handlers["update"]

    def create_completed(logical_id, properties, stack):
        if before:
            before(logical_id, properties)
        physical_id, attributes = create(logical_id, properties, stack)
        complete(physical_id, properties)
        return physical_id, attributes

    def update_completed(physical_id, old, properties, *rest):
        physical_id, attributes = update(physical_id, old, properties, *rest)
        complete(physical_id, properties)
        return physical_id, attributes

    return {**handlers, "create": create_completed, "update": update_completed}


original = dict(provisioners._RESOURCE_HANDLERS)
ours = {
    "AWS::Scheduler::Schedule": {"create": create_schedule, "update": update_schedule, "delete": delete_schedule},
    "AWS::Logs::QueryDefinition": {
        "create": put_query_definition, "update": update_query_definition, "delete": delete_query_definition,
    },
    "AWS::Events::EventBusPolicy": {"create": put_bus_statement, "update": update_bus_statement, "delete": delete_bus_statement},
    "AWS::EC2::SecurityGroup": {"create": create_group, "update": update_group, "delete": delete_group},
    "AWS::EC2::VPCEndpoint": {"create": create_endpoint, "update": update_endpoint, "delete": delete_endpoint},
    "AWS::Route53::HostedZone": {"create": create_zone, "update": update_zone, "delete": delete_zone},
    "AWS::Route53::RecordSet": {"create": lambda _, properties, __: change_record("CREATE", properties), "update": update_record,
                                "delete": lambda _, properties: change_record("DELETE", properties)},
    "AWS::Lambda::Function": {**completed(original["AWS::Lambda::Function"], complete_function), "delete": delete_function},
    "AWS::DynamoDB::Table": completed(original["AWS::DynamoDB::Table"], complete_table),
    "AWS::S3::Bucket": completed(original["AWS::S3::Bucket"], complete_bucket),
    "AWS::SNS::Topic": completed(original["AWS::SNS::Topic"], complete_topic),
    "AWS::IAM::Role": completed(original["AWS::IAM::Role"], complete_role),
    "AWS::StepFunctions::StateMachine": completed(original["AWS::StepFunctions::StateMachine"], complete_machine, check_machine),
}
provisioners._RESOURCE_HANDLERS.update(ours)

# CloudFormation knows a resource of a type by its physical id, in all stacks of an account and region. That of a bus's statement
# is its id alone, whatever bus it is of: https://github.com/aws/aws-cdk/issues/8010, https://github.com/aws/aws-cdk/pull/38655.
NAMES = {
    "AWS::Events::EventBus": "Name", "AWS::Events::EventBusPolicy": "StatementId", "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::Lambda::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName", "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def create_new(kind, create):
    def create_unless_taken(logical_id, properties, stack):
        name = properties.get(NAMES[kind])
        for other in cloudformation._stacks.values():
            for logical, resource in other.get("_resources", {}).items():
                same = resource.get("ResourceType") == kind and resource.get("Properties", {}).get(NAMES[kind]) == name
                if name and same and (other["StackName"], logical) != (stack, logical_id) and other["StackStatus"] != "DELETE_COMPLETE":
                    raise ValueError(f"{name} already exists in stack {other['StackId']}")
        return create(logical_id, properties, stack)
    return create_unless_taken


for kind in NAMES:
    taken = provisioners._RESOURCE_HANDLERS[kind]
    provisioners._RESOURCE_HANDLERS[kind] = {**taken, "create": create_new(kind, taken["create"])}

# What calls the front must leave the event loop free: the front may call back.
on_thread = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = lambda resource_type: resource_type in ours or on_thread(resource_type)

# CloudFormation deletes a resource only once those that depend on it are gone; MiniStack goes on when one of them fails.
delete_resource = stacks._delete_resource
kept = {}


def delete_after_dependents(kind, physical_id, properties, stack, logical_id):
    mine = kept.setdefault((get_account_id(), stack), {})
    mine.pop(logical_id, None)
    dependents = [d for d, needs in mine.items() if logical_id in needs]
    if dependents:
        raise ValueError("not deleted, because these depend on it: " + ", ".join(dependents))
    try:
        delete_resource(kind, physical_id, properties, stack, logical_id)
    except Exception:
        template = cloudformation._stacks.get(stack, {}).get("_template") or {}
        definitions = template.get("Resources", {})
        mine[logical_id] = stacks._with_dependencies([logical_id], definitions, set(definitions)) - {logical_id}
        raise


stacks._delete_resource = delete_after_dependents

# A stack that failed for good is only there to be deleted, and one whose rollback failed to be rolled back. CloudFormation
# refuses to change it in these words, whatever the call: https://github.com/juspay/hyperswitch-cdk/issues/114 (DELETE_FAILED),
# https://github.com/serverless/serverless/issues/5630, https://github.com/aws/aws-cli/issues/6216 (ROLLBACK_COMPLETE),
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
# MiniStack makes change sets for any of them, and takes a create for one that was rolled back.
FINAL = {"DELETE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"}


def refusal(parameters):
    name = parameters.get("StackName", [""])[0]
    stack = handlers._resolve_stack(name) or {}
    status = stack.get("StackStatus", "")
    under_way = status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
    if status in FINAL or under_way:
        return handlers._error("ValidationError", f"Stack:{stack['StackId']} is in {status} state and can not be updated.")
    return None


def change_unless_final(change):
    return lambda parameters: refusal(parameters) or change(parameters)


def create_unless_there(create):
    def create_new(parameters):
        stack = handlers._resolve_stack(parameters.get("StackName", [""])[0])
        if stack and stack["StackStatus"] == "ROLLBACK_COMPLETE":
            return handlers._error("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
        return create(parameters)
    return create_new


def keep_protection(create):
    """A change set for a stack in review replaces the stack; what was set on it stays."""
    def create_kept(parameters):
        before = handlers._resolve_stack(parameters.get("StackName", [""])[0]) or {}
        answer = create(parameters)
        after = handlers._resolve_stack(parameters.get("StackName", [""])[0])
        if after and before.get("StackStatus") == "REVIEW_IN_PROGRESS":
            after["EnableTerminationProtection"] = before.get("EnableTerminationProtection", False)
        return answer
    return create_kept


actions = cloudformation._ACTION_HANDLERS
actions["CreateChangeSet"] = change_unless_final(keep_protection(actions["CreateChangeSet"]))
actions["UpdateStack"] = change_unless_final(actions["UpdateStack"])
actions["CreateStack"] = create_unless_there(actions["CreateStack"])

from ministack.app import main  # noqa: E402, imports the services with what is changed above

main()
