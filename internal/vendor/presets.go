package vendor

// Engines, as vendors name them: by whose client they connect. PostgreSQL and MySQL are Aurora's too, to a client.
var (
	postgreSQL = []string{"postgres", "aurora-postgresql"}
	both       = []string{"postgres", "aurora-postgresql", "mysql", "aurora-mysql"}
	every      = []string{"postgres", "aurora-postgresql", "mysql", "aurora-mysql", "mariadb", "sqlserver", "oracle"} // no engine is named
)

// presets hold what the vendors' own documents say, in alphabetical order; what they leave open is not guessed here.
var presets = []Vendor{
	{
		ID:            "airbyte",
		Name:          "Airbyte Cloud",
		Asks:          []string{Account},
		Ask:           "from Airbyte, whom to contact first (Enterprise Flex)",
		Regions:       []string{"eu-west-3", "us-east-1"},
		AcrossRegions: true,
		Engines:       every,
		Handoff: "Share with Airbyte the service name, the region of the service and the type of the source or destination, which is the " +
			"engine below.",
		AfterShare: "Airbyte creates a VPC endpoint in us-east-1 or eu-west-3, and the PrivateLink connection is ready to use once we have " +
			"accepted it.",
		Source:  "Airbyte documentation, PrivateLink (docs.airbyte.com/platform/operating-airbyte/privatelink)",
		Checked: "2026-11-29",
	},
	{
		ID:            "artie",
		Name:          "Artie",
		Principals:    []string{"arn:aws:iam::788826912768:root"}, // of BYOC customers it may be another
		AcrossRegions: true,
		Engines:       every,
		Handoff: "In Artie: Settings, the tab PrivateLink connections, request a new PrivateLink connection with the environment, the data " +
			"plane, the VPC service name, the AZ IDs and the region.",
		AfterShare: "The connection is \"Under review\" until Artie's team approves, and \"Pending Acceptance\" until we accept. At least one " +
			"Availability Zone id must be common to Artie's endpoint and the service.",
		Source:  "Artie documentation, PrivateLink (artie.com/docs/connection-options/privatelink)",
		Checked: "2026-11-29",
	},
	{
		ID:            "boreal",
		Name:          "Boreal (514 Labs)",
		Principals:    []string{"arn:aws:iam::620936554363:root"},
		Regions:       []string{"us-east-2"},
		AcrossRegions: true,
		Engines:       []string{"aurora-postgresql"},
		Handoff:       "Give the service name and its Availability Zone ids to 514 Labs.",
		AfterShare:    "Boreal creates its endpoint in us-east-2, which the service must support.",
		Source:        "514 Labs, Terraform module for RDS (github.com/514-labs/terraform-rds-private-link)",
		Checked:       "2026-11-29",
	},
	{
		ID:            "clickpipes",
		Name:          "ClickHouse ClickPipes",
		Principals:    []string{"arn:aws:iam::072088201116:root"},
		Regions:       []string{"eu-central-1", "us-east-1", "us-east-2"},
		AcrossRegions: true,
		Engines:       both,
		Handoff: "In ClickHouse Cloud: Data Sources, Set up a ClickPipe, Reverse private endpoint, create a new one of the type VPC endpoint " +
			"service with the service name.",
		AfterShare: "ClickPipes creates the endpoint, which takes some time. Once we have accepted it and it is ready, its DNS name is in the " +
			"list of the service's reverse private endpoints: connect to that, with the port.",
		Source:  "ClickHouse documentation, AWS PrivateLink for ClickPipes (clickhouse.com/docs/integrations/clickpipes/aws-privatelink)",
		Checked: "2026-11-29",
	},
	{
		ID:      "confluent",
		Name:    "Confluent Cloud",
		Asks:    []string{Principals},
		Ask:     "in Confluent Cloud: the ARN of the Egress PrivateLink gateway's principal (Terraform: principal_arn of confluent_gateway)",
		Engines: every,
		Handoff: "Create an Egress PrivateLink Endpoint in the Egress PrivateLink gateway, with the service name: as an access point, in " +
			"Confluent Cloud or with confluent network access-point private-link egress-endpoint create --service.",
		AfterShare: "A DNS record of the gateway for the TLS server name, with this access point, lets connectors connect to that name.",
		Source: "Confluent Cloud documentation, Use AWS Egress PrivateLink Endpoints " +
			"(docs.confluent.io/cloud/current/networking/aws-egress-privatelink.html); Terraform provider, confluent_gateway",
		Checked: "2026-11-29",
	},
	{
		ID:   "databricks",
		Name: "Databricks serverless compute",
		// Databricks checks the exact ARN. In us-gov-west-1 there are two, for civil use and for the DoD: principals says which.
		Principals:    []string{"arn:aws:iam::565502421330:role/private-connectivity-role-" + OfRegion},
		AcrossRegions: true,
		Engines:       every,
		Handoff: "In the Databricks account console: the network connectivity configuration (NCC) of the workspaces, Add private endpoint " +
			"rule, with the service name as endpoint service, and the TLS server name as domain name.",
		AfterShare: "The rule is PENDING until we accept its endpoint, then ESTABLISHED; changes take some ten minutes. Serverless compute " +
			"then connects to the domain name and the port below.",
		Source: "Databricks documentation, Configure private connectivity to resources in your VPC " +
			"(docs.databricks.com/aws/en/security/network/serverless-network-security/pl-to-internal-network)",
		Checked: "2026-11-29",
	},
	{
		ID:         "dbt-cloud",
		Name:       "dbt Cloud, multi-tenant",
		Principals: []string{"arn:aws:iam::346425330055:role/MTPL_Admin"},
		MinZones:   2,
		Engines:    postgreSQL,
		Handoff: "Submit to dbt Support: \"New Multi-Tenant PrivateLink Request\", type Postgres Interface-type, with the VPC Endpoint Service " +
			"Name, the AWS region of the Postgres server, and the dbt Cloud multi-tenant environment (US, EMEA or AU).",
		AfterShare: "The endpoint is created by dbt Support, who tells you, and we accept it. New connections are then Private, with the " +
			"private endpoint in the dropdown.",
		Source:  "Documentation of dbt, Configure AWS PrivateLink for Postgres (docs.getdbt.com/docs/cloud/secure/postgres-privatelink)",
		Checked: "2026-11-29",
	},
	{
		ID:            "estuary",
		Name:          "Estuary, private deployment or BYOC",
		Asks:          []string{Account},
		Ask:           "from your Estuary point of contact: the AWS account of your private or BYOC deployment",
		AcrossRegions: true,
		Engines:       every,
		Handoff:       "Send to your Estuary point of contact the endpoint service name and the Availability Zone IDs that it offers.",
		AfterShare:    "Estuary creates the interface endpoint and, once we have accepted it, provides a DNS name to use as host name.",
		Source:        "Estuary documentation, Configure Connections with PrivateLink (docs.estuary.dev/private-byoc/privatelink)",
		Checked:       "2026-11-29",
	},
	{
		ID:         "firehose",
		Name:       "Amazon Data Firehose, database source",
		Principals: []string{"firehose.amazonaws.com"},
		Engines:    both,
		Handoff: "In the Firehose stream's source: the database's endpoint, which is the TLS server name, the port, and the service name as " +
			"VPC endpoint service name.",
		AfterShare: "Firehose makes a PrivateLink to the service, which is in its own region.",
		Source: "Amazon Data Firehose API Reference, DatabaseSourceVPCConfiguration " +
			"(docs.aws.amazon.com/firehose/latest/APIReference/API_DatabaseSourceVPCConfiguration.html), in preview",
		Checked: "2026-11-29",
	},
	{
		ID:         "fivetran",
		Name:       "Fivetran",
		Principals: []string{"arn:aws:iam::834469178297:root"},
		// The document says "one of our supported regions"; these are the data processing regions of its REST API, without
		// us-gov-west-1, as the principal is of another partition.
		Regions: []string{"ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-1",
			"eu-west-2", "us-east-1", "us-east-2", "us-west-2"},
		Engines: []string{"postgres", "aurora-postgresql", "mysql", "aurora-mysql", "mariadb", "sqlserver"},
		Handoff: "Open a Fivetran support ticket with the service name and, as host name of the destination, the TLS server name. With a " +
			"self-service account, enter the service name in the destination's setup form instead: Connect via Private Networking, " +
			"then Configure a new PrivateLink connection. A Business Critical plan is needed.",
		AfterShare: "Fivetran raises the connection request itself, which can take 10 minutes, and says so in the destination's setup form " +
			"once we have accepted it. Leave \"Require TLS when using PrivateLink\" on: off, it falls back to clear text.",
		Source:  "Fivetran documentation, AWS PrivateLink; regions: Fivetran REST API, private links",
		Checked: "2026-11-21",
	},
	{
		ID:      "hasura",
		Name:    "Hasura DDN, private data plane",
		Asks:    []string{Principals},
		Ask:     "in the Hasura Console: the data plane's details, Create Private Endpoint (the Hasura IAM Role ARN)",
		Engines: every,
		Handoff: "In the Hasura Console: the data plane's details, Create Private Endpoint, enter the service name, Validate, and select two " +
			"or more of the Availability Zones. The data plane must be in the region below.",
		AfterShare: "The endpoint is \"Pending Acceptance\" until we accept it, then Active. Its DNS addresses, which the table of private " +
			"endpoints shows, are what the connectors connect to.",
		Source:  "Hasura documentation, AWS Private Endpoints (hasura.io/docs/promptql/private-ddn/private-endpoints/aws)",
		Checked: "2026-11-29",
	},
	{
		ID:      "hevo",
		Name:    "Hevo",
		Asks:    []string{Principals},
		Ask:     "from Hevo Support: the ARN for AWS principals",
		Later:   true,
		Engines: every,
		Handoff: "Contact Hevo Support with the Endpoint Service name, the Availability Zones and the port (business plan). Your Hevo must be " +
			"in the region below.",
		AfterShare: "Hevo Support creates a VPC endpoint, and tells the ARN of the AWS principal to allow and, once we have accepted the " +
			"endpoint, the host name to connect to.",
		Source: "Hevo documentation, Connecting Through AWS VPC Endpoint " +
			"(docs.hevodata.com/getting-started/connection-options/connecting-through-aws-vpc-endpoint)",
		Checked: "2026-11-29",
	},
	{
		ID:      "immuta",
		Name:    "Immuta SaaS",
		Asks:    []string{Principals},
		Ask:     "from your Immuta representative: the Immuta service principal",
		Later:   true,
		Engines: postgreSQL,
		Handoff: "Open a support ticket with Immuta Support with the AWS region, the Availability Zone IDs, the VPC endpoint service ID " +
			"(the last part of the service name) and the port.",
		AfterShare: "Your representative provides a service principal to authorize, and Immuta completes the configuration of its VPC endpoint.",
		Source: "Immuta documentation, AWS PrivateLink for PostgreSQL (documentation.immuta.com/SaaS/configuration/application-configuration/" +
			"how-to-guides/private-networking-support/data-connection-private-networking/aws-privatelink-for-postgresql)",
		Checked: "2026-11-29",
	},
	{
		ID:            "materialize",
		Name:          "Materialize",
		Asks:          []string{Principals},
		Ask:           "in Materialize, after CREATE CONNECTION: SELECT principal FROM mz_aws_privatelink_connections",
		Later:         true,
		AcrossRegions: true,
		Engines:       both,
		Handoff: "In Materialize: CREATE CONNECTION privatelink_svc TO AWS PRIVATELINK (SERVICE NAME '...', AVAILABILITY ZONES ('...')), with " +
			"the service name and the Availability Zone ids below; from another region with AVAILABILITY ZONES ().",
		AfterShare: "Materialize creates the endpoint once its principal is allowed, and VALIDATE CONNECTION privatelink_svc tells when we " +
			"have accepted it. The connection to the database then says AWS PRIVATELINK privatelink_svc.",
		Source:  "Materialize documentation, AWS PrivateLink connections (materialize.com/docs/ops/network-security/privatelink)",
		Checked: "2026-11-29",
	},
	{
		ID:         "polytomic",
		Name:       "Polytomic",
		Asks:       []string{Account},
		Ask:        "from your Polytomic Solutions Engineer",
		MinZones:   2,
		Engines:    postgreSQL,
		Handoff:    "Send Polytomic the endpoint service name.",
		AfterShare: "Polytomic creates an interface VPC endpoint in its own VPC to the service name.",
		Source: "Polytomic documentation, Connecting through AWS PrivateLink via NLB " +
			"(docs.polytomic.com/docs/connecting-through-aws-privatelink-nlb)",
		Checked: "2026-11-29",
	},
	{
		ID:            "powersync",
		Name:          "PowerSync Cloud",
		Principals:    []string{"arn:aws:iam::131569880293:root"},
		Regions:       []string{"ap-northeast-1", "ap-southeast-2", "eu-west-1", "sa-east-1", "us-east-1"},
		AcrossRegions: true,
		MinZones:      2,
		Engines:       postgreSQL,
		Handoff:       "Contact PowerSync support with the service name and the id of the PowerSync instance (Team or Enterprise plan).",
		AfterShare: "PowerSync creates the private endpoint. Once we have accepted it, the instance's settings show it as VPC Endpoint " +
			"Hostname: verify the connection's details there, then deploy the instance, as it cannot be tested before.",
		Source:  "PowerSync documentation, Private Endpoints (docs.powersync.com/configuration/source-db/private-endpoints)",
		Checked: "2026-11-29",
	},
	{
		ID:         "pushmetrics",
		Name:       "PushMetrics",
		Principals: []string{"arn:aws:iam::133737826969:root"},
		Regions:    []string{"eu-central-1"},
		Engines:    both,
		Handoff:    "Send to your PushMetrics contact (e-mail or account manager).",
		AfterShare: "PushMetrics creates an interface endpoint to the service, tests the connection once we have accepted it, " +
			"and uses the endpoint's DNS name as the database host. Credentials are given in the PushMetrics application, and only then.",
		Source:  "PushMetrics documentation on RDS over AWS PrivateLink",
		Checked: "2026-11-21",
	},
	{
		ID:   "redis-cloud",
		Name: "Redis Cloud, Data Integration",
		Asks: []string{Principals, Zones},
		Ask: "in the Redis Cloud console: the target database's Data Pipeline tab, Create pipeline, Source connectivity (the Private Link " +
			"Role ARN and the Availability Zones)",
		Engines: every,
		Handoff: "In the Redis Cloud console: the target database's Data Pipeline tab, at the source's connectivity, enter the service name " +
			"as PrivateLink service name.",
		AfterShare: "Redis Cloud creates the endpoint, and the pipeline's setup goes on once we have accepted it. Data Integration reads " +
			"PostgreSQL by logical replication, which an RDS Proxy does not pass on.",
		Source:  "Redis documentation, Redis Cloud Data Integration, setup (redis.io/docs/latest/operate/rc/databases/rdi/setup)",
		Checked: "2026-11-29",
	},
	{
		ID:      "segment",
		Name:    "Segment (Twilio)",
		Asks:    []string{Principals},
		Ask:     "from your Customer Success Manager (CSM): Segment's AWS principal",
		Regions: []string{"eu-west-1", "us-east-1", "us-east-2", "us-west-2"},
		Engines: []string{"postgres"},
		Handoff: "Give the service name to your Customer Success Manager (CSM). Later tell the CSM too when the service's Availability Zones " +
			"change.",
		AfterShare: "Segment provisions a VPC endpoint in its Edge VPC and, once we have accepted it, gives you a private DNS name: update the " +
			"Host in the settings of your Segment app, or create a new Postgres integration.",
		Source:  "Segment documentation, Amazon Web Services PrivateLink (segment.com/docs/connections/aws-privatelink), in private beta",
		Checked: "2026-11-29",
	},
	{
		ID:   "tidb-cloud",
		Name: "TiDB Cloud",
		Asks: []string{Account, Zones},
		Ask: "in the TiDB Cloud console: the cluster's Settings > Networking, \"Private Link Connection For Dataflow\", " +
			"Create Private Link Connection",
		Engines: []string{"mysql", "aurora-mysql"},
		Handoff: "Enter the service name in the TiDB Cloud console: the cluster's Settings > Networking, \"Private Link Connection For " +
			"Dataflow\", Create Private Link Connection. The cluster must be in the region below; for another, ask TiDB Cloud Support.",
		AfterShare: "TiDB Cloud creates the endpoint itself, from the account and in the Availability Zones that its console shows.",
		Source:     "TiDB Cloud documentation, Connect to Amazon RDS via a Private Link Connection",
		Checked:    "2026-11-21",
	},
	{
		ID:            "trigger-dev",
		Name:          "Trigger.dev",
		Asks:          []string{Account},
		Ask:           "on the page \"Add connection\" of the Trigger.dev dashboard: the Trigger.dev AWS account ID",
		AcrossRegions: true,
		Engines:       every,
		Handoff: "On the page \"Add connection\" of the Trigger.dev dashboard, submit the endpoint service name and the region " +
			"(Pro or Enterprise).",
		AfterShare: "Trigger.dev provisions a VPC endpoint. Once we have accepted it the connection is Active, and the dashboard shows its IP " +
			"address: put that into the connection string of your tasks.",
		Source:  "Trigger.dev documentation, Private networking (trigger.dev/docs/private-networking/overview)",
		Checked: "2026-11-29",
	},
}
