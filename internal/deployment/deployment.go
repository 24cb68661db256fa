// Package deployment is the names by which the parts of a deployed rdslink find each other: the CDK app makes things under
// them, and functions, tools and people look for them there.
package deployment

// Names that outlive a deployment: schedules, resolvers and scripts refer to them.
const (
	Stack         = "rdslink"
	StateMachine  = "rdslink-setup"
	Bus           = "rdslink"
	ScheduleGroup = "rdslink"
)

// Function is the name on AWS of the function in functions/NN-name.
func Function(name string) string { return "rdslink-" + name }

// Resolver is the name of a VPC's resolver.
func Resolver(vpcID string) string { return "rdslink-resolver-" + vpcID }

// The environment variables of the functions, for what CloudFormation or the deployer names.
const (
	RegistryTable        = "REGISTRY_TABLE"
	ConnectionsTopicARN  = "CONNECTIONS_TOPIC_ARN"
	HandoffTopicARN      = "HANDOFF_TOPIC_ARN"
	OperatorsTopicARN    = "OPERATORS_TOPIC_ARN"
	ResolverRoleARN      = "RESOLVER_ROLE_ARN"
	ResolverCodeBucket   = "RESOLVER_CODE_BUCKET"
	ResolverCodeKey      = "RESOLVER_CODE_KEY"
	ResolverArchitecture = "RESOLVER_ARCHITECTURE"
	ScheduleRoleARN      = "SCHEDULE_ROLE_ARN"
	IPSyncFunctionARN    = "IP_SYNC_FUNCTION_ARN"
	DatabaseGroups       = "DATABASE_GROUPS" // OnlyTagged, or nothing
	Tags                 = "RDSLINK_TAGS"    // a JSON object of strings, or nothing
)

// OnlyTagged in DatabaseGroups has step 7 change only security groups that carry a tag for it.
const OnlyTagged = "tagged"
