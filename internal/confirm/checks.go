package confirm

import "context"

// check is how a row is looked at. What it reads stands in the row's last column, where a test writes it.
type check struct {
	row   int
	reads string
	look  func(context.Context, *view, *findings) error
}

// checks are in the order of the rows.
var checks = []check{
	{1, "step 5's log: `created endpoint service`, and no refusal", serviceIsMade},
	{4, "step 4's log: `created listener` after `created load balancer`, and no refusal", balancerIsChanged},
	{5, "`ec2:DescribeVpcEndpointConnections` without a filter, beside one with each service", connectionsAreListed},
	{6, "`VpcEndpointState` of every connection", statesAreSpelled},
	{7, "the observer's log: `put event` of a `ConnectionDeleted` for a connection that lives", nothingIsMissed},
	{10, "`VpcEndpointState` and `CreationTimestamp` of every connection: one pending for a week, or `expired`", requestsLast},
	{11, "the observer's log: `connection notification` within seconds of a request", notificationsCome},
	{12, "`servicequotas:ListServiceQuotas` of Amazon VPC", servicesHaveNoQuota},
	{14, "the network interfaces with that description", nodesAreDescribed},
	{15, "the nodes of an exposure beside those that its schedule goes through, or that its rules admit, a week later", nodesKeepAddresses},
	{16, "the metrics `NewFlowCount` and `SecurityGroupBlockedFlowCount_Inbound_TCP` of the load balancer", nothingIsBlocked},
	{17, "the health check of each target group, and step 3's log", healthCheckIsTaken},
	{18, "`elasticloadbalancing:DescribeAccountLimits`", balancersHaveALimit},
	{20, "the logs of the sync: no target is registered twice", registrationsShow},
	{21, "the sync's log: `register target`, then `synced`", targetsServe},
	{22, "the network interface of each target, beside the database's security groups", interfacesAreTheDatabases},
	{23, "DNS, from where the command runs", nameHasOneAddress},
	{24, "DNS, from where the command runs: run it outside the VPC", nameResolvesAnywhere},
	{26, "the sync's log: `database moves` before `register target`", eventsCome},
	{28, "step 2's log: `created function`, and no refusal that ended it", resolverIsMade},
	{29, "the resolver's log", resolverLogs},
	{31, "the errors of the executions' attempts", errorsAreNamed},
	{32, "the metric `SyncAge` without dimensions", metricsAreMade},
	{33, "the last event of an execution that waits in step 9", waitIsTold},
	{34, "the ends of the executions", waitEnds},
	{35, "the executions: step 1 succeeded", steps("kms:Decrypt", "Allow what the message names, then redrive.", "1.")},
	{37, "step 7's log: rules changed, and none that was not found", rulesAreChanged},
	{39, "`servicequotas:GetServiceQuota`", rulesHaveAQuota},
	{41, "the executions: steps 2 to 7 succeeded", steps("CreateTags|AddTags|TagResource", "Let your other policies allow it, then redrive.",
		"2.", "3.", "4.", "5.", "7.")},
	{46, "the metric `UnhealthyRoutingFlowCount` of the load balancer of MySQL or MariaDB, while its target is `unhealthy`",
		unhealthyTargetsServe},
	{49, "the port and the health of a proxy's targets", proxiesListen},
	{50, "`rds:DescribeGlobalClusters`, beside this region's clusters", secondariesAreTold},
	{53, "the executions, with `databaseGroups=tagged`: step 7 succeeded", taggedGroups},
	{56, "the executions: steps 1 and 8 succeeded", steps("kms:", "Allow it to the role on the key, through the service alone, then redrive.",
		"1.", "8.")},
	{58, "the executions: step 7 succeeded", steps("ec2:AuthorizeSecurityGroupIngress", "Allow it on every rule, then redrive.",
		"7.")},
	{59, "the schedules: one of a proxy", proxiesAreDescribed},
	{61, "step 2's log: `created function`", resolverIsTagged},
	{66, "the sync's log: `certificate names another server`, after `database moves` for a switchover", certificatesAreRenewed},
	{67, "the executions: the ten steps succeeded, and none was refused an action", steps(`\w+:\w+`,
		"Allow it to the role that was refused, then redrive.", "1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "9.", "10.")},
}
