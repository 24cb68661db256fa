package iam

// exactARNs are ARNs of the reference that its copy cut so short that two types of one service look alike. A type of which AWS
// asks with a qualifier or a :* behind it (functions, state machines, log groups) stays as short as it was.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var exactARNs = map[string]string{
	"dynamodb table":                   "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*",
	"dynamodb index":                   "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*/index/.*",
	"dynamodb stream":                  "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*/stream/.*",
	"dynamodb backup":                  "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*/backup/.*",
	"dynamodb export":                  "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*/export/.*",
	"dynamodb import":                  "arn:${Partition}:dynamodb:${Region}:${Account}:table/[^/]*/import/.*",
	"events rule-on-default-event-bus": "arn:${Partition}:events:${Region}:${Account}:rule/[^/]*",
	"events rule-on-custom-event-bus":  "arn:${Partition}:events:${Region}:${Account}:rule/[^/]*/[^/]*",
	"lambda durable execution":         "arn:${Partition}:lambda:${Region}:${Account}:function:[^:]*:[^:]*/durable-execution/.*",
	"lambda function alias":            "arn:${Partition}:lambda:${Region}:${Account}:function:[^:]*:[^:/]*",
	"lambda function version":          "arn:${Partition}:lambda:${Region}:${Account}:function:[^:]*:[0-9]+",
	"lambda layerversion":              "arn:${Partition}:lambda:${Region}:${Account}:layer:[^:]*:[^:]*",
	"logs log-stream":                  "arn:${Partition}:logs:${Region}:${Account}:log-group:[^:]*:log-stream:.*",
	"s3 accesspointobject":             "arn:${Partition}:s3:${Region}:${Account}:accesspoint/[^/]*/object/.*",
	"s3 bucket":                        "arn:${Partition}:s3:::[^/]*",
	"s3 object":                        "arn:${Partition}:s3:::[^/]*/.*",
}
